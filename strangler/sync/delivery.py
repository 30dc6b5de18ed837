"""Delivery: from the event log into the store of one function, one thread per function and worker.

The mark of how far it is lies in the store and is written with the effect (invariant 2), so a kill at any point repeats
or loses nothing. Where the cohort of an event stands decides whether it flows: once the new service owns it, what still
comes from legacy is a late write, withheld and never applied (invariant 4); while its owner is being changed, what comes behind the
position of the switch is withheld until that is decided. The others go on. What was withheld is noted in the mark, and made up for as
soon as legacy owns the cohort after all (`strangler.sync.places`).

Several workers divide the partitions of a stream where the log lets them share it. A partition that comes is opened where
the store's mark says; one that goes is let go of before the next batch. Should two hold one for a moment, because one
of them was frozen and doesn't know yet, the store refuses the one whose mark is old.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from strangler.changes import ORIGIN, Position
from strangler.control import astray, backfills, deliveries, sources, standings
from strangler.control.astray import Key
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Side
from strangler.events import Event
from strangler.ports import EventLog, Mark, Record, ServiceStore, Share
from strangler.shapes import Shape
from strangler.sync import limits
from strangler.sync.places import Place, Withheld
from strangler.sync.sweeping import Sweeping
from strangler.sync.whose import Whose, deciding, flows

logger = logging.getLogger("strangler.sync.delivery")

NOTE_EVERY = 0.3
"""Seconds between two notes of progress in the control store and, when idle, of the mark in the store."""

WAIT = 0.1
"""Longest wait for the log to grow, in seconds: another worker may be writing it, whose bell isn't heard here; nor is a new standing."""

AWAITED_WAIT = 0.02
"""The same while writes are refused since the owner is being changed: that waits for what is noted here."""


def reader_of(function: str, partition: int) -> str:
    """The name under which delivery keeps its mark of a partition in the store."""
    return f"{function}/{partition}"


@dataclass
class _Partition:
    """Where delivery stands in one partition of the function's stream. `rows` were written from it since the start; `lag` in
    seconds, None at the end of the log. `astray` are keys of which new has another idea than legacy (`strangler.sync.whose`)."""

    number: int
    reader: str
    place: Place
    position: Position
    noted: Position
    rows: int
    astray: dict[Key, str]
    lag: float | None = None


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
        self._whose = Whose(function, standings.Snapshot(-1, ()))
        self._all: frozenset[int] = frozenset()
        self._partitions: dict[int, _Partition] = {}
        self._noted, self._told = 0.0, self._news()

    def run(self, stop: threading.Event, wait: Callable[[float], object]) -> None:
        """Deliver until `stop`; `wait` returns after so many seconds, sooner when the log has grown."""
        self._all = frozenset(range(self._log.partitions(self._function)))
        deliveries.expect(self._control, self._function, len(self._all))
        while not stop.is_set():
            self._look()
            more = self._whose.delivers and self._deliver_and_sweep()
            self._note()
            if not more:
                wait(AWAITED_WAIT if self._whose.awaited else WAIT)

    def _look(self) -> None:
        """See where function and cohorts stand now."""
        if standings.generation(self._control) != self._whose.generation:
            self._whose = Whose(self._function, standings.snapshot(self._control))

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
        place = Place.read(mark.at)
        return _Partition(
            number, reader, place, mark.position, mark.position, rows, self._astray(number, place)
        )

    def _astray(self, number: int, place: Place) -> dict[Key, str]:
        """The keys of a partition that are astray, but for those of cohorts from which nothing is withheld any more."""
        whose = self._whose
        place = place.rejoined(whose.cohorts)
        return astray.keep(
            self._control, self._function, number, lambda cohort: whose.of(cohort).cohort in place.withheld
        )

    def _deliver_and_sweep(self) -> bool:
        """Deliver; when that came to the end of the log, also forget what nothing in it can need."""
        limits = self._sweeping.limits(self._complete())  # Before the log is read.
        more = self._deliver()
        if limits and not more and self._others_are_through():
            self._sweeping.sweep(limits)
        return more

    def _complete(self) -> Position:
        """The store is complete up to there, as far as is known here."""
        mine = [partition.place.complete(partition.position) for partition in self._partitions.values()]
        if self._partitions.keys() != self._all:
            record = deliveries.get(self._control, self._function)
            mine.append(record.complete if record else ORIGIN)
        return min(mine)

    def _others_are_through(self) -> bool:
        """Whether nothing is left to deliver in the partitions of other workers."""
        for number in self._all - self._partitions.keys():
            mark = self._store.mark(reader_of(self._function, number))
            start = Place.read(mark.at).next if mark else self._log.begin(self._function, number)
            if self._log.read(self._function, number, start, 1):
                return False
        return True

    def _deliver(self) -> bool:
        """One batch of each partition; False when all were at their end."""
        more = False
        # Read before the records: at their end the store is that far.
        known = self._log.position(self._source)
        # After that, since a stop is noted before the log passes what is passed over: what is claimed here is complete.
        limits.refuse_stopped(self._control, self._function)
        for partition in self._mine():
            partition.place = partition.place.rejoined(self._whose.cohorts).parted(self._whose.cohorts)
            for cohort in list(partition.place.withheld):
                more = self._make_up(partition, cohort) or more
            records = self._log.read(self._function, partition.number, partition.place.next, self._batch)
            if records:
                self._take(partition, records)
                more = True
            else:
                self._reached(partition, known)
        return more

    def _take(self, partition: _Partition, records: Sequence[Record]) -> None:
        """Apply what flows, and withhold the rest."""
        place, flowing, at = partition.place, list[Event](), partition.place.next
        strays: dict[Key, str] = {}
        for next, event in records:
            # The log may hold events of entities that were taken out of the configuration; should one come back, it is filled anew.
            if event.entity in self._entities:
                standing = self._whose.standing(event, partition.astray)
                held = place.withheld.get(standing.cohort)
                if held is None and flows(standing, event.position):
                    flowing.append(event)
                else:
                    if held is None:
                        until = standing.sync_until or partition.position
                        held = Withheld(at, until, apart=self._whose.apart(standing))
                    place = place.withholding(standing.cohort, replace(held, count=held.count + 1))
                    if self._whose.goes_astray(event, standing):
                        cohort = deciding(event, partition.astray)
                        strays[Key(event.entity, event.key)] = EVERYONE if cohort is None else cohort
                        partition.astray |= strays
            at = next
        astray.add(
            self._control, self._function, partition.number, strays
        )  # Before the mark moves past them.
        last = records[-1].event
        position = max(partition.position, last.position)
        self._apply(partition, flowing, replace(place, next=at), position)
        partition.lag = max(0.0, time.time() - last.time)

    def _make_up(self, partition: _Partition, cohort: str) -> bool:
        """Apply what was withheld from a cohort, as far as legacy owns it again; True when there may be more of that."""
        standing, held = self._whose.of(cohort), partition.place.withheld[cohort]
        if not flows(standing, held.until) or standing.sync_until == held.until:
            return False
        held = self._still_there(partition, held)
        records = self._log.read(self._function, partition.number, held.at, self._batch)
        flowing, at, stopped = list[Event](), held.at, False
        for next, event in records:
            if at >= partition.place.next:
                break
            if (
                event.entity in self._entities
                and self._whose.standing(event, partition.astray).cohort == cohort
            ):
                if stopped := not flows(standing, event.position):
                    break
                flowing.append(event)
            at = next
        done = not stopped and (not records or at >= partition.place.next)
        left = (
            None
            if done
            else replace(held, at=at, until=(standing.sync_until if stopped else None) or held.until)
        )
        self._apply(partition, flowing, partition.place.withholding(cohort, left), partition.position)
        if done:
            partition.astray = self._astray(partition.number, partition.place)
        return True

    def _still_there(self, partition: _Partition, held: Withheld) -> Withheld:
        """What was withheld, as far as the log still has it. Invariant 7: for what it has let go of meanwhile all is filled again."""
        begin = self._log.begin(self._function, partition.number)
        if held.at >= begin:
            return held
        logger.error(
            "the log no longer has what was withheld; filling again", extra={"function": self._function}
        )
        for entity in sorted(self._entities):
            backfills.request(self._control, self._function, entity)
        return replace(held, at=begin)

    def _apply(self, partition: _Partition, events: list[Event], place: Place, position: Position) -> None:
        mark = Mark(partition.reader, place.text(), position)
        partition.rows += self._store.apply(events, mark)  # Invariants 2 and 3.
        partition.place, partition.position, partition.noted = place, position, position

    def _reached(self, partition: _Partition, position: Position) -> None:
        """All up to `position` was read; the mark says so now and then, for it has no effect to go with."""
        partition.position = max(partition.position, position)
        partition.lag = None
        if partition.position > partition.noted and self._due():
            self._apply(partition, [], partition.place, partition.position)

    def _due(self) -> bool:
        return self._whose.awaited or time.time() - self._noted >= NOTE_EVERY

    def _note(self) -> None:
        """Tell the control store, so that gates, the conductor and reports know."""
        news = self._news()
        # A new standing is answered at once, else writers would wait for it.
        if news == self._told and time.time() - self._noted < NOTE_EVERY:
            return
        self._noted, self._told = time.time(), news
        at_end = self._lag_at_the_end()
        with self._control.begin():
            for partition in self._partitions.values():
                deliveries.report(
                    self._control,
                    self._function,
                    partition=partition.number,
                    position=partition.position,
                    withheld={name: each.until for name, each in partition.place.withheld.items()},
                    generation=self._whose.generation,
                    rows=partition.rows,
                    late_writes=self._late(partition),
                    lag=at_end if partition.lag is None else partition.lag,
                )

    def _news(self) -> tuple[int, list[Position]]:
        """What is noted as soon as it is otherwise: the generation, and while that is awaited, how far this is."""
        far = [each.position for each in self._partitions.values()] if self._whose.awaited else []
        return self._whose.generation, far

    def _late(self, partition: _Partition) -> int:
        """Events that came from legacy of what new owns."""
        withheld = partition.place.withheld.items()
        return sum(each.count for cohort, each in withheld if self._whose.of(cohort).owner is Side.NEW)

    def _lag_at_the_end(self) -> float | None:
        """Seconds between legacy's last commit that isn't in the log and now; None when the source was never heard of."""
        heard = sources.get(self._control, self._source)
        return None if heard is None else max(0.0, heard.seen_at - heard.committed_at)
