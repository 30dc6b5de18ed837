"""Traffic: what the facade counted, kept in memory by minute and put into the control store every second.

Nothing waits for it. What the control store can't take now is added to what comes later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from strangler.control import comparisons, counted, effects, traffic
from strangler.control.counted import Sum
from strangler.control.effects import WAITING, Expected
from strangler.control.store import Control
from strangler.control.traffic import Traffic
from strangler.cutover.stages import Side
from strangler.errors import StranglerError
from strangler.facade.within import within
from strangler.shadow.counting import Counting

PERIOD: Final = 1.0
"""Seconds between two flushes."""

KINDS: Final = 100_000
"""Most lines that wait for a control store which is away; beyond them counting stops."""

LONGEST: Final = 20.0
"""Seconds that the control store has to take them."""

SILENT: Final = f"the control store said nothing for {LONGEST:g} s"

_log: Final = logging.getLogger("strangler.facade")

_Key = tuple[str, str, str, str]
"""Function, cohort, kind, side."""
_Figures = list[Any]
"""Calls, errors, fenced, which are whole, and seconds."""


class _Part(NamedTuple):
    """What was counted in a minute since the epoch: function, cohort, kind and side → calls, errors, fenced, seconds."""

    minute: int
    counts: dict[_Key, _Figures]


class Tally:
    """Counts calls and comparisons. Belongs to the event loop's thread; a flush costs it next to nothing, however many functions there
    are: what was counted is handed as it is to a thread that makes lines of it."""

    def __init__(self, facade: str) -> None:
        self._facade = facade
        self._now: dict[_Key, _Figures] = {}
        """Since the last flush."""
        self._waiting: list[_Part] = []
        """What the control store hasn't taken yet, each minute once."""
        self.shadow = Counting(facade)
        self._expected: list[Expected] = []

    def call(
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
        key = (function, cohort, kind, side._value_)  # the value alone: an enum is hashed in Python
        sums = self._now.get(key)
        if sums is None:
            sums = self._now[key] = [0, 0, 0, 0.0]
        sums[0] += 1
        sums[1] += error
        sums[2] += fenced
        sums[3] += seconds

    def _settle(self) -> None:
        """What was counted since the last flush belongs to this minute."""
        lately, self._now = self._now, {}
        room = KINDS - sum(len(part.counts) for part in self._waiting)
        if not lately or room <= 0:
            return
        minute = _minute()
        if self._waiting and self._waiting[-1].minute == minute:
            _add(self._waiting[-1].counts, lately, room)
        else:
            self._waiting.append(_Part(minute, lately))

    def expect(self, expected: Expected) -> None:
        """Let a worker compare a write's effects; drop it when the control store was away for so long that too much waits."""
        if len(self._expected) < WAITING:
            self._expected.append(expected)
        else:
            self.shadow.drop(expected.function, expected.cohort, "effect")

    async def run(self, control: Callable[[], Control | None]) -> None:
        """Flush every second until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(PERIOD)
                await self.flush(control())
        finally:
            await self.flush(control())

    async def flush(self, control: Control | None) -> None:
        """Put everything into the control store; keep it when that fails."""
        self._settle()
        if control is not None and self._expected:
            await self._hand_over(control)
        if control is None or (not self._waiting and self.shadow.empty):
            return
        parts, (sums, samples) = self._waiting, self.shadow.take()
        self._waiting = []
        try:
            await within(LONGEST, _store, control, self._facade, parts, sums)
        except TimeoutError:
            # It may have them: to give them again could count them twice.
            _log.warning("counts may be lost", extra={"reason": SILENT})
        except Exception as error:  # noqa: BLE001  # whatever it is: counting goes on, since gates judge by it
            _log.warning("counts wait for the control store", extra={"reason": _reason(error)})
            self._waiting = parts
            self.shadow.give(sums)
        try:
            if samples:
                await within(LONGEST, comparisons.add_mismatches, control, samples)
        except TimeoutError:
            _log.warning("samples of mismatches are lost", extra={"reason": SILENT})
        except Exception as error:  # noqa: BLE001  # an example that can't be kept takes no count with it
            _log.warning("samples of mismatches are lost", extra={"reason": _reason(error)})

    async def _hand_over(self, control: Control) -> None:
        taken, self._expected = self._expected, []
        try:
            for each in await asyncio.to_thread(effects.expect, control, taken):
                self.shadow.drop(each.function, each.cohort, "effect")
        except Exception as error:  # noqa: BLE001  # as of counts
            _log.warning("writes wait to be compared", extra={"reason": _reason(error)})
            self._expected = [*taken, *self._expected][:WAITING]


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


def _store(control: Control, facade: str, parts: list[_Part], compared: Mapping[Sum, float]) -> None:
    calls = [
        Traffic(minute, facade, *key, *figures) for minute, counts in parts for key, figures in counts.items()
    ]
    with control.begin():
        traffic.add(control, calls)
        counted.record(control, compared)


def _reason(error: Exception) -> str:
    return error.what if isinstance(error, StranglerError) else f"{type(error).__name__}: {error}"
