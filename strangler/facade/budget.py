"""Budget: the time that one call may take, from its head to the end of its answer. Pure: moments come in, in seconds of a monotonic clock.

Connecting, waiting and reading share one budget. What is left of it is told to the upstream in a header, in milliseconds as Envoy does
(`x-envoy-expected-rq-timeout-ms`), so that it needn't finish what nobody waits for. A caller may send the same header: it is given
less time than configured, never more, since its number is a wish and the configured one protects everybody else.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_MILLISECONDS: Final = re.compile(r"[0-9]{1,9}")


class Timeouts(NamedTuple):
    """The longest times, in seconds: for a connection, for a silence of the upstream, for the whole call."""

    connect: float
    read: float
    total: float


class Budget:
    """What one call may take. `hurried`: the caller gave it less than configured, so running out says nothing about the upstream."""

    __slots__ = ("ends", "hurried")

    def __init__(self, timeouts: Timeouts, began: float, wished: float | None = None) -> None:
        """`wished` is what the caller gives, in seconds; None for nothing."""
        self.hurried = wished is not None and wished < timeouts.total
        total = timeouts.total if wished is None or not self.hurried else wished
        self.ends = began + total
        """When it is used up."""

    def remaining(self, now: float) -> float:
        """Seconds that are left; 0.0 when it is used up."""
        left = self.ends - now
        return left if left > 0.0 else 0.0


def wished(header: str | None) -> float | None:
    """What a caller's header asks for, in seconds. None when there is none, or when it isn't a whole number of milliseconds, of nine
    digits at most: nobody is refused for a header that others may have put there."""
    if header is None or not _MILLISECONDS.fullmatch(header):
        return None
    return int(header) / 1000
