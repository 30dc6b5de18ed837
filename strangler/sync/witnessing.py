"""Witnessing: recording what legacy does to rows that new owns, before it goes into the log (invariant 4).

The stream alone has seen the legacy table, the transaction and who made it; delivery, behind the log, only withholds. So late
writes are recorded here, as they are read, by the same rule. From when a cohort is fenced it may come to be new's by then; what legacy does
meanwhile is kept as pending. Standings are asked for after the changes were read: the position of a switch is read behind its fence, so
that no change behind it can be read by somebody who doesn't know of the fence.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Sequence

from strangler.boundary import Boundary
from strangler.changes import ORIGIN, Change, Position, Transaction
from strangler.control import astray, late_writes, standings
from strangler.control.astray import Key
from strangler.control.late_writes import LateWrite
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Side, Standing
from strangler.events import Event
from strangler.sync.whose import Whose, deciding

logger = logging.getLogger("strangler.sync.witnessing")


class Witnessing:
    """Belongs to the stream of one source."""

    def __init__(self, source: str, boundary: Boundary, control: Control) -> None:
        self._source, self._boundary, self._control = source, boundary, control
        self._functions = sorted({shape.function for shape in boundary.shapes})
        self._generation = -1
        self._whose: dict[str, Whose] = {}
        self._astray: dict[str, dict[Key, str]] = {}
        self._seen: Position | None = None

    def look(self) -> None:
        """See where the functions stand now; what was pending is decided by that."""
        if standings.generation(self._control) == self._generation:
            return
        snapshot = standings.snapshot(self._control)
        whose = {function: Whose(function, snapshot) for function in self._functions}
        for function, each in whose.items():
            self._settle(function, each)
        self._whose = {
            function: each
            for function, each in whose.items()
            if any(map(_is_watched, snapshot.all_of(function)))
        }
        self._astray = {function: astray.of_function(self._control, function) for function in self._whose}
        self._generation = snapshot.generation

    def see(self, batch: Sequence[Transaction], events: Sequence[Event]) -> None:
        """Record the late ones among the events of a batch of transactions. To be called before they are appended."""
        self.look()
        if not self._whose or not events:
            return
        if self._seen is None:
            self._seen = late_writes.seen(self._control, self._source)
        ends = [transaction.position for transaction in batch]
        changes: dict[int, dict[Position, Change]] = {}
        found = []
        for event in events:
            if (standing := self._watched(event)) is None or event.position <= self._seen:
                continue
            number = bisect_left(ends, event.position)
            if number not in changes:
                changes[number] = {change.position: change for change in batch[number].changes}
            made = batch[number]
            found.append(self._late(event, standing, changes[number].get(event.position), made))
        if found:
            self._record(found, batch[-1].position)

    def see_anew(self, events: Sequence[Event]) -> None:
        """The same of events that were held in quarantine. To be called before they are appended."""
        self.look()
        found = [
            self._late(event, standing) for event in events if (standing := self._watched(event)) is not None
        ]
        if found:
            late_writes.add(self._control, found)

    def _watched(self, event: Event) -> Standing | None:
        """The standing by which the event is late, or may come to be; None: legacy may do this."""
        whose = self._whose.get(event.function)
        if whose is None:
            return None
        standing = whose.standing(event, self._astray[event.function])
        if not _is_watched(standing):
            return None
        if whose.goes_astray(event, standing):
            self._send_astray(event)
        return standing

    def _send_astray(self, event: Event) -> None:
        key = Key(event.entity, event.key)
        if key not in self._astray[event.function]:
            cohort = deciding(event, self._astray[event.function]) or EVERYONE
            self._astray[event.function][key] = cohort
            astray.add(self._control, event.function, astray.UNKNOWN, {key: cohort})

    def _record(self, found: Sequence[LateWrite], position: Position) -> None:
        late_writes.record(self._control, self._source, position, found)
        self._seen = position
        late = [each for each in found if not each.pending]
        for function in sorted({each.function for each in late}):
            tables = sorted({each.table for each in late if each.function == function})
            count = sum(each.function == function for each in late)
            logger.warning(
                "late writes in legacy", extra={"function": function, "count": count, "tables": tables}
            )

    def _settle(self, function: str, whose: Whose) -> None:
        for cohort in late_writes.pending(self._control, function):
            standing = whose.of(cohort)
            if standing.owner is Side.NEW:
                late_writes.settle(self._control, function, cohort, until=standing.sync_until or ORIGIN)
            elif not _is_watched(standing):
                late_writes.settle(self._control, function, cohort, until=None)
        astray.keep(self._control, function, astray.UNKNOWN, lambda cohort: _is_watched(whose.of(cohort)))
        for cohort in late_writes.cohorts(self._control, function):
            if not _is_watched(whose.of(cohort)):
                late_writes.made_up(self._control, function, cohort)

    def _late(
        self, event: Event, standing: Standing, change: Change | None = None, made: Transaction | None = None
    ) -> LateWrite:
        mapping = self._boundary.mapping(event.function, event.entity)
        return LateWrite(
            function=event.function,
            standing=standing.cohort,
            entity=event.entity,
            key=event.key,
            cohort=event.cohort,
            cohort_before=event.cohort_before,
            table=change.table if change else mapping.table.name if mapping else "",
            operation=change.operation if change else event.effect,
            position=event.position,
            transaction=made.id if made else "",
            committed_at=made.committed_at if made else event.time,
            author=made.author if made else "",
            pending=standing.owner is Side.LEGACY,
        )


def _is_watched(standing: Standing) -> bool:
    """Whether what legacy does by a standing is late, or may come to be."""
    return standing.owner is Side.NEW or standing.fenced or standing.sync_until is not None
