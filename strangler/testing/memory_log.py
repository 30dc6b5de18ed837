"""An event log in memory: the in-memory peer of the port. Gone with the process, otherwise whole."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from zlib import crc32

import orjson

from strangler.changes import ORIGIN, Position
from strangler.errors import StoreError
from strangler.events import Event, check_facts
from strangler.ports import Address, Finding, Offset, Record, Share


@dataclass
class MemoryRecords:
    """What several handles of one log share."""

    partitions: int = 1
    streams: dict[tuple[str, int], list[Event]] = field(default_factory=lambda: defaultdict(list))
    positions: dict[str, Position] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class MemoryLog:
    """An `EventLog` over `records`; another one over the same records is another handle of the same log."""

    def __init__(self, records: MemoryRecords | None = None) -> None:
        self._records = records or MemoryRecords()

    def append(self, source: str, events: Sequence[Event], position: Position | None) -> None:
        check_facts(events)
        copies = [event._replace(data=_copied(event)) for event in events]
        with self._records.lock:
            if position is not None:
                known = self._records.positions.get(source, ORIGIN)
                copies = [event for event in copies if event.position > known]
                self._records.positions[source] = max(position, known)
            for event in copies:
                partition = crc32(event.key.encode()) % self._records.partitions
                self._records.streams[event.function, partition].append(event)

    def position(self, source: str) -> Position:
        return self._records.positions.get(source, ORIGIN)

    def partitions(self, stream: str) -> int:
        return self._records.partitions

    def read(self, stream: str, partition: int, start: Offset, limit: int) -> list[Record]:
        with self._records.lock:
            events = self._records.streams.get((stream, partition), [])[start : start + limit]
        return [Record(Offset(start + number), event) for number, event in enumerate(events, 1)]

    def begin(self, stream: str, partition: int) -> Offset:
        return Offset(0)

    def end(self, stream: str, partition: int) -> Offset:
        with self._records.lock:
            return Offset(len(self._records.streams.get((stream, partition), [])))

    def share(self, stream: str) -> Share | None:
        return None

    def address(self, stream: str) -> Address:
        return Address("memory", (), "", stream, "in this process only", cloudevents=False)

    def examine(self, streams: Sequence[str], outage: float) -> list[Finding]:
        return []

    def close(self) -> None:
        """Nothing to release; the records stay."""


def _copied(event: Event) -> dict[str, object]:
    """The data as it would come back from any log: through JSON."""
    try:
        data: dict[str, object] = orjson.loads(orjson.dumps(event.data))
    except orjson.JSONEncodeError as error:
        raise StoreError(f"the event {event.id} can't be written", why=str(error)) from error
    return data
