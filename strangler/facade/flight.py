"""Writes in flight, by the generation of standings under which each was let through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable


class Flight:
    """Counts the writes that are under way. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._writes: Counter[int] = Counter()
        self.on_landing: Callable[[], None] = lambda: None

    def begin(self, generation: int) -> None:
        """A write is let through under `generation`."""
        self._writes[generation] += 1

    def end(self, generation: int) -> None:
        """The upstream is done with it."""
        self._writes[generation] -= 1
        if not self._writes[generation]:
            del self._writes[generation]
            self.on_landing()

    def settled(self, generation: int) -> int:
        """The newest generation, at most `generation`, under which no older write is still under way."""
        # Invariant 5: the conductor reads its position only after every facade has settled on the fence.
        return min(self._writes, default=generation) if self._writes else generation

    def __len__(self) -> int:
        return self._writes.total()
