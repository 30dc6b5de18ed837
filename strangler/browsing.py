"""Browsing: what the event log holds, for people and programs that look at it. Reads, never writes.

The partitions of a stream, and the streams, are laid together by the time of the source's commit. Within a partition nothing is
moved: events of one key come in the order in which they were appended, also one that waited in quarantine and is older than its
neighbours.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import orjson

from strangler.changes import Position
from strangler.events import Event, encode_key
from strangler.ports import EventLog, Offset

PAGE: Final = 500
"""Records read at once."""


class Place(NamedTuple):
    """One partition of one function's stream."""

    stream: str
    partition: int


class Entry(NamedTuple):
    """An event and where it stands: who reads `place` from `offset` on gets it first."""

    place: Place
    offset: Offset
    event: Event


class Wanted(NamedTuple):
    """Which events are asked for. None: all. `keys` are the ways in which the key may stand in the log."""

    entity: str | None = None
    keys: frozenset[str] | None = None

    def takes(self, entry: Entry) -> bool:
        event = entry.event
        return (self.entity is None or event.entity == self.entity) and (
            self.keys is None or event.key in self.keys
        )


def keys_of(text: str) -> frozenset[str]:
    """The keys that somebody may mean who writes `42`, `BE01` or `["BE01","42"]`: the type of a single one isn't known."""
    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = text
    return frozenset(
        {encode_key(value)} if isinstance(value, list) else {encode_key([value]), encode_key([text])}
    )


def places(log: EventLog, streams: Iterable[str]) -> list[Place]:
    """All partitions of these streams."""
    return [Place(stream, number) for stream in streams for number in range(log.partitions(stream))]


def entries(log: EventLog, where: Sequence[Place], start: Offset, wanted: Wanted) -> Iterator[Entry]:
    """What these partitions hold from offset `start` on, to their ends as they are when they are reached."""
    each = [_from(log, place, start) for place in where]
    return filter(wanted.takes, heapq.merge(*each, key=_when))


def last(log: EventLog, where: Sequence[Place], count: int) -> tuple[list[Entry], dict[Place, Offset]]:
    """The last `count` entries, and for each partition where to read on."""
    found: list[Entry] = []
    ends: dict[Place, Offset] = {}
    for place in where:
        newest, ends[place] = _last_of(log, place, count)
        found = list(heapq.merge(found, newest, key=_when))
    return found[max(0, len(found) - count) :], ends


def news(log: EventLog, ends: dict[Place, Offset]) -> list[Entry]:
    """What was appended since, a page of each partition at most; moves `ends` on."""
    found: list[list[Entry]] = []
    for place, start in ends.items():
        found.append([])
        for record in log.read(*place, start, PAGE):
            found[-1].append(Entry(place, ends[place], record.event))
            ends[place] = record.next
    return list(heapq.merge(*found, key=_when))


def _from(log: EventLog, place: Place, start: Offset) -> Iterator[Entry]:
    while records := log.read(*place, start, PAGE):
        for record in records:
            yield Entry(place, start, record.event)
            start = record.next


def _last_of(log: EventLog, place: Place, count: int) -> tuple[list[Entry], Offset]:
    """Offsets may have gaps, so that one looks further and further back until enough is found."""
    end = log.end(*place)
    if not count:
        return [], end
    back, begin = count, log.begin(*place)
    while True:
        start = Offset(max(begin, end - back))
        found, reached = _tail(log, place, start, count)
        if len(found) == count or start == begin:
            return found, reached
        back *= 4


def _tail(log: EventLog, place: Place, start: Offset, count: int) -> tuple[list[Entry], Offset]:
    found: deque[Entry] = deque(maxlen=count)
    reached = start
    while records := log.read(*place, reached, PAGE):
        for record in records:
            found.append(Entry(place, reached, record.event))
            reached = record.next
    return list(found), reached


def _when(entry: Entry) -> tuple[float, Position]:
    return entry.event.time, entry.event.position
