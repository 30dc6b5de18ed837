"""The throttle: how much is asked of a database at once, and when to let it be for a while.

A chunk is as large as what the databases lately read in `chunk_time`: it shrinks at once, and at most doubles. Between two chunks
both are asked how busy they are, and nothing more is asked of them while replication is behind or others run much. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from strangler.errors import Unavailable
from strangler.ports import Pressure
from strangler.settings import Reconcile

FIRST: Final = 1_000
"""Rows of the first chunk: little for any table, and a few doublings away from what a fast one reads."""

MOST: Final = 10_000_000
"""Rows of the largest chunk."""

PAUSE: Final = 1.0
"""Seconds between two looks at a database that is let be."""


@dataclass(slots=True)
class Throttle:
    """What is asked for next. `size`: rows of the next chunk."""

    limits: Reconcile
    size: int = FIRST

    def took(self, rows: int, seconds: float) -> None:
        """A chunk of so many rows was read in so many seconds, by the slower side."""
        if rows < self.size and seconds < self.limits.chunk_time.total_seconds():
            return  # The end of a table says nothing of longer chunks.
        aim = rows * self.limits.chunk_time.total_seconds() / max(seconds, 1e-6)
        self.size = max(1, min(round(aim), self.size * 2, MOST))

    def pause(self, pressures: Mapping[str, Pressure], waited: float) -> str | None:
        """Why to pause for `PAUSE` seconds before the next chunk, in words; None: go on.

        `pressures`: what is asked, as people call it (`the legacy database`, `the store`) → how busy it is now. `waited`: seconds of
        pause since the last chunk. Raises Unavailable once that is more than `patience`.
        """
        reasons = [why for name, pressure in pressures.items() for why in self._reasons(name, pressure)]
        if not reasons:
            return None
        if waited >= self.limits.patience.total_seconds():
            raise Unavailable(
                f"reconciliation waited {waited:,.0f} s for the databases to be less busy, and they still aren't",
                why="; ".join(reasons),
                do="run it at a quieter time; or raise `reconcile.max_lag`, `max_load` or `patience`",
            )
        return "; ".join(reasons)

    def _reasons(self, name: str, pressure: Pressure) -> list[str]:
        lag, load = self.limits.max_lag.total_seconds(), self.limits.max_load
        reasons = []
        if pressure.lag == float("inf"):
            reasons.append(f"replication of {name} has stopped")
        elif pressure.lag is not None and pressure.lag > lag:
            reasons.append(f"replication of {name} is {pressure.lag:,.0f} s behind, {lag:,g} s is the limit")
        if pressure.running is not None and pressure.running > load:
            reasons.append(
                f"{pressure.running:,} statements run in {name} beside ours, {load:,} is the limit"
            )
        return reasons
