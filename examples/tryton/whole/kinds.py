"""Kinds of edits: what one is, and how several become one call, which Tryton makes one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from examples.tryton.whole.world import World

Values = dict[str, Any]


class Edit(NamedTuple):
    """One edit: `names` are the kinds in it, and `model.method(*arguments)` makes it. `of` is the record that it's about."""

    names: tuple[str, ...]
    model: str
    method: str
    arguments: tuple[Any, ...]
    of: int


@dataclass(frozen=True, slots=True)
class Change:
    """A kind of change to an existing record. `touches` says of what: no two such changes go into one form.

    `make` gives the values to write, or None where there is nothing to change so.
    """

    name: str
    weight: int
    touches: str
    make: Callable[[Random, World, int], Values | None]


@dataclass(frozen=True, slots=True)
class Act:
    """A kind of edit that stands alone; `make` gives None where there is nothing to do it to. `bulk`: whether it can be done to several
    records in one call."""

    name: str
    weight: int
    make: Callable[[Random, World], Edit | None]
    bulk: bool = True


def form(model: str, id: int, changes: Sequence[Change], dice: Random, world: World) -> Edit | None:
    """What somebody changes in one form before saving it."""
    values: Values = {}
    names: list[str] = []
    touched: set[str] = set()
    for change in changes:
        if change.touches in touched:
            continue
        made = change.make(dice, world, id)
        if made is None:
            continue
        touched.add(change.touches)
        names.append(change.name)
        for name, value in made.items():
            values[name] = [*values[name], *value] if name in values else value
    return Edit(tuple(names), model, "write", ([id], values), id) if names else None


def together(edits: Sequence[Edit]) -> tuple[Any, ...]:
    """The arguments of one call that makes all the edits, which are of one model and method."""
    if edits[0].method == "write":
        return tuple(part for edit in edits for part in edit.arguments)
    return ([part for edit in edits for part in edit.arguments[0]],)
