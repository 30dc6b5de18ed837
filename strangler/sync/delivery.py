"""Delivery: from the event log into the store of one function, one thread per function and worker.

The mark of how far it is lies in the store and is written with the effect (invariant 2), so a kill at any point repeats
or loses nothing. Where the function stands decides whether events flow at all: once the new service owns it, what still
comes from legacy is a late write, counted and never applied (invariant 4).

Several workers divide the partitions of a stream where the log lets them share it. A partition that comes is opened where
the store's mark says; one that goes is let go of before the next batch. Should two hold one for a moment, because one
of them was frozen and doesn't know yet, the store refuses the one whose mark is old.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from strangler.changes import ORIGIN, Position
from strangler.control import deliveries, sources, standings
from strangler.control.store import Control
from strangler.cutover.stages import RULES, Standing
from strangler.ports import EventLog, Mark, Offset, Record, ServiceStore, Share
from strangler.shapes import Shape
from strangler.sync import limits
from strangler.sync.sweeping import Sweeping

logger = logging.getLogger("strangler.sync.delivery")

NOTE_EVERY = 0.3
"""Seconds between two notes of progress in the control store and, when idle, of the mark in the store."""


def reader_of(function: str, partition: int) -> str:
    """The name under which delivery keeps its mark of a partition in the store."""
    return f"{function}/{partition}"


@dataclass
class _Partition:
    """Where delivery stands in one partition of the function's stream. `rows` were written from it since the start; `lag` in
    seconds, None at the end of the log; `late` writes are counted up to `late_next`."""

    number: int
    reader: str
    next: Offset
    position: Position
    noted: Position
    rows: int
    lag: float | None = None
    late: int = 0
    late_next: Offset | None = None


class Delivery:
    """Fills one function's store, which is prepared for `shapes`. `run` returns when `stop` is set and raises when log or store fail.

    `share` tells which partitions are this worker's; None: all of them.
    """

    def __init__(
        self,
        function: str,
        source: str,
        log: EventLog,
        share: Share | None,
        store: ServiceStore,
        control: Control,
        batch: int,
        shapes: Sequence[Shape],
    ) -> None:
        self._function, self._source = function, source
        self._log, self._share, self._store, self._control, self._batch = log, share, store, control, batch
        self._sweeping = Sweeping(function, shapes, store, control)
        self._entities = {shape.entity for shape in shapes}
        self._all: frozenset[int] = frozenset()
        self._partitions: dict[int, _Partition] = {}
        self._noted = 0.0

    def run(self, stop: threading.Event, wait: Callable[[], None]) -> None:
        """Deliver until `stop`; `wait` returns after a moment, sooner when the log has grown."""
        self._all = frozenset(range(self._log.partitions(self._function)))
        deliveries.expect(self._control, self._function, len(self._all))
        while not stop.is_set():
            standing = standings.of(self._control, self._function)
            delivers = RULES[standing.stage].delivery
            more = self._deliver_and_sweep(standing) if delivers else self._count_late(standing)
            self._note(standing)
            if not more:
                wait()

    def _mine(self) -> Iterator[_Partition]:
        """The partitions that are this worker's, one after the other; each still is when it is given."""
        self._divide()
        for number in sorted(self._partitions):
            if partition := self._partitions.get(number):
                yield partition
                self._divide()

    def _divide(self) -> None:
        """Let go of partitions that are another worker's now, and open those that are this one's."""
        mine = self._all if self._share is None else self._share.partitions()
        for number in self._partitions.keys() - mine:
            logger.info("partition let go of", extra={"function": self._function, "partition": number})
            del self._partitions[number]
        for number in mine - self._partitions.keys():
            self._partitions[number] = self._open(number)

    def _open(self, number: int) -> _Partition:
        reader = reader_of(self._function, number)
        mark = self._store.mark(reader) or Mark(reader, str(self._log.begin(self._function, number)), ORIGIN)
        rows = deliveries.rows(self._control, self._function, number)
        return _Partition(number, reader, Offset(int(mark.at)), mark.position, mark.position, rows)

    def _deliver_and_sweep(self, standing: Standing) -> bool:
        """Deliver; when that came to the end of the log, also forget what nothing in it can need."""
        limits = self._sweeping.limits(self._complete())  # Before the log is read.
        more = self._deliver(standing)
        if limits and not more and standing.sync_until is None and self._others_are_through():
            self._sweeping.sweep(limits)
        return more

    def _complete(self) -> Position:
        """The store is complete up to there, as far as is known here."""
        mine = [partition.position for partition in self._partitions.values()]
        if self._partitions.keys() != self._all:
            record = deliveries.get(self._control, self._function)
            mine.append(record.position if record else ORIGIN)
        return min(mine)

    def _others_are_through(self) -> bool:
        """Whether nothing is left to deliver in the partitions of other workers."""
        for number in self._all - self._partitions.keys():
            mark = self._store.mark(reader_of(self._function, number))
            start = Offset(int(mark.at)) if mark else self._log.begin(self._function, number)
            if self._log.read(self._function, number, start, 1):
                return False
        return True

    def _deliver(self, standing: Standing) -> bool:
        """One batch of each partition; False when all were at their end."""
        more = False
        # Read before the records: at their end the store is that far.
        known = self._log.position(self._source)
        # After that, since a stop is noted before the log passes what is passed over: what is claimed here is complete.
        limits.refuse_stopped(self._control, self._function)
        until = standing.sync_until
        for partition in self._mine():
            partition.late, partition.late_next = 0, None
            records = self._log.read(self._function, partition.number, partition.next, self._batch)
            wanted = records if until is None else _before(records, until)
            if wanted:
                self._apply(partition, wanted)
            if len(wanted) < len(records):
                self._reached(partition, Position(until or known))
            elif records:
                more = True
            else:
                self._reached(partition, min(known, until) if until else known)
        return more

    def _apply(self, partition: _Partition, records: list[Record]) -> None:
        last = records[-1]
        position = max(partition.position, last.event.position)
        mark = Mark(partition.reader, str(last.next), position)
        # The log may hold events of entities that were taken out of the configuration; should one come back, it is filled anew.
        events = [record.event for record in records if record.event.entity in self._entities]
        partition.rows += self._store.apply(events, mark)  # Invariants 2 and 3.
        partition.next, partition.position, partition.noted = last.next, position, position
        partition.lag = max(0.0, time.time() - last.event.time)

    def _reached(self, partition: _Partition, position: Position) -> None:
        """The store is complete up to `position`; the mark says so now and then, for it has no effect to go with."""
        partition.position = max(partition.position, position)
        partition.lag = None
        if partition.position > partition.noted and self._due():
            self._store.apply([], Mark(partition.reader, str(partition.next), partition.position))
            partition.noted = partition.position

    def _count_late(self, standing: Standing) -> bool:
        """Invariant 4: what legacy still writes after the switch is counted, never applied."""
        limits.refuse_stopped(self._control, self._function)
        more, limit = False, standing.sync_until
        for partition in self._mine():
            if limit is None:
                continue
            start = partition.next if partition.late_next is None else partition.late_next
            records = self._log.read(self._function, partition.number, start, self._batch)
            late = sum(record.event.position > limit for record in records)
            if late:
                partition.late += late
                logger.warning(
                    "late writes in legacy", extra={"function": self._function, "count": partition.late}
                )
            if records:
                partition.late_next = records[-1].next
                more = True
        return more

    def _due(self) -> bool:
        return time.time() - self._noted >= NOTE_EVERY

    def _note(self, standing: Standing) -> None:
        """Tell the control store, so that gates, the conductor and reports know."""
        if not self._due():
            return
        self._noted = time.time()
        at_end = self._lag_at_the_end()
        with self._control.begin():
            for partition in self._partitions.values():
                deliveries.report(
                    self._control,
                    self._function,
                    partition=partition.number,
                    position=partition.position,
                    generation=standing.generation,
                    rows=partition.rows,
                    late_writes=partition.late,
                    lag=at_end if partition.lag is None else partition.lag,
                )

    def _lag_at_the_end(self) -> float | None:
        """Seconds between legacy's last commit that isn't in the log and now; None when the source was never heard of."""
        heard = sources.get(self._control, self._source)
        return None if heard is None else max(0.0, heard.seen_at - heard.committed_at)


def _before(records: list[Record], until: Position) -> list[Record]:
    """The records up to the first event beyond `until`."""
    for index, record in enumerate(records):
        if record.event.position > until:
            return records[:index]
    return records
