"""The side of events: the newest of the log, each as the entity that it says, in a scratch file.

Of several events of one key the last is looked at. One that leaves fields out says nothing of them, so it isn't looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from strangler import browsing
from strangler.errors import StranglerError
from strangler.events import Effect, Event
from strangler.mapping.nodes import Node
from strangler.ports import EventLog
from strangler.quality import relations
from strangler.quality.checks import Checked
from strangler.quality.gathering import Picture, Rows
from strangler.quality.scratch import Scratch
from strangler.shapes import Shape


def picture(function: str, parts: Sequence[Checked], log: EventLog, most: int, scratch: Scratch) -> Picture:
    """What the last `most` events of the function's stream say. Raises StranglerError when there is none."""
    entries, _ = browsing.last(log, browsing.places(log, [function]), most)
    if not entries:
        raise StranglerError(
            f"there are no events of {function} to check",
            why="its stream of the event log is empty",
            do=f"strangler advance {function}, with `strangler worker` running, and wait for a change",
        )
    newest = {(each.event.entity, each.event.key): each.event for each in entries}
    said = [event for event in newest.values() if event.effect is Effect.UPSERT]
    rows, unlike = {}, 0
    for part in parts:
        table = scratch.of(part.shape)
        root = part.part.root.shape
        own = [event for event in said if event.entity == root.entity]
        whole = [event for event in own if is_whole(root, event.data)]
        if part.part.depth == 0:
            unlike += len(own) - len(whole)
        table.add_all(row for event in whole for row in _rows(part, root, event))
        rows[function, part.name] = Rows(scratch.dialect, scratch.url, partial(_sql, part.shape, table.name))
    return Picture("events", rows, notes=[_note(len(entries), len(said), unlike)])


def is_whole(shape: Shape, data: Mapping[str, Any]) -> bool:
    """Whether the data says every field of the shape, and of all lines below."""
    under = set(shape.under.key) if shape.under else set()
    if any(field.name not in data for field in shape.fields if field.name not in under):
        return False
    return all(
        isinstance(data.get(name), list) and all(is_whole(child, line) for line in data[name])
        for name, child in shape.children
    )


def _rows(part: Checked, root: Shape, event: Event) -> Iterator[Sequence[Any]]:
    """The rows of the part that the event says."""
    way = part.name.split(".")[1:]
    for data in _below(root, dict(event.data), way):
        yield tuple(data[field.name] for field in part.shape.fields)


def _below(shape: Shape, data: dict[str, Any], way: Sequence[str]) -> Iterator[dict[str, Any]]:
    if not way:
        yield data
        return
    child = dict(shape.children)[way[0]]
    above = {name: data[name] for name in shape.key}
    for line in data[way[0]]:
        yield from _below(child, {**above, **line}, way[1:])


def _note(entries: int, said: int, unlike: int) -> str:
    note = f"a sample: the last {entries:,} events, which say {said:,} entities"
    return f"{note}; {unlike:,} of these say only a part and weren't looked at" if unlike else note


def _sql(shape: Shape, table: str, where: Node | None) -> str:
    return relations.store(shape, Scratch.dialect, table, where)
