"""The last look at what changed, before the owner changes: most of it while everybody still writes, so that the fence is short.

First all keys are compared that events were about since the last whole reconciliation. Behind the fence those are compared again that
differed then, and those that events were about since: nothing is in flight any more, so what differs is drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from strangler.control import reconciliations, standings
from strangler.control.store import Control
from strangler.cutover.kept import Kept
from strangler.owned import Owned
from strangler.parts import parts_of
from strangler.ports import EventLog, Offset
from strangler.reconcile.switch import delta_check
from strangler.reconcile.touched import events_from, first_since

MOST: Final = 200_000
"""Events of each partition, from its end, that are looked at beforehand, should the last whole reconciliation be longer ago."""

SKEW: Final = 300.0
"""Seconds by which clocks may be off each other: events bear the time of legacy."""

Keys = dict[str, set[str]]


class Delta:
    """What changed in a function or cohort. Connects only when it is asked something."""

    def __init__(self, kept: Kept, control: Control, function: str, cohort: str) -> None:
        self._kept, self._control, self._function, self._cohort = kept, control, function, cohort
        self._suspects: Keys = {}
        self._looked_at: dict[int, Offset] | None = None

    def look(self) -> None:
        """Compare what changed up to now; `drift` then goes on from here."""
        log = self._kept.opened.log
        ends = {each: log.end(self._function, each) for each in range(log.partitions(self._function))}
        self._suspects = self._differing(self._touched(log, self._starts(log)))
        self._looked_at = ends

    def drift(self) -> int:
        """How many keys differ, while nothing is in flight."""
        log = self._kept.opened.log
        starts = self._starts(log) if self._looked_at is None else self._looked_at
        keys = self._touched(log, starts)
        for entity, suspects in self._suspects.items():
            keys.setdefault(entity, set()).update(suspects)
        return sum(map(len, self._differing(keys).values()))

    def _starts(self, log: EventLog) -> dict[int, Offset]:
        """Partition → where the events begin that the last whole reconciliation may not have seen."""
        run = reconciliations.latest_whole(self._control, self._function)
        since = run.started_at - SKEW if run else 0.0
        return {
            each: max(
                first_since(log, self._function, each, since),
                Offset(log.end(self._function, each) - MOST),
            )
            for each in range(log.partitions(self._function))
        }

    def _touched(self, log: EventLog, starts: Mapping[int, Offset]) -> Keys:
        found = Keys()
        for partition, start in starts.items():
            for event in events_from(log, self._function, partition, start):
                found.setdefault(event.entity, set()).add(event.key)
        return found

    def _differing(self, keys: Keys) -> Keys:
        """Entity → which of these keys differ, in whatever belongs to them; of other cohorts none does."""
        opened, found = self._kept.opened, Keys()
        owned = Owned.of(standings.snapshot(self._control), self._function, self._cohort)
        parts = {part.mapping.shape.entity: part for each in opened.mappings for part in parts_of(each)}
        for each in delta_check(opened.mappings, opened.sides, keys, owned=owned):
            part = parts[each.entity]
            found.setdefault(part.root.shape.entity, set()).add(part.aggregate(each.key))
        return found
