r"""A pattern as text for an engine, with everything written out about which engines differ.

Signs are escaped whether they need it or not. `.` takes a line feed too; the ends are those of the text, also where a line
feed stands last.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from strangler.mapping.regular.tree import Branch, Characters, Choice, Pattern, Repeat, Sequence, Tree


class Engine(NamedTuple):
    """How it writes any character, and the end of the text."""

    any: str
    end: str


PYTHON: Final = Engine("(?s:.)", r"\Z")
POSTGRES: Final = Engine(".", r"\Z")
BACKTRACKING: Final = Engine("(?s:.)", r"\z")
"""PCRE and ICU: those of MariaDB and MySQL."""


def written(pattern: Pattern, engine: Engine) -> str:
    """The pattern as the engine reads it."""
    return "|".join(_branch(branch, engine) for branch in pattern.branches)


def _branch(branch: Branch, engine: Engine) -> str:
    return ("\\A" if branch.begin else "") + _tree(branch.body, engine) + (engine.end if branch.end else "")


def _tree(tree: Tree, engine: Engine) -> str:
    match tree:
        case Characters():
            return _characters(tree, engine)
        case Sequence(parts=parts):
            return "".join(_tree(part, engine) for part in parts)
        case Choice(branches=branches):
            return f"(?:{'|'.join(_tree(branch, engine) for branch in branches)})"
        case Repeat(body=body, least=least, most=most):
            once = _tree(body, engine)
            whole = once if isinstance(body, Characters | Choice) else f"(?:{once})"
            return whole + _count(least, most)


def _count(least: int, most: int | None) -> str:
    known = {(0, None): "*", (1, None): "+", (0, 1): "?"}.get((least, most))
    if known:
        return known
    return f"{{{least}}}" if least == most else f"{{{least},{'' if most is None else most}}}"


def _characters(characters: Characters, engine: Engine) -> str:
    match characters:
        case Characters(members=(), negated=True):
            return engine.any
        case Characters(members=((first, last),), negated=False) if first == last:
            return _sign(first)
    listed = "".join(
        _sign(first) if first == last else f"{_sign(first)}-{_sign(last)}"
        for first, last in characters.members
    )
    return f"[{'^' if characters.negated else ''}{listed}]"


def _sign(sign: str) -> str:
    plain = not sign.isascii() or sign.isalnum() or sign in " _\t\n\v\f\r"
    return sign if plain else f"\\{sign}"
