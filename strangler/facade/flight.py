"""Writes in flight, by the generation of standings under which each was let through.

A write that was given up (no answer in time, a connection that broke, a facade that ends) may still be done by the upstream. It lingers:
it counts for some seconds more, as the setting `facade.doubtful_write` says.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush


class Flight:
    """Counts the writes that are under way. Belongs to the event loop's thread. `on_landing` is called when the last one of a generation
    is over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._writes: Counter[int] = Counter()
        self._doubtful: list[tuple[float, int]] = []
        self._clock = clock
        self.on_landing: Callable[[], None] = lambda: None

    def begin(self, generation: int) -> None:
        """A write is let through under `generation`."""
        self._writes[generation] += 1

    def end(self, generation: int, lingering: float = 0.0) -> None:
        """The upstream is done with it; or it was given up, and counts for `lingering` seconds more."""
        if lingering > 0:
            heappush(self._doubtful, (self._clock() + lingering, generation))
            return
        self._writes[generation] -= 1
        if not self._writes[generation]:
            del self._writes[generation]
            self.on_landing()

    def pass_by(self, now: float) -> None:
        """Time has gone by: what lingered until `now` (of the clock, in seconds) is over."""
        while self._doubtful and self._doubtful[0][0] <= now:
            self.end(heappop(self._doubtful)[1])

    @property
    def doubtful(self) -> int:
        """How many of the writes were given up, and linger."""
        return len(self._doubtful)

    def settled(self, generation: int) -> int:
        """The newest generation, at most `generation`, under which no older write is still under way."""
        # Invariant 5: the conductor reads its position only after every facade has settled on the fence.
        return min(self._writes, default=generation) if self._writes else generation

    def __len__(self) -> int:
        return self._writes.total()
