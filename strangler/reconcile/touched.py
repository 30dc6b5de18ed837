"""The keys that events were about lately, as the log has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from strangler.browsing import PAGE
from strangler.errors import Refused
from strangler.events import Event
from strangler.ports import EventLog, Offset

MOST: Final = 500_000
"""Keys that one run takes: beyond that the whole table is compared sooner."""


def keys_since(log: EventLog, function: str, since: float) -> dict[str, set[str]]:
    """Entity → the keys of its aggregates that events were about whose time (seconds since the epoch) isn't before `since`."""
    found: dict[str, set[str]] = {}
    for partition in range(log.partitions(function)):
        start = first_since(log, function, partition, since)
        for event in events_from(log, function, partition, start):
            if event.time >= since:
                keys = found.setdefault(event.entity, set())
                keys.add(event.key)
                if len(keys) > MOST:
                    raise Refused(
                        f"events were about more than {MOST:,} keys of {function}.{event.entity} since then",
                        do="take a later --since, or --mode full",
                    )
    return found


def first_since(log: EventLog, function: str, partition: int, since: float) -> Offset:
    """The offset behind which nothing is missed: by halves, since events come about in the order of their times. One that waited in
    quarantine is older than its neighbours, so that whole pages are asked for the newest in them."""
    low, high = log.begin(function, partition), log.end(function, partition)
    while low < high:
        middle = Offset((low + high) // 2)
        records = log.read(function, partition, middle, PAGE)
        if records and max(record.event.time for record in records) < since:
            low = records[-1].next
        else:
            high = middle
    return low


def events_from(log: EventLog, function: str, partition: int, start: Offset) -> Iterator[Event]:
    """The events of a partition from an offset to the end."""
    while records := log.read(function, partition, start, PAGE):
        start = records[-1].next
        for record in records:
            yield record.event
