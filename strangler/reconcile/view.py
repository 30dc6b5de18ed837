"""One side of a part of an entity, as the comparison sees it: the same questions for the legacy database and the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple, Protocol

from strangler.ports import SqlSide
from strangler.reconcile.grid import Buckets, Grid
from strangler.reconcile.relation import Row


class Seen(NamedTuple):
    """What a scan saw: buckets, and key of an aggregate → why, where a row of the part can't be translated."""

    buckets: Buckets
    untranslatable: dict[str, str]


class View(Protocol):
    """Questions are asked of a side, in whatever thread that lives."""

    def bounds(self, side: SqlSide) -> tuple[int, int] | None:
        """The least and the greatest number of a key, where that stands for itself; None where there is no row."""
        ...

    def checksums(self, side: SqlSide, grid: Grid, where: str | None) -> Seen:
        """Count and checksum per bucket, of the rows for which a condition over the side's own table holds; None: all."""
        ...

    def within(self, side: SqlSide, over: Grid, bucket: int, finer: Grid) -> Seen:
        """Count and checksum of what is in one bucket, per bucket of a finer grid."""
        ...

    def hashes(self, side: SqlSide, grid: Grid, buckets: Collection[int]) -> Iterable[Row]:
        """Rows (key's number, hash, written at) of some buckets."""
        ...

    def hashes_of(self, side: SqlSide, numbers: Collection[int]) -> Iterable[Row]:
        """Rows (key's number, hash, written at) of the keys with these numbers."""
        ...

    def rows(self, side: SqlSide, numbers: Collection[int]) -> Iterable[Row]:
        """Whole rows, as canonical texts and written at, of the keys with these numbers."""
        ...

    def belonging(self, side: SqlSide, aggregates: Collection[int]) -> Iterable[int]:
        """The numbers of the keys of all rows that belong to the aggregates with these numbers."""
        ...
