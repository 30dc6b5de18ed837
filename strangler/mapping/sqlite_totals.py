"""Sums of integers and decimals in SQLite, which has none that is exact: its own stop at 63 bits, or are floats."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from strangler.mapping.canonical import decimal_text
from strangler.mapping.digest import Connection
from strangler.mapping.runtime import EXACT

TOTAL: Final = "strangler_total"
"""The SQL aggregate: the exact sum of integers, or of decimals as text; NULL adds nothing. A canonical text; of no
rows at all NULL, since SQLite then never calls it."""


class Total:
    """The aggregate."""

    def __init__(self) -> None:
        self._total = Decimal(0)

    def step(self, value: Any) -> None:
        if value is not None:
            self._total = EXACT.add(self._total, Decimal(value))

    def finalize(self) -> str:
        return decimal_text(self._total)


def register(connection: Connection) -> None:
    """Make it known to a connection."""
    connection.create_aggregate(TOTAL, 1, Total)
