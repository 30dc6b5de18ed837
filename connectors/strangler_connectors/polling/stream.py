"""The stream of a polling source: looks when it is time to, and hands out what looks found, its own and others'."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from strangler.changes import ORIGIN, PART, Position, Transaction
from strangler_connectors.polling.memory import Memory

WATCH: Final = 0.05
"""Seconds between two looks into the memory: others may look at the tables too."""

PRUNE_INTERVAL: Final = 1.0
"""Least seconds between two prunings."""


class Look(Protocol):
    """Looks at the tables once; see `looking.look`."""

    def __call__(self, memory: Memory, whole: bool, silent: bool) -> None: ...


class PollingStream:
    """See `ChangeStream`. `pace`: seconds between looks, between comparisons of all keys, and of longest silence. `release`
    ends the claim to be the only stream."""

    def __init__(
        self,
        memory: Memory,
        look: Look,
        after: Position,
        pace: tuple[float, float, float],
        release: Callable[[], None],
    ) -> None:
        self._memory, self._look, self._after, self._release = memory, look, after, release
        self._interval, self._compare_every, self._heartbeat = pace
        self._looked = self._compared = float("-inf")  # What happened while nobody looked is found at once.
        self._heard = time.monotonic()
        self._acknowledged = self._pruned = ORIGIN
        self._pruned_at = time.monotonic()
        self._closed = False

    def read(self, wait: float) -> Transaction | None:
        deadline = time.monotonic() + wait
        while True:
            transaction = self._memory.following(self._after, PART)
            now = time.monotonic()
            if transaction is not None:
                self._after, self._heard = transaction.position, now
                return transaction
            self._prune(now)
            if now - self._looked >= self._interval or now - self._heard >= self._heartbeat:
                self._look_now(now)
            elif now >= deadline:
                return None
            else:
                time.sleep(max(0.0, min(WATCH, deadline - now)))

    def acknowledge(self, position: Position) -> None:
        # Invariant 1: nothing else ever lets the memory forget a change.
        self._acknowledged = max(self._acknowledged, position)

    def behind(self) -> int | None:
        """None when nothing waits: what has changed since the last look nobody knows."""
        return self._memory.waiting(self._after) or None

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._prune(float("inf"))
        self._memory.close()
        self._release()

    def __enter__(self) -> PollingStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _look_now(self, now: float) -> None:
        whole = now - self._compared >= self._compare_every
        self._look(self._memory, whole, silent=now - self._heard < self._heartbeat)
        self._looked = time.monotonic()
        if whole:
            self._compared = self._looked

    def _prune(self, now: float) -> None:
        if now - self._pruned_at < PRUNE_INTERVAL or self._acknowledged <= self._pruned:
            return
        self._memory.prune(self._acknowledged)
        self._pruned, self._pruned_at = self._acknowledged, now
