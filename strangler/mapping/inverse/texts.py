"""Back from texts: fixed parts are taken off again, blanks that were trimmed stay away, padding is taken off.

Nothing is guessed that legacy might take for another value: which letters were small, what was cut, how many zeros were trimmed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from strangler.mapping import runtime
from strangler.mapping.inverse.fitting import bounds, longest
from strangler.mapping.inverse.steps import NoWay, Rules, Step, constants, operand, same, subject
from strangler.mapping.nodes import Call, Literal, Node, Reference
from strangler.mapping.reading import padded


def _join(call: Call) -> Step:
    return Step(operand(call), _without(*_fixed(call)), exact=True)


def _concat(call: Call) -> Step:
    """NULL is left out like a text without characters; it is that which comes back."""
    inner, (before, after) = operand(call), _fixed(call)
    within = _without(before, after)

    def undo(value: str | None) -> Iterable[str | None]:
        return () if value is None else (*within(value), None)

    return Step(inner, undo, exact=not inner.nullable, nulls=True)


def _fixed(call: Call) -> tuple[str, str]:
    """The text before the operand and behind it. Raises NoWay."""
    at = call.args.index(operand(call))
    return _text(call, call.args[:at]), _text(call, call.args[at + 1 :])


def _text(call: Call, args: tuple[Node, ...]) -> str:
    values = [arg.value for arg in args if isinstance(arg, Literal)]
    if None in values and call.name == "join":
        raise NoWay("the result is always NULL")
    return runtime.concat(*values)


def _without(before: str, after: str) -> Any:
    def undo(value: str) -> Iterable[str]:
        fits = len(value) >= len(before) + len(after) and value.startswith(before) and value.endswith(after)
        return (value[len(before) : len(value) - len(after)],) if fits else ()

    return undo


def _trim(call: Call) -> Step:
    """Of blanks only: they are padding, and stay away. How many zeros were trimmed nobody knows afterwards."""
    inner = subject(call)
    (characters,) = constants(call)
    if characters is None or set(characters) - {" "}:
        raise NoWay("how much was trimmed isn't known")
    right = call.name == "trim_right" and isinstance(inner, Reference) and padded(inner.column)
    if right or not characters:
        return Step(inner, same, exact=True)

    def undo(value: str) -> Iterable[str]:
        """The other one is for `TRIM(NULLIF(name, ''))`, which is empty for a blank only."""
        return value, f" {value}" if call.name == "trim_left" else f"{value} "

    return Step(inner, undo, exact=False)


def _pad(call: Call) -> Step:
    """The filling is taken off, as much of it as can be but for one character; then less and less of it.

    What may have been cut has no way back: a text of unknown width altogether, a number where its digits leave no room for filling.
    """
    inner = subject(call)
    length, fill = constants(call)
    if fill is None:
        raise NoWay("the result is always NULL")
    number = isinstance(inner, Call) and inner.name in ("integer_to_text", "decimal_to_text")
    if not number:
        _require_room(inner, length)
    pad = runtime.pad_left if call.name == "pad_left" else runtime.pad_right

    def undo(value: str) -> Iterator[str]:
        most = length - 1 if number and _may_be_cut(inner, length, value) else length
        for size in (*range(1, most + 1), 0):
            part = value[max(len(value) - size, 0) :] if call.name == "pad_left" else value[:size]
            if pad(part, length, fill) == value:
                yield part

    return Step(inner, undo, exact=False)


def _beginning(call: Call) -> Step:
    """The first characters are the text where it has no others."""
    inner = subject(call)
    *start, length = constants(call)
    if start not in ([], [1]):
        raise NoWay(_CUT)
    _require_room(inner, length)
    return Step(inner, same, exact=True)


_CUT: Final = "the rest of the text is cut off"


def _require_room(node: Node, length: int) -> None:
    """Raise NoWay where the text may be longer."""
    most = _width(node)
    if most is None or most > length:
        raise NoWay(f"a text of more than {length} characters would be cut")


def _width(node: Node) -> int | None:
    """The most characters that the text has; None: it isn't known."""
    match node:
        case Reference(column=column):
            return longest(column)
        case Call(name="trim" | "trim_left" | "trim_right" | "null_if_text", args=(inner, _)):
            return _width(inner)
    return None


def _may_be_cut(number: Node, length: int, value: str) -> bool:
    """Whether a number's text that fills the whole length may have been longer."""
    match number:
        case Call(name="integer_to_text", args=(Reference(column=column),)):
            least, greatest = bounds(column)
            return len(str(least if value.startswith("-") else greatest)) > length
    return True


RULES: Final[Rules] = {
    "join": _join,
    "concat": _concat,
    "trim": _trim,
    "trim_left": _trim,
    "trim_right": _trim,
    "pad_left": _pad,
    "pad_right": _pad,
    "left": _beginning,
    "substring": _beginning,
}
