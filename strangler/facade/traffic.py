"""Traffic: what the facade counted, kept in memory by minute and put into the control store every second.

Nothing waits for it. What the control store can't take now is added to what comes later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

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


class Tally:
    """Counts calls and comparisons. Belongs to the event loop's thread."""

    def __init__(self, facade: str) -> None:
        self._facade = facade
        self._calls: dict[tuple[int, str, str, str, str], list[float]] = defaultdict(lambda: [0, 0, 0, 0.0])
        self._now: dict[tuple[str, str, str, str], list[float]] = {}
        """The same since the last flush, whose minute it is."""
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
        minute = _minute()
        for key, lately in self._now.items():
            if len(self._calls) < KINDS:
                sums = self._calls[(minute, *key)]
                sums[:] = [before + more for before, more in zip(sums, lately, strict=True)]
        self._now.clear()

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
        if control is None or (not self._calls and self.shadow.empty):
            return
        calls, (sums, samples) = dict(self._calls), self.shadow.take()
        self._calls.clear()
        try:
            await within(LONGEST, _store, control, self._traffic(calls), sums)
        except TimeoutError:
            # It may have them: to give them again could count them twice.
            _log.warning("counts may be lost", extra={"reason": SILENT})
        except Exception as error:  # noqa: BLE001  # whatever it is: counting goes on, since gates judge by it
            _log.warning("counts wait for the control store", extra={"reason": _reason(error)})
            self._give_back(calls)
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

    def _give_back(self, calls: dict[tuple[int, str, str, str, str], list[float]]) -> None:
        for key, sums in calls.items():
            self._calls[key] = [a + b for a, b in zip(self._calls[key], sums, strict=True)]

    def _traffic(self, calls: dict[tuple[int, str, str, str, str], list[float]]) -> list[Traffic]:
        return [
            Traffic(
                minute,
                self._facade,
                function,
                cohort,
                kind,
                side,
                int(count),
                int(errors),
                int(fenced),
                seconds,
            )
            for (minute, function, cohort, kind, side), (count, errors, fenced, seconds) in calls.items()
        ]


def _minute() -> int:
    return int(time.time() // 60)


def _store(control: Control, calls: list[Traffic], compared: Mapping[Sum, float]) -> None:
    with control.begin():
        traffic.add(control, calls)
        counted.record(control, compared)


def _reason(error: Exception) -> str:
    return error.what if isinstance(error, StranglerError) else f"{type(error).__name__}: {error}"
