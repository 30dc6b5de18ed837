"""The way back through a whole expression: from the field's value to candidates for the value of its one column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from strangler.mapping import python
from strangler.mapping.inverse import casts, choices, numbers, texts
from strangler.mapping.inverse.steps import NoWay, Rules, Step
from strangler.mapping.nodes import Applied, Call, Case, Coalesce, Literal, Lookup, Node, Reference
from strangler.shapes import Column

RULES: Final[Rules] = {**casts.RULES, **texts.RULES, **numbers.RULES, **choices.RULES}
"""By the name of the operation. What isn't here has no way back."""


@dataclass(frozen=True, slots=True)
class Way:
    """From a field's value, as expressions see it, to values of `column`, the preferred one first. They are to be read forwards
    before one is taken. `exact`: the very value of legacy comes back; otherwise perhaps another one that reads alike."""

    column: Column
    exact: bool
    back: Callable[[Any], Iterator[Any]]


def way(node: Node) -> Way:
    """The way back through the expression. Raises NoWay."""
    if isinstance(node, Reference):
        return Way(node.column, True, lambda value: iter((value,)))
    step = _step(node)
    rest = way(step.inner)
    return Way(rest.column, step.exact and rest.exact, _composed(step, rest.back))


def _step(node: Node) -> Step:
    match node:
        case Call(name=name):
            rule = RULES.get(name)
            if rule is None:
                raise NoWay(_why(name))
            return rule(node)
        case Case():
            return choices.case(node)
        case Coalesce():
            return choices.coalesce(node)
        case Lookup():
            return choices.lookup(node)
        case Applied():
            raise NoWay("a Python function isn't undone; `reverse:` says what legacy gets")
        case Literal() | Reference():
            raise NoWay("it is a constant")


def _composed(step: Step, rest: Callable[[Any], Iterator[Any]]) -> Callable[[Any], Iterator[Any]]:
    def back(value: Any) -> Iterator[Any]:
        try:
            found = (None,) if value is None and not step.nulls else step.undo(value)
        except python.FAILURES:
            return
        for each in found:
            yield from rest(each)

    return back


_LOST: Final = {
    "upper": "which letters were small isn't known",
    "lower": "which letters were large isn't known",
    "surrogate": "a hash can't be undone; other fields have to hold what it is made of",
    "length": "it says how long a text is, not which",
    "replace": "what was replaced can't be told from what was there",
    "text_to_boolean": "a boolean is written in several ways, and which one legacy reads isn't known",
    "text_to_time": "a time is written in several ways, and which one legacy reads isn't known",
    "text_to_timestamp": "a timestamp is written in several ways, and which one legacy reads isn't known",
    "text_to_instant": "a timestamp is written in several ways, and which one legacy reads isn't known",
    "timestamp_to_date": "the time of day is left out",
    "timestamp_to_time": "the day is left out",
    **dict.fromkeys(("substring_from", "right"), "the rest of the text is cut off"),
    **dict.fromkeys(("absolute_integer", "absolute_decimal"), "the sign is left out"),
    **dict.fromkeys(
        ("year_of", "month_of", "day_of", "hour_of", "minute_of"), "the other parts are left out"
    ),
}


def _why(name: str) -> str:
    return _LOST.get(name, "a condition says less than the values that it is about")
