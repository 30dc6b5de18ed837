"""Collecting garbage where calls are answered: in brief looks.

To look through a hundred thousand objects takes 30 ms, in which no call goes on. Calls and connections leave no circles behind, so all
there is is looked at seldom, and if possible when nobody waits.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from time import monotonic
from typing import Final

from strangler import collector

BRIEF: Final = (1_000, 3, 100)
"""New objects between two looks of the collector at the youngest, a quarter of a millisecond's worth; such looks between two at those that
outlived one; and those between two at all there is, if that has grown by a quarter."""

ALL: Final = 600.0
"""Seconds between two looks at all there is, which take some 100 ms."""

PATIENCE: Final = 30.0
"""Seconds that such a look waits for a moment in which no call is under way."""


async def collect_briefly(calm: Callable[[], bool]) -> None:
    """Set aside what is loaded by now, and look at what comes after it often and briefly; seldom at all of it, if possible when it is
    `calm`. Goes on until it is cancelled."""
    collector.set_aside()
    gc.set_threshold(*BRIEF)
    while True:
        await asyncio.sleep(ALL)
        latest = monotonic() + PATIENCE
        while not calm() and monotonic() < latest:
            await asyncio.sleep(0.02)
        gc.collect()
