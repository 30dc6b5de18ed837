"""Steps back: what undoes one operation of an expression.

The way back undoes one operation after the other, from the field's value down to the column. An operation may give the same for
several values (`COALESCE(a, 0)` is 0 for 0 and for NULL), so a step gives candidates, the preferred one first. Whoever goes the way reads
each of them forwards again and takes the first that holds; so a rule may propose what doesn't hold, and must not leave out what does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from strangler.mapping.nodes import Call, Literal, Node, columns

Undo = Callable[[Any], Iterable[Any]]
"""The values from which the operation may have made this one; raises one of `python.FAILURES` when it can't have."""


class Step(NamedTuple):
    """Undoes one operation: leads from its value to that of `inner`.

    `exact`: no two values of `inner` give the same one, so that the very one comes back. `nulls`: NULL, too, is undone by
    `undo`; otherwise it comes from NULL alone.
    """

    inner: Node
    undo: Undo
    exact: bool
    nulls: bool = False


class NoWay(Exception):
    """An expression has no way back, for the reason that is its text."""


Rule = Callable[[Call], Step]
Rules = Mapping[str, Rule]


def same(value: Any) -> Iterable[Any]:
    """The value itself."""
    return (value,)


def operand(call: Call) -> Node:
    """The one argument that comes from a column; the others are constants. Raises NoWay."""
    found = [arg for arg in call.args if columns(arg)]
    if len(found) != 1:
        raise NoWay("several values from columns come together in it, and which part is whose isn't known")
    return found[0]


def subject(call: Call) -> Node:
    """The first argument, where it is the operand: what is done to it is given by constants. Raises NoWay."""
    if operand(call) is not call.args[0]:
        raise NoWay("what is done to it is in a column itself")
    return call.args[0]


def constants(call: Call, after: int = 1) -> list[Any]:
    """The values of the arguments from the place on, all of them constants."""
    return [arg.value for arg in call.args[after:] if isinstance(arg, Literal)]
