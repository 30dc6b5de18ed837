"""What the event log says last of some keys: read once for all of them, backwards from its end, no farther than a bound.

A log is read forwards, so it is read in windows, the newest first, of one partition after the other. An event that leaves fields out is
put together with older ones of its key. What is older than the bound isn't known, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final, NamedTuple

from strangler.changes import ORIGIN, Position
from strangler.events import Effect, Event
from strangler.ports import EventLog, Offset

MOST_EVENTS: Final = 200_000
"""Events that are read at most, of all partitions together: a few seconds."""

WINDOW: Final = 5_000
"""Events of one window: so many are in memory at once."""

Key = tuple[str, str]
"""An entity and the key of one of its aggregates."""


class Last(NamedTuple):
    """The last event of a key, and all that the log says of it by then: `data` as if no event had left a field out, None where the
    event removed it."""

    event: Event
    data: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class History:
    """Of the keys that were asked for and have one the last event. Every event with a position after `searched` was looked at; None: it
    can't be told which were. `read` is how many were looked at."""

    last: Mapping[Key, Last]
    searched: Position | None
    read: int


def look_back(
    log: EventLog, stream: str, wanted: Mapping[Key, Collection[str]], most: int = MOST_EVENTS
) -> History:
    """Look for the last event of each key, and for what it or older ones say of the names that are wanted of its data. Raises what
    the log raises."""
    return _Search(log, stream, wanted, most).run()


@dataclass
class _Partition:
    """Where the search is in a partition: what is at or behind `reached` was looked at. `searched` is the highest position in the oldest
    window, for those before it are lower; a few, of changes that were released from quarantine, are lower than their neighbours."""

    number: int
    begin: Offset
    reached: Offset
    searched: Position | None = None

    @property
    def is_through(self) -> bool:
        return self.reached <= self.begin


@dataclass
class _Search:
    log: EventLog
    stream: str
    wanted: Mapping[Key, Collection[str]]
    most: int
    read: int = 0
    newest: dict[Key, Event] = field(default_factory=dict)
    data: dict[Key, dict[str, Any] | None] = field(default_factory=dict)
    open: set[Key] = field(default_factory=set)

    def run(self) -> History:
        self.open = set(self.wanted)
        partitions = [self._partition(number) for number in range(self.log.partitions(self.stream))]
        for partition in _in_turn(partitions):
            if not self.open or self.read >= self.most:
                break
            self._look_at(self._window(partition))
        last = {key: Last(event, self.data[key]) for key, event in self.newest.items()}
        return History(last, _searched(partitions), self.read)

    def _partition(self, number: int) -> _Partition:
        begin, end = self.log.begin(self.stream, number), self.log.end(self.stream, number)
        return _Partition(number, begin, end, None if begin else ORIGIN if begin == end else None)

    def _window(self, partition: _Partition) -> list[Event]:
        """The events of the window before what was looked at. The last of them may have been: a log's offsets have gaps."""
        at, end = Offset(max(partition.begin, partition.reached - WINDOW)), partition.reached
        partition.reached = at
        found: list[Event] = []
        while at < end and (records := self.log.read(self.stream, partition.number, at, end - at)):
            found += [record.event for record in records]
            at = records[-1].next
        self.read += len(found)
        if partition.is_through and not partition.begin:
            partition.searched = ORIGIN
        elif found:
            partition.searched = max(event.position for event in found)
        return found

    def _look_at(self, events: list[Event]) -> None:
        for event in reversed(events):
            key = (event.entity, event.key)
            if key in self.open:
                self._take(key, event)

    def _take(self, key: Key, event: Event) -> None:
        """Put what the event says under what newer ones said."""
        first = key not in self.newest
        newer = {} if first else self.data[key] or {}
        self.newest.setdefault(key, event)
        removes = event.effect is Effect.REMOVE
        self.data[key] = None if removes and first else {**event.data, **newer}
        if removes or all(name in (self.data[key] or {}) for name in self.wanted[key]):
            self.open.discard(key)


def _in_turn(partitions: list[_Partition]) -> Iterator[_Partition]:
    """Those that aren't through yet, one after the other, until all are."""
    for partition in cycle(partitions):
        if all(each.is_through for each in partitions):
            return
        if not partition.is_through:
            yield partition


def _searched(partitions: list[_Partition]) -> Position | None:
    reached = [each.searched for each in partitions]
    return None if None in reached else max((each for each in reached if each is not None), default=ORIGIN)
