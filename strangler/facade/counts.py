"""Counts: how many calls of a function, cohort and kind a side answered, by minute, until the control store takes them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from strangler.cutover.stages import Side

KINDS: Final = 100_000
"""Most lines that wait for a control store which is away; beyond them counting stops."""


_Key = tuple[str, str, str, str]
"""Function, cohort, kind, side."""


class Figures:
    """What was counted of one function, cohort, kind and side."""

    __slots__ = ("calls", "errors", "fenced", "seconds")

    def __init__(self) -> None:
        self.calls = self.errors = self.fenced = 0
        self.seconds = 0.0

    def note(self, error: bool, fenced: bool, seconds: float) -> None:
        """Count a call that is over."""
        self.calls += 1
        self.errors += error
        self.fenced += fenced
        self.seconds += seconds

    def add(self, more: Figures) -> None:
        """Add others up to these."""
        self.calls += more.calls
        self.errors += more.errors
        self.fenced += more.fenced
        self.seconds += more.seconds


class Part(NamedTuple):
    """What was counted in a minute since the epoch: of function, cohort, kind and side."""

    minute: int
    counts: dict[_Key, Figures]


class Counts:
    """Of one facade. `waiting` is what the control store hasn't taken yet, each minute once. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._minute = _minute()
        self._now: dict[_Key, Figures] = {}
        """Since it was settled last, in that minute."""
        self.period = 0
        """How often it was settled: figures are to be noted in as long as it is the one in which they were asked for."""
        self.waiting: list[Part] = []

    def of(self, function: str, cohort: str, kind: str, side: Side) -> Figures:
        """Where to note calls in this period."""
        key = (function, cohort, kind, side._value_)  # the value alone: an enum is hashed in Python
        figures = self._now.get(key)
        if figures is None:
            figures = self._now[key] = Figures()
        return figures

    @property
    def minute_is_over(self) -> bool:
        """Whether what is counted belongs to another minute by now."""
        return self._minute != _minute()

    def settle(self) -> None:
        """What was counted since the last time belongs to the minute in which that was."""
        lately, self._now = self._now, {}
        minute, self._minute = self._minute, _minute()
        self.period += 1
        room = KINDS - sum(len(part.counts) for part in self.waiting)
        if not lately or room <= 0:
            return
        if self.waiting and self.waiting[-1].minute == minute:
            _add(self.waiting[-1].counts, lately, room)
        else:
            self.waiting.append(Part(minute, lately))

    def take(self) -> list[Part]:
        """Hand over what waits."""
        taken, self.waiting = self.waiting, []
        return taken


def _minute() -> int:
    return int(time.time() // 60)


def _add(counts: dict[_Key, Figures], more: Mapping[_Key, Figures], room: int) -> None:
    """Add up; of kinds that aren't there yet, so many as there is room for."""
    for key, figures in more.items():
        if key in counts:
            counts[key].add(figures)
        elif room > 0:
            counts[key] = figures
            room -= 1
