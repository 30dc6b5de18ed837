"""The means of a switch of owners: the control store, the world outside, and how long it may take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from strangler.control.store import Control
from strangler.cutover.world import Outside
from strangler.durations import format_duration
from strangler.errors import Refused, Unavailable

POLL: Final = 0.02
"""Seconds between two looks at what is waited for: in every one of them writers wait."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Means:
    """What the steps of a switch are done with. `actor` does them. `limit`: seconds that it may take until it is decided, over at
    `deadline` (monotonic); what is decided already has none."""

    control: Control
    outside: Outside
    actor: str
    clock: Clock = time.time
    limit: float = math.inf
    deadline: float = math.inf

    def wait(self, behind: Callable[[], str], do: str) -> None:
        """Wait until nothing is behind. Raises Refused with what still is when the time limit is reached."""
        while reason := behind():
            if time.monotonic() > self.deadline:
                raise Refused(self._reached, why=reason, do=do)
            time.sleep(POLL)

    def insist(self, act: Callable[[], object]) -> None:
        """Do it, again as long as there is time while something is in its way. Raises Unavailable with what still is at the end."""
        while True:
            try:
                act()
                return
            except Unavailable:
                if math.isinf(self.deadline) or time.monotonic() > self.deadline:
                    raise
                time.sleep(POLL)

    def left(self) -> float:
        """Seconds left of the time limit. Raises Refused when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Refused(self._reached, do="try again at a quieter time, or raise cutover.time_limit")
        return left

    @property
    def _reached(self) -> str:
        return f"the time limit of {format_duration(self.limit)} was reached"
