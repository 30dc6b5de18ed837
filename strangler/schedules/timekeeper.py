"""The timekeeper of a worker: looks for what is due, and has it carried out.

Of each mode it has one at a time carried out: the nightly full comparisons of many functions run one after the other, and the quick
ones aren't kept waiting by them. What it can't begin yet another worker may.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final
from zoneinfo import ZoneInfo

from strangler.apart import Child
from strangler.control import backfills, reconciliations, schedules, standings
from strangler.control.holders import SILENT_AFTER, is_gone
from strangler.control.schedules import Key, Slot
from strangler.control.store import Control
from strangler.cutover.stages import Stage
from strangler.schedules import apart
from strangler.schedules.due import due
from strangler.settings import Schedule, Settings

logger = logging.getLogger("strangler.schedules")

LOOK_EVERY: Final = 1.0
"""Seconds between two looks: no cron expression is finer than a minute."""

UNCOMPARED: Final = (Stage.LEGACY, Stage.RETIRED)
"""Stages in which a function has nothing to compare: nothing is in the store yet, or legacy is no more."""

Start = Callable[[Settings, str, Schedule], Child]


class Timekeeper:
    """Carries out the schedules of a configuration, as one of any number of workers."""

    def __init__(
        self,
        settings: Settings,
        control: Control,
        *,
        start: Start = apart.start,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._control, self._start, self._clock = settings, control, start, clock
        self._zone = ZoneInfo(settings.time_zone)
        self._schedules = {
            (name, schedule.name): schedule
            for name, function in settings.functions.items()
            for schedule in function.schedules
        }
        self._under_way: dict[Key, Child] = {}
        self._tidied_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Look again and again until `stop` is set; then let what is under way come to a point where it can be gone on with.

        What raises leaves it under way: called again, it goes on.
        """
        while not stop.is_set():
            self.look()
            stop.wait(LOOK_EVERY)
        self.close()

    def look(self) -> None:
        """See what has ended, and begin what is due."""
        now = self._clock()
        if now - self._tidied_at >= SILENT_AFTER:
            reconciliations.mark_abandoned(self._control, now=now)
            self._tidied_at = now
        self._see_ended()
        for key in self._under_way:
            # Until its process holds it, which takes a while where a host is busy: else another worker would take it, too.
            schedules.keep(self._control, key, at=now)
        for slot, known in self._due(now):
            if self._is_free(known.key) and schedules.take(self._control, known, slot, at=now):
                schedule = self._schedules[known.key]
                self._under_way[known.key] = self._start(self._settings, known.function, schedule)

    def close(self) -> None:
        """Let go of what is under way."""
        for child in self._under_way.values():
            child.close()
        self._under_way.clear()

    def _due(self, now: float) -> Iterator[tuple[float, Slot]]:
        """What is due, the oldest first."""
        known = schedules.known(self._control)
        if unseen := self._schedules.keys() - known.keys():
            schedules.see(self._control, unseen, at=now)
            known = schedules.known(self._control)
        found = []
        for key, schedule in self._schedules.items():
            slot = due(schedule.cron, self._zone, known[key], now, is_gone)
            if slot is not None and is_comparable(self._settings, self._control, key[0]):
                found.append((slot, known[key]))
        yield from sorted(found, key=lambda pair: pair[0])

    def _is_free(self, key: Key) -> bool:
        mode = self._schedules[key].mode
        return all(self._schedules[other].mode != mode for other in self._under_way)

    def _see_ended(self) -> None:
        for key, child in list(self._under_way.items()):
            if child.ended is None:
                continue
            child.close()
            del self._under_way[key]
            if child.ended:
                # Not at once again: what killed it would kill it again. The next slot goes on with it.
                logger.error(f"the process of {child.name} ended with code {child.ended}")
                schedules.end(self._control, key)


def is_comparable(settings: Settings, control: Control, function: str) -> bool:
    """Whether there is something to compare: it is filled from legacy, and filling it is done."""
    if standings.of(control, function).stage in UNCOMPARED:
        return False
    filled = {
        each.entity for each in backfills.of_function(control, function) if each.finished_at is not None
    }
    return filled >= set(settings.functions[function].entities)
