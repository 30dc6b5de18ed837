"""Counts: how many calls of a function, cohort and kind a side answered, by minute, until the control store takes them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from strangler.cutover.stages import Side

KINDS: Final = 100_000
"""Most lines that wait for a control store which is away; beyond them counting stops."""


_Key = tuple[str, str, str, str]
"""Function, cohort, kind, side."""
_Figures = list[Any]
"""Calls, errors, fenced, which are whole, and seconds."""


class Part(NamedTuple):
    """What was counted in a minute since the epoch: function, cohort, kind and side → calls, errors, fenced, seconds."""

    minute: int
    counts: dict[_Key, _Figures]


class Counts:
    """Of one facade. `waiting` is what the control store hasn't taken yet, each minute once. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._now: dict[_Key, _Figures] = {}
        """Since it was settled last."""
        self.waiting: list[Part] = []

    def note(
        self,
        function: str,
        cohort: str,
        kind: str,
        side: Side,
        *,
        error: bool,
        fenced: bool,
        seconds: float,
    ) -> None:
        """Count a call that is over."""
        key = (function, cohort, kind, side._value_)  # the value alone: an enum is hashed in Python
        sums = self._now.get(key)
        if sums is None:
            sums = self._now[key] = [0, 0, 0, 0.0]
        sums[0] += 1
        sums[1] += error
        sums[2] += fenced
        sums[3] += seconds

    def settle(self) -> None:
        """What was counted since the last time belongs to this minute."""
        lately, self._now = self._now, {}
        room = KINDS - sum(len(part.counts) for part in self.waiting)
        if not lately or room <= 0:
            return
        minute = _minute()
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


def _add(counts: dict[_Key, _Figures], more: Mapping[_Key, _Figures], room: int) -> None:
    """Add up; of kinds that aren't there yet, so many as there is room for."""
    for key, figures in more.items():
        if key in counts:
            counts[key] = [a + b for a, b in zip(counts[key], figures, strict=True)]
        elif room > 0:
            counts[key] = figures
            room -= 1
