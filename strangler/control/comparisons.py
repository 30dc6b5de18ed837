"""Shadow comparisons: counted per minute, with a bounded number of samples of what differed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson
from sqlalchemy import delete, func, insert, select

from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import upsert

SAMPLES_KEPT: Final = 200
"""Mismatches kept per function, the newest: enough to see the pattern, too few to fill a disk."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparisons of one minute (since the epoch) as one facade made them.

    `failed` couldn't be compared, `dropped` didn't fit the queue; neither is a match.
    """

    minute: int
    facade: str
    function: str
    matched: int
    mismatched: int
    failed: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Sums of `Comparison` over time and facades."""

    matched: int = 0
    mismatched: int = 0
    failed: int = 0
    dropped: int = 0
    last_minute: int = 0
    """The newest minute in which anything was compared, 0 for never."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A request whose answers differed: `differences` is a list of {path, kind, legacy, new}; `at` since the epoch."""

    at: float
    function: str
    request: str
    differences: Sequence[dict[str, Any]]


_COUNTS = ("matched", "mismatched", "failed", "dropped")


def add(control: Control, comparisons: Iterable[Comparison]) -> None:
    """Add to what was counted; a minute may come in several parts."""
    with control.begin() as connection:
        upsert(connection, tables.comparison, [asdict(part) for part in comparisons], add=_COUNTS)


def sums(control: Control, function: str, *, since: int = 0) -> Compared:
    """What was compared for a function from minute `since` on."""
    table = tables.comparison
    counted = [func.coalesce(func.sum(table.c[name]), 0) for name in _COUNTS]
    query = select(*counted, func.coalesce(func.max(table.c.minute), 0))
    with control.read() as connection:
        condition = (table.c.function == function, table.c.minute >= since)
        return Compared(*(int(n) for n in connection.execute(query.where(*condition)).one()))


def add_mismatches(control: Control, mismatches: Sequence[Mismatch]) -> None:
    """Keep samples of what differed; the oldest beyond `SAMPLES_KEPT` of a function go."""
    table = tables.mismatch
    with control.begin() as connection:
        for mismatch in mismatches:
            differences = orjson.dumps(list(mismatch.differences), default=str).decode()
            connection.execute(insert(table).values({**asdict(mismatch), "differences": differences}))
        for function in {mismatch.function for mismatch in mismatches}:
            newest = select(table.c.id).where(table.c.function == function).order_by(table.c.id.desc())
            first_gone = newest.offset(SAMPLES_KEPT).limit(1).scalar_subquery()
            connection.execute(delete(table).where(table.c.function == function, table.c.id <= first_gone))


def mismatches(control: Control, function: str, *, limit: int = SAMPLES_KEPT) -> list[Mismatch]:
    """The newest samples, newest first."""
    table = tables.mismatch
    query = select(table).where(table.c.function == function).order_by(table.c.id.desc()).limit(limit)
    with control.read() as connection:
        return [
            Mismatch(row.at, row.function, row.request, orjson.loads(row.differences))
            for row in connection.execute(query)
        ]
