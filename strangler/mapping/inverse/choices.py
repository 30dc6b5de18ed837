"""Back from choices: code tables, and the constants that stand for NULL.

Where both NULL and a constant read alike, the constant comes back: it is what the mapping says that legacy means
(`COALESCE(active, TRUE)` gives TRUE back, `NULLIF(day, '00000000')` the zeros). NULL is what remains where the column can't take it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from strangler.mapping.bad_value import shown
from strangler.mapping.inverse.steps import NoWay, Rules, Step
from strangler.mapping.nodes import Call, Case, Coalesce, Literal, Lookup, Node, columns
from strangler.shapes import FieldType

_BOOLEANS: Final = (True, False, None)


def coalesce(node: Coalesce) -> Step:
    inner, *others = node.args
    if not columns(inner) or any(columns(other) for other in others):
        raise NoWay("from which of several columns it comes isn't known")

    def undo(value: Any) -> Iterator[Any]:
        yield value
        yield None

    return Step(inner, undo, exact=not inner.nullable, nulls=True)


def _null_if(call: Call) -> Step:
    inner, other = call.args
    if columns(other) or not isinstance(other, Literal):
        raise NoWay("what stands for NULL is in a column itself")

    def undo(value: Any) -> Iterator[Any]:
        if value is None and other.value is not None:
            yield other.value
        yield value

    return Step(inner, undo, exact=not inner.nullable, nulls=True)


def case(node: Case) -> Step:
    """A table of codes: each condition asks whether one and the same expression is a constant, each value is a constant of its own."""
    asked = [_asked(condition) for condition, _ in node.branches]
    subject = asked[0][0]
    if any(other != subject for other, _ in asked):
        raise NoWay("its conditions ask different things, so it is no table of codes")
    *values, default = _constants(node)
    if all(key is None for _, key in asked):
        return Step(subject, lambda _: _BOOLEANS, exact=not subject.nullable, nulls=True)
    if default is not None:
        raise NoWay("ELSE stands for every code that the table doesn't have")
    table = [(key, value) for (_, key), value in zip(asked, values, strict=True)]

    def undo(value: Any) -> Iterator[Any]:
        yield from (key.value for key, each in table if key is not None and each == value)
        if value is None:
            yield None

    return Step(subject, undo, exact=not subject.nullable, nulls=True)


def lookup(node: Lookup) -> Step:
    """A code map, where no two codes mean the same."""
    if len(set(node.codes.values())) < len(node.codes):
        raise NoWay(f"several codes of the code map {node.codes.name!r} mean the same")
    of_meaning = {meaning: code for code, meaning in node.codes.items()}
    # A NULL of a partial map may come from any code that it doesn't hold.
    return Step(node.code, lambda value: (of_meaning[value],), exact=not node.partial)


def _asked(condition: Node) -> tuple[Node, Literal | None]:
    """What the condition asks about, and the code that it must be; None: it must be true, or false."""
    match condition:
        case Call(name=name, args=(subject, Literal() as key)) if name.startswith("equal_"):
            return subject, key
        case Call(name=name, args=(Literal() as key, subject)) if name.startswith("equal_"):
            return subject, key
        case Call(name="in_list", args=(subject, Literal() as key)):
            return subject, key
        case Call(name="is_null", args=(subject,)):
            return subject, Literal(None, subject.type)
        case Call(name="not" | "is_true" | "is_false", args=(subject,)):
            return subject, None
    return condition, None


def _constants(node: Case) -> list[Any]:
    """The values of the branches, and that of ELSE. Raises NoWay when one isn't a constant, or is that of several codes."""
    values: list[Any] = []
    for value in (*(value for _, value in node.branches), node.default):
        if not isinstance(value, Literal):
            raise NoWay("its values aren't constants, so it is no table of codes")
        if value.value in values:
            raise NoWay(f"several codes become {shown(value.value)}")
        values.append(value.value)
    return values


RULES: Final[Rules] = {
    "not": lambda call: Step(call.args[0], lambda value: (not value,), exact=True),
    **{f"null_if_{kind.value}": _null_if for kind in FieldType},
}
