"""Traffic: what the facade counted, kept in memory by minute and put into the control store every second.

Nothing waits for it. What the control store can't take now is added to what comes later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final, Literal

from strangler.control import comparisons, traffic
from strangler.control.comparisons import Comparison, Mismatch
from strangler.control.store import Control
from strangler.control.traffic import Traffic
from strangler.cutover.stages import Side
from strangler.errors import StranglerError

PERIOD: Final = 1.0
"""Seconds between two flushes."""

SAMPLES: Final = 20
"""Most mismatches kept between two flushes; the others are only counted."""

KINDS: Final = 100_000
"""Most lines that wait for a control store which is away; beyond them counting stops."""

Outcome = Literal["matched", "mismatched", "failed", "dropped"]

_log: Final = logging.getLogger("strangler.facade")


class Tally:
    """Counts calls and comparisons. Belongs to the event loop's thread."""

    def __init__(self, facade: str) -> None:
        self._facade = facade
        self._calls: dict[tuple[int, str, str, str], list[float]] = defaultdict(lambda: [0, 0, 0, 0.0])
        self._compared: dict[tuple[int, str], dict[Outcome, int]] = defaultdict(lambda: defaultdict(int))
        self._samples: list[Mismatch] = []

    def call(
        self, function: str, kind: str, side: Side, *, error: bool, fenced: bool, seconds: float
    ) -> None:
        if len(self._calls) < KINDS:
            sums = self._calls[(_minute(), function, kind, side.value)]
            for index, value in enumerate((1, error, fenced, seconds)):
                sums[index] += value

    def compared(self, function: str, outcome: Outcome, sample: Mismatch | None = None) -> None:
        if len(self._compared) < KINDS:
            self._compared[(_minute(), function)][outcome] += 1
        if sample is not None and len(self._samples) < SAMPLES:
            self._samples.append(sample)

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
        if control is None or not (self._calls or self._compared or self._samples):
            return
        calls, compared, samples = self._take()
        try:
            await asyncio.to_thread(_store, control, self._traffic(calls), self._comparisons(compared))
        except Exception as error:  # noqa: BLE001  # whatever it is: counting goes on, since gates judge by it
            _log.warning("counts wait for the control store", extra={"reason": _reason(error)})
            self._give_back(calls, compared)
        try:
            if samples:
                await asyncio.to_thread(comparisons.add_mismatches, control, samples)
        except Exception as error:  # noqa: BLE001  # an example that can't be kept takes no count with it
            _log.warning("samples of mismatches are lost", extra={"reason": _reason(error)})

    def _take(
        self,
    ) -> tuple[
        dict[tuple[int, str, str, str], list[float]],
        dict[tuple[int, str], dict[Outcome, int]],
        list[Mismatch],
    ]:
        taken = dict(self._calls), dict(self._compared), list(self._samples)
        self._calls.clear()
        self._compared.clear()
        self._samples.clear()
        return taken

    def _give_back(
        self,
        calls: dict[tuple[int, str, str, str], list[float]],
        compared: dict[tuple[int, str], dict[Outcome, int]],
    ) -> None:
        for key, sums in calls.items():
            self._calls[key] = [a + b for a, b in zip(self._calls[key], sums, strict=True)]
        for place, counts in compared.items():
            for outcome, count in counts.items():
                self._compared[place][outcome] += count

    def _traffic(self, calls: dict[tuple[int, str, str, str], list[float]]) -> list[Traffic]:
        return [
            Traffic(minute, self._facade, function, kind, side, int(count), int(errors), int(fenced), seconds)
            for (minute, function, kind, side), (count, errors, fenced, seconds) in calls.items()
        ]

    def _comparisons(self, compared: dict[tuple[int, str], dict[Outcome, int]]) -> list[Comparison]:
        return [
            Comparison(
                minute,
                self._facade,
                function,
                n.get("matched", 0),
                n.get("mismatched", 0),
                n.get("failed", 0),
                n.get("dropped", 0),
            )
            for (minute, function), n in compared.items()
        ]


def _minute() -> int:
    return int(time.time() // 60)


def _store(control: Control, calls: list[Traffic], compared: list[Comparison]) -> None:
    with control.begin():
        traffic.add(control, calls)
        comparisons.add(control, compared)


def _reason(error: Exception) -> str:
    return error.what if isinstance(error, StranglerError) else f"{type(error).__name__}: {error}"
