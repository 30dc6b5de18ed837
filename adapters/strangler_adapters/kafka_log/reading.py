"""Reading: partitions by offset, ahead of being asked, with bounded memory.

A client's consumer hands out what has arrived, of any partition; a reader of the log asks for one partition. In between
stands a cursor for each partition, with what arrived of it and wasn't asked for yet.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from strangler.errors import StoreError
from strangler_adapters.kafka_log.driver import Fetched, Place, Reader
from strangler_adapters.kafka_log.limits import AHEAD, FETCH_WAIT, READ
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.wording import silent


@dataclass
class _Cursor:
    """All records from `start` on are in `waiting`, up to `reached`, from where the client goes on."""

    start: int
    reached: int
    waiting: deque[Fetched] = field(default_factory=deque)
    size: int = 0
    paused: bool = False


class Reading:
    """Reads committed records. `connect` makes the client's reader when it is first needed, and again after `close`."""

    def __init__(self, options: Options, connect: Callable[[], Reader]) -> None:
        self._options, self._connect = options, connect
        self._client: Reader | None = None
        self._cursors: dict[Place, _Cursor] = {}
        self._ends: dict[Place, int] = {}
        self._due: dict[Place, int] = {}

    def expect(self, ends: Mapping[Place, int]) -> None:
        """From now on the end of these partitions is there or beyond; and everywhere it is asked for anew."""
        self._due.update(ends)
        self._ends.clear()

    def read(self, place: Place, start: int, limit: int) -> tuple[list[Fetched], int]:
        """Up to `limit` records from `start` on, as many as have arrived, and where to go on from. None only at the end."""
        cursor = self._cursor(place, start)
        self._fill(place, cursor)
        taken: list[Fetched] = []
        size = 0
        while cursor.waiting and len(taken) < limit and size < READ:
            record = cursor.waiting.popleft()
            taken.append(record)
            size += len(record.value)
        cursor.size -= size
        if taken:
            cursor.start = taken[-1].offset + 1 if cursor.waiting else cursor.reached
        return taken, cursor.start

    def begin(self, place: Place) -> int:
        """The offset of the first record that is kept."""
        return self._reader().beginnings([place])[place]

    def end(self, place: Place) -> int:
        """The offset after the last committed record."""
        return max(self.ends([place])[place], self._due.get(place, 0))

    def ends(self, places: list[Place]) -> dict[Place, int]:
        """The same of several at once, as the broker says just now."""
        return self._reader().ends(places)

    def close(self) -> None:
        """Let go of the client; what follows connects again."""
        client, self._client = self._client, None
        self._cursors.clear()
        self._ends.clear()
        if client is not None:
            client.close()

    def _reader(self) -> Reader:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _cursor(self, place: Place, start: int) -> _Cursor:
        cursor = self._cursors.get(place)
        if cursor is None or cursor.start != start:
            client = self._reader()
            first = self.begin(place)
            if start < first:
                raise StoreError(
                    f"partition {place.partition} of topic {place.topic} begins at offset {first}, behind {start}, which is wanted",
                    why="its retention is shorter than nobody read it, or records were deleted",
                    do="log.options.retention: forever; and fill the stores of this function again: strangler backfill",
                )
            if cursor is not None and cursor.paused:
                client.resume(place)
            cursor = self._cursors[place] = _Cursor(start, start)
            client.seek(place, cursor.reached)
            self._ends.pop(place, None)
        return cursor

    def _fill(self, place: Place, cursor: _Cursor) -> None:
        """Wait until something is here, or it is certain that there is nothing."""
        if cursor.waiting:
            return
        end = self._end_once(place)
        client = self._reader()
        deadline = time.monotonic() + self._options.timeout
        while cursor.reached < end and not cursor.waiting:
            if cursor.paused:
                client.resume(place)
                cursor.paused = False
            before = cursor.reached
            self._receive(client, place)
            if cursor.reached > before:
                deadline = time.monotonic() + self._options.timeout
            elif time.monotonic() > deadline:
                raise silent(self._options, f"what partition {place.partition} of {place.topic} holds")

    def _receive(self, client: Reader, wanted: Place) -> None:
        for place, records, next in client.poll(wanted, FETCH_WAIT):
            cursor = self._cursors[place]
            cursor.waiting.extend(records)
            cursor.size += sum(len(record.value) for record in records)
            cursor.reached = next
            if cursor.size > AHEAD and not cursor.paused:
                client.pause(place)
                cursor.paused = True

    def _end_once(self, place: Place) -> int:
        """The partition's end as it was at or after the last `expect`. The broker is asked for all partitions at once, and each
        answer is used once, so that a round over them costs one question."""
        if place not in self._ends:
            self._ends = self._reader().ends(list(self._cursors))
        return max(self._ends.pop(place), self._due.get(place, 0))
