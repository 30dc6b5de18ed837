"""Aggregates: what an event's data, with its lists of lines, comes to as rows of the tables of a shape's parts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from strangler.shapes import Shape

Whole = Callable[[Mapping[str, Any]], bool]
"""Whether nothing was left out of an event's data: no field, no list, and nothing of a line in one."""


def whole(shape: Shape) -> Whole:
    """What tells it of this shape's events."""
    names = frozenset(own_names(shape)) | {name for name, _ in shape.children}
    inner = [(name, whole(child)) for name, child in shape.children]
    if not inner:
        return lambda data: data.keys() >= names
    return lambda data: (
        data.keys() >= names and all(all(map(is_whole, data[name])) for name, is_whole in inner)
    )


def own_names(shape: Shape) -> list[str]:
    """The names of a shape's fields as an event says them: of lines, without those of the parent's key."""
    above = shape.under.key if shape.under else ()
    return [field.name for field in shape.fields if field.name not in above]


def lines(shape: Shape, data: Mapping[str, Any]) -> Iterator[tuple[Shape, dict[str, Any]]]:
    """Every line in whole data, behind what it stands under, with its shape; as a row it has the parent's key too."""
    if not shape.children:
        return
    above = {name: data[name] for name in shape.key}
    for name, child in shape.children:
        for line in data[name]:
            row = {**line, **above}
            yield child, row
            yield from lines(child, row)
