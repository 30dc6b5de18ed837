r"""From the text of a pattern to its tree. What the engines don't read alike, or not all of them, raises WrongPattern.

`\d`, `\w` and `\s` are the classes of ASCII that they are short for. `^` and `$` stand for the ends of the whole text, and
only at the ends of the pattern or of one of its alternatives.
"""

from __future__ import annotations

from typing import Final

from strangler.mapping.regular.choices import ends_alike_in
from strangler.mapping.regular.tree import (
    Branch,
    Characters,
    Choice,
    Pattern,
    Place,
    Repeat,
    Sequence,
    Tree,
    WrongPattern,
    can_be_empty,
)

MOST: Final = 255
"""Repetitions that are counted: PostgreSQL takes no more."""

_LONGEST: Final = 500
_DEEPEST: Final = 20

_DIGIT: Final = (("0", "9"),)
_SHORT: Final = {
    "d": _DIGIT,
    "w": (*_DIGIT, ("A", "Z"), ("a", "z"), ("_", "_")),
    "s": ((" ", " "), ("\t", "\r")),
}
_CONTROL: Final = {"n": "\n", "r": "\r", "t": "\t"}
_ESCAPES: Final = r"\d, \w, \s, \n, \r, \t, or a backslash before a sign"
_KINDS: Final = ("09", "AZ", "az")
_QUANTIFIERS: Final = "*+?{"


def parse(text: str) -> Pattern:
    """The pattern. Raises WrongPattern."""
    if not text or len(text) > _LONGEST:
        raise WrongPattern(Place(0, max(len(text) - 1, 0)), f"a pattern has from 1 to {_LONGEST} characters")
    return _Parser(text).pattern()


class _Parser:
    """Goes over the text once; `_at` is the next character."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth = text, 0, 0

    def pattern(self) -> Pattern:
        branches = [self._branch()]
        while self._take("|"):
            branches.append(self._branch())
        if self._at < len(self._text):
            raise self._wrong("this bracket closes nothing", r"\) for the sign itself")
        return Pattern(tuple(branches))

    def _branch(self) -> Branch:
        begin = self._take("^")
        body = self._sequence()
        end = self._take("$")
        if end and self._next not in ("", "|"):
            self._at -= 1
            raise self._wrong("$ stands at the end only", r"\$ for the sign itself")
        return Branch(begin, body, end)

    def _sequence(self) -> Tree:
        start = self._at
        parts: list[Tree] = []
        while self._next not in ("", "|", ")", "$"):
            parts.append(self._repeated())
        if not parts:
            place = Place(start, max(start, min(self._at, len(self._text) - 1)))
            raise WrongPattern(place, "something to match is missing here", "(…)? for what may be missing")
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self) -> Tree:
        start = self._at
        body = self._atom()
        if self._next not in tuple(_QUANTIFIERS):
            return body
        least, most = self._quantifier()
        if self._next in tuple(_QUANTIFIERS):
            raise self._wrong(
                "a repetition isn't repeated, and takes as much as it can", "brackets around it"
            )
        whole = Place(start, self._at - 1)
        if can_be_empty(body):
            raise WrongPattern(whole, "what is repeated here may be empty", "a repetition of something")
        made = Repeat(body, least, most)
        if most != 1 and not isinstance(body, Characters) and not ends_alike_in(made):
            what = "this repetition can be read in more ways than one, which may take for ever"
            raise WrongPattern(whole, what, "parts that begin with different characters")
        return made

    def _quantifier(self) -> tuple[int, int | None]:
        sign, start = self._char(), self._at - 1
        if sign != "{":
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        least, comma, most = self._text[self._at :].partition("}")[0].partition(",")
        self._at += len(least) + len(comma) + len(most)
        numbers = all(
            each.isascii() and each.isdigit() and int(each) <= MOST for each in (least, most or "0")
        )
        if (
            not self._take("}")
            or not numbers
            or (most and int(most) < max(int(least), 1))
            or (int(most or least or 0) == 0 and not comma)
        ):
            place = Place(start, min(self._at, len(self._text)) - 1)
            raise WrongPattern(
                place, f"a count is {{n}}, {{n,}} or {{n,m}}, up to {MOST}", r"\{ for the sign itself"
            )
        return int(least), (int(most) if most else None) if comma else int(least)

    def _atom(self) -> Tree:
        start, sign = self._at, self._char()
        match sign:
            case "(":
                return self._group()
            case "[":
                return self._class(start)
            case ".":
                return Characters((), negated=True)
            case "\\":
                return Characters(self._escape())
            case "*" | "+" | "?" | "{" | "}" | "]" | "^":
                self._at = start
                why = "^ stands at the beginning only" if sign == "^" else f"{sign} has no meaning here"
                raise self._wrong(why, f"\\{sign} for the sign itself")
        return Characters(((sign, sign),))

    def _group(self) -> Tree:
        start = self._at - 1
        if self._next == "?":
            raise self._wrong("a group has no options here", "(…)")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise WrongPattern(Place(start, start), "groups are nested too deeply")
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        if self._next == "$":
            raise self._wrong("$ stands at the end only", r"\$ for the sign itself")
        if not self._take(")"):
            raise WrongPattern(Place(start, start), "this bracket isn't closed", r"\( for the sign itself")
        self._depth -= 1
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _class(self, start: int) -> Characters:
        negated = self._take("^")
        members: list[tuple[str, str]] = []
        while self._next not in ("", "]"):
            members += self._member()
        if not members or not self._take("]"):
            place = Place(start, max(start, min(self._at, len(self._text) - 1)))
            raise WrongPattern(
                place, "a class begins with [, holds characters, and ends with ]", r"\[ for the sign itself"
            )
        return Characters(tuple(members), negated)

    def _member(self) -> tuple[tuple[str, str], ...]:
        start, sign = self._at, self._char()
        if sign == "[":
            self._at = start
            raise self._wrong("[ has no meaning in a class", r"\[ for the sign itself, or 0-9, A-Z, a-z")
        found = self._escape() if sign == "\\" else ((sign, sign),)
        if self._next != "-" or self._text[self._at + 1 : self._at + 2] in ("", "]"):
            return found
        self._at += 1
        last = self._char()
        if not any(low <= sign <= last <= high for low, high in _KINDS):
            place = Place(start, self._at - 1)
            raise WrongPattern(
                place,
                "a stretch is one of digits or of letters A-Z or a-z",
                r"0-9, A-F; \- for the sign itself",
            )
        return ((sign, last),)

    def _escape(self) -> tuple[tuple[str, str], ...]:
        sign = self._char() if self._next else ""
        if sign in _SHORT:
            return _SHORT[sign]
        found = _CONTROL.get(sign, sign)
        if not found or (found == sign and (sign.isalnum() or not sign.isascii())):
            place = Place(self._at - (2 if sign else 1), self._at - 1)
            raise WrongPattern(place, "the databases don't agree on this, or not all know it", _ESCAPES)
        return ((found, found),)

    @property
    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _char(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _take(self, sign: str) -> bool:
        taken = self._next == sign
        self._at += taken
        return taken

    def _wrong(self, what: str, instead: str) -> WrongPattern:
        return WrongPattern(Place(self._at, self._at), what, instead)
