"""The client's tally: every call counted, every failure kept, waits for a fence counted apart."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import NoReturn

import click

KEPT = 50
"""Failures whose words are kept; all are counted."""


@dataclass
class Tally:
    """What a client saw. Safe to use from several threads.

    `calls` are those that succeeded, by kind. `repeated` were answered 503 with Retry-After and made again. `awaited` are
    writes that weren't to be seen at once, `longest_wait` is in seconds.
    """

    calls: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    repeated: int = 0
    awaited: int = 0
    longest_wait: float = 0.0
    slowest: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def succeeded(self) -> int:
        return self.calls.total()

    def succeed(self, kind: str, seconds: float) -> None:
        with self._lock:
            self.calls[kind] += 1
            self.slowest = max(self.slowest, seconds)

    def fail(self, kind: str, why: str) -> None:
        with self._lock:
            self.failed += 1
            if len(self.failures) < KEPT:
                self.failures.append(f"{kind}: {why}")

    def repeat(self) -> None:
        with self._lock:
            self.repeated += 1

    def wait(self, seconds: float) -> None:
        with self._lock:
            self.awaited += 1
            self.longest_wait = max(self.longest_wait, seconds)

    def tell_and_exit(self) -> NoReturn:
        """Print it, and end the process: with 1 when anything failed."""
        click.echo(f"{self.succeeded} calls, {self.repeated} repeated, {self.failed} failed")
        for failure in self.failures:
            click.echo(f"  {failure}")
        raise SystemExit(1 if self.failed else 0)
