"""Delivery: from the event log into the store of one function, one thread per function.

The mark of how far it is lies in the store and is written with the effect (invariant 2), so a kill at any point repeats
or loses nothing. Where the function stands decides whether events flow at all: once the new service owns it, what still
comes from legacy is a late write, counted and never applied (invariant 4).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from strangler.changes import ORIGIN, Position
from strangler.control import deliveries, sources, standings
from strangler.control.store import Control
from strangler.cutover.stages import RULES, Standing
from strangler.ports import EventLog, Mark, Offset, Record, ServiceStore
from strangler.shapes import Shape
from strangler.sync.sweeping import Sweeping

logger = logging.getLogger("strangler.sync.delivery")

NOTE_EVERY = 0.3
"""Seconds between two notes of progress in the control store and, when idle, of the mark in the store."""


@dataclass
class _Partition:
    """Where delivery stands in one partition of the function's stream."""

    number: int
    reader: str
    next: Offset
    position: Position
    noted: Position = ORIGIN


@dataclass
class _Late:
    """How far late writes are counted, per partition, and how many there are."""

    next: dict[int, Offset] = field(default_factory=dict)
    count: int = 0


class Delivery:
    """Fills one function's store, which is prepared for `shapes`. `run` returns when `stop` is set and raises when log or store fail."""

    def __init__(
        self,
        function: str,
        source: str,
        log: EventLog,
        store: ServiceStore,
        control: Control,
        batch: int,
        shapes: Sequence[Shape],
    ) -> None:
        self._function, self._source = function, source
        self._log, self._store, self._control, self._batch = log, store, control, batch
        self._sweeping = Sweeping(function, shapes, store, control)
        self._entities = {shape.entity for shape in shapes}
        self._partitions: list[_Partition] = []
        self._late = _Late()
        self._rows = 0
        self._lag: float | None = None
        self._noted = 0.0

    def run(self, stop: threading.Event, wait: Callable[[], None]) -> None:
        """Deliver until `stop`; `wait` returns after a moment, sooner when the log has grown."""
        self._rows = deliveries.rows(self._control, self._function)
        self._partitions = [self._partition(n) for n in range(self._log.partitions(self._function))]
        while not stop.is_set():
            standing = standings.of(self._control, self._function)
            if RULES[standing.stage].delivery:
                self._late = _Late()
                more = self._deliver_and_sweep(standing)
            else:
                more = self._count_late(standing)
            self._note(standing)
            if not more:
                wait()

    def _partition(self, number: int) -> _Partition:
        reader = f"{self._function}/{number}"
        mark = self._store.mark(reader)
        if mark is None:
            return _Partition(number, reader, Offset(0), ORIGIN)
        return _Partition(number, reader, Offset(int(mark.at)), mark.position, mark.position)

    def _deliver_and_sweep(self, standing: Standing) -> bool:
        """Deliver; when that came to the end of the log, also forget what nothing in it can need."""
        limits = self._sweeping.limits(self._complete())  # Before the log is read.
        more = self._deliver(standing)
        if limits and not more and standing.sync_until is None:
            self._sweeping.sweep(limits)
        return more

    def _complete(self) -> Position:
        """The store is complete up to there."""
        return min((partition.position for partition in self._partitions), default=ORIGIN)

    def _deliver(self, standing: Standing) -> bool:
        """One batch of each partition; True when there may be more at once."""
        more = False
        for partition in self._partitions:
            # Read before the records: at their end the store is that far.
            known = self._log.position(self._source)
            records = self._log.read(self._function, partition.number, partition.next, self._batch)
            until = standing.sync_until
            wanted = records if until is None else _before(records, until)
            if wanted:
                self._apply(partition, wanted)
            if len(wanted) < len(records):
                self._reached(partition, Position(until or known))
            elif len(records) < self._batch:
                self._reached(partition, min(known, until) if until else known)
            else:
                more = True
        return more

    def _apply(self, partition: _Partition, records: list[Record]) -> None:
        last = records[-1]
        position = max(partition.position, last.event.position)
        mark = Mark(partition.reader, str(last.next), position)
        # The log may hold events of entities that were taken out of the configuration; should one come back, it is filled anew.
        events = [record.event for record in records if record.event.entity in self._entities]
        self._rows += self._store.apply(events, mark)  # Invariants 2 and 3.
        partition.next, partition.position, partition.noted = last.next, position, position
        self._lag = max(0.0, time.time() - last.event.time)

    def _reached(self, partition: _Partition, position: Position) -> None:
        """The store is complete up to `position`; the mark says so now and then, for it has no effect to go with."""
        partition.position = max(partition.position, position)
        self._lag = None
        if partition.position > partition.noted and self._due():
            self._store.apply([], Mark(partition.reader, str(partition.next), partition.position))
            partition.noted = partition.position

    def _count_late(self, standing: Standing) -> bool:
        """Invariant 4: what legacy still writes after the switch is counted, never applied."""
        more, limit = False, standing.sync_until
        if limit is None:
            return False
        for partition in self._partitions:
            start = self._late.next.get(partition.number, partition.next)
            records = self._log.read(self._function, partition.number, start, self._batch)
            late = sum(record.event.position > limit for record in records)
            if late:
                self._late.count += late
                logger.warning(
                    "late writes in legacy", extra={"function": self._function, "count": self._late.count}
                )
            if records:
                self._late.next[partition.number] = records[-1].next
            more = more or len(records) == self._batch
        return more

    def _due(self) -> bool:
        return time.time() - self._noted >= NOTE_EVERY

    def _note(self, standing: Standing) -> None:
        """Tell the control store, so that gates, the conductor and reports know."""
        if not self._due():
            return
        self._noted = time.time()
        deliveries.report(
            self._control,
            self._function,
            position=self._complete(),
            generation=standing.generation,
            rows=self._rows,
            late_writes=self._late.count,
            lag=self._measured_lag(),
        )

    def _measured_lag(self) -> float | None:
        """Seconds between legacy's last commit that isn't in the store and now; None when the source was never heard of."""
        if self._lag is not None:
            return self._lag
        heard = sources.get(self._control, self._source)
        return None if heard is None else max(0.0, heard.seen_at - heard.committed_at)


def _before(records: list[Record], until: Position) -> list[Record]:
    """The records up to the first event beyond `until`."""
    for index, record in enumerate(records):
        if record.event.position > until:
            return records[:index]
    return records
