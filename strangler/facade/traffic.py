"""Traffic: what the facade counted, kept in memory by minute and put into the control store every second, or less often where it is much.

Nothing waits for it. What the control store can't take now is added to what comes later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from strangler.control import comparisons, counted, effects, traffic
from strangler.control.comparisons import Kind
from strangler.control.counted import Sum
from strangler.control.effects import WAITING, Expected
from strangler.control.store import Control
from strangler.control.traffic import Traffic
from strangler.errors import StranglerError
from strangler.facade.counts import Counts, Part
from strangler.facade.rooms import Drops, LaneKey
from strangler.facade.within import within
from strangler.shadow.counting import Counting

PERIOD: Final = 1.0
"""Seconds between two flushes, at least."""

SHARE: Final = 0.001
"""Of the time, what flushes take of the processor at most: meanwhile calls wait, so it is to be far fewer than one of a hundred."""

SELDOM: Final = 5.0
"""Seconds between two flushes, at most."""

LONGEST: Final = 20.0
"""Seconds that the control store has to take them."""

AT_ONCE: Final = 25
"""Lanes whose drops are counted in one go, in a tenth of a millisecond."""

SILENT: Final = f"the control store said nothing for {LONGEST:g} s"

_log: Final = logging.getLogger("strangler.facade")


class Outcomes(Protocol):
    """Is told of calls their kind, their function, the cohort that they count for, and what came of them."""

    def __call__(self, kind: Kind, function: str, cohort: str, outcome: str, calls: int = 1) -> None: ...


class Tally:
    """Counts calls and comparisons. Belongs to the event loop's thread; a flush costs it next to nothing, however many functions there
    are: what was counted is handed as it is to a thread that makes lines of it."""

    def __init__(self, facade: str, outcomes: Outcomes) -> None:
        """`outcomes` is told of calls that found no room to be compared."""
        self._facade, self._outcomes = facade, outcomes
        self.calls, self.drops = Counts(), Drops()
        self.shadow = Counting(facade)
        self._expected: list[Expected] = []
        self._took, self._due = (0.0, 0.0), 0.0
        """Seconds of the processor that the last two flushes took, and when the next one is due, by the monotonic clock."""
        self._untold: list[tuple[LaneKey, str, int]] = []
        """Those of `drops` that were taken and aren't counted yet."""

    def expect(self, expected: Expected) -> None:
        """Let a worker compare a write's effects; drop it when the control store was away for so long that too much waits."""
        if len(self._expected) < WAITING:
            self._expected.append(expected)
        else:
            self.shadow.drop(expected.function, expected.cohort, "effect")

    async def run(self, control: Callable[[], Control | None]) -> None:
        """Flush now and then until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(PERIOD)
                await self._attend(control())
                due = time.monotonic() >= self._due
                if due or self.calls.minute_is_over:
                    self.calls.settle()
                if due:
                    await self._put(control())
        finally:
            await self.flush(control())

    async def flush(self, control: Control | None) -> None:
        """Put everything into the control store; keep it when that fails."""
        await self._attend(control)
        self.calls.settle()
        await self._put(control)

    async def _attend(self, control: Control | None) -> None:
        """Count what was dropped, and have those writes followed that are to be."""
        await self._settle_drops()
        if control is not None and self._expected:
            await self._hand_over(control)

    async def _put(self, control: Control | None) -> None:
        if control is None or (not self.calls.waiting and self.shadow.empty):
            return
        parts, (sums, samples) = self.calls.take(), self.shadow.take()
        try:
            self._took = self._took[1], await within(LONGEST, _store, control, self._facade, parts, sums)
            self._due = time.monotonic() + pause(*self._took)
        except TimeoutError:
            # It may have them: to give them again could count them twice.
            _log.warning("counts may be lost", extra={"reason": SILENT})
        except Exception as error:  # noqa: BLE001  # whatever it is: counting goes on, since gates judge by it
            _log.warning("counts wait for the control store", extra={"reason": _reason(error)})
            self.calls.waiting = parts
            self.shadow.give(sums)
        try:
            if samples:
                await within(LONGEST, comparisons.add_mismatches, control, samples)
        except TimeoutError:
            _log.warning("samples of mismatches are lost", extra={"reason": SILENT})
        except Exception as error:  # noqa: BLE001  # an example that can't be kept takes no count with it
            _log.warning("samples of mismatches are lost", extra={"reason": _reason(error)})

    async def _settle_drops(self) -> None:
        """Count what found no room, some at a time: calls go on between."""
        self._untold += self.drops.take()
        while self._untold:
            for (function, kind), cohort, calls in self._untold[:AT_ONCE]:
                self._outcomes(kind, function, cohort, "dropped", calls)
                self.shadow.drop(function, cohort, "comparison" if kind == "read" else "effect", calls)
            del self._untold[:AT_ONCE]
            if self._untold:
                await asyncio.sleep(0)

    async def _hand_over(self, control: Control) -> None:
        taken, self._expected = self._expected, []
        try:
            for each in await asyncio.to_thread(effects.expect, control, taken):
                self.shadow.drop(each.function, each.cohort, "effect")
        except Exception as error:  # noqa: BLE001  # as of counts
            _log.warning("writes wait to be compared", extra={"reason": _reason(error)})
            self._expected = [*taken, *self._expected][:WAITING]


def pause(*took: float) -> float:
    """Seconds until the next flush, by what the last ones took of the processor: the least of them, since one may have come to what is
    made once."""
    return min(SELDOM, min(took) / SHARE)


def _store(control: Control, facade: str, parts: list[Part], compared: Mapping[Sum, float]) -> float:
    """Store them, and say how many seconds of the processor that took."""
    began = time.thread_time()
    calls = [
        Traffic(minute, facade, *key, each.calls, each.errors, each.fenced, each.seconds)
        for minute, counts in parts
        for key, each in counts.items()
    ]
    with control.begin():
        traffic.add(control, calls)
        counted.record(control, compared)
    return time.thread_time() - began


def _reason(error: Exception) -> str:
    return error.what if isinstance(error, StranglerError) else f"{type(error).__name__}: {error}"
