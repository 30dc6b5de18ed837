"""Attempts: who comes with wrong tokens too often is held off for a while. Pure: every moment comes in, in seconds."""

from __future__ import annotations

from collections import deque
from typing import Final

MOST: Final = 10
"""Wrong tokens that an address may send within the window."""

WINDOW: Final = 60.0
"""Seconds that a wrong one counts."""

ADDRESSES: Final = 10_000
"""Most addresses that are remembered; beyond them the oldest is forgotten."""


class Attempts:
    """Counts wrong tokens by address."""

    def __init__(self) -> None:
        self._wrong: dict[str, deque[float]] = {}

    def wait(self, address: str, now: float) -> float:
        """Seconds until another token of this address is looked at; 0.0 for at once."""
        wrong = self._wrong.get(address)
        if wrong is None or len(wrong) < MOST:
            return 0.0
        return max(0.0, wrong[0] + WINDOW - now)

    def note(self, address: str, now: float) -> None:
        """A token of this address was wrong."""
        if address not in self._wrong and len(self._wrong) >= ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
        self._wrong.setdefault(address, deque(maxlen=MOST)).append(now)
