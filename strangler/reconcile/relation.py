"""One part of an entity on one side, as SQL that both sides share: the legacy table seen through the mapping, or the store's table.

The legacy side may have rows that its database doesn't see through the mapping; `Legacy` adds them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from strangler.mapping import canonical_columns
from strangler.mapping.canonical import quote
from strangler.mapping.dialects import Inexpressible
from strangler.mapping.sql import all_of, any_of
from strangler.owned import Owned
from strangler.parts import Part
from strangler.ports import SqlSide
from strangler.reconcile.fingerprint import Fingerprint
from strangler.reconcile.grid import Grid, runs
from strangler.reconcile.numbers import Numbers, numbers
from strangler.reconcile.sampling import Sampling

IN_ONE_LIST: Final = 500
"""Numbers in one IN that an index looks up: Oracle takes 1,000."""

IN_ONE_SCAN: Final = 20_000
"""Numbers in one IN for which the whole table is read: as many as fit a statement everywhere."""

POSITION: Final = '"_position"'
"""The column of a store's table that says what wrote the row."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """`texts` is SQL of the canonical text per field of the shape, over `origin`, for the rows for which `taken` holds (None: all);
    `left` holds for those that have to be translated here (None: none). `drawn` is a condition for the rows that are compared at all
    (None: all). `written_at` is SQL of the position of what wrote the row.
    """

    dialect: str
    texts: tuple[str, ...]
    numbers: Numbers
    fingerprint: Fingerprint
    origin: str
    taken: str | None = None
    left: str | None = None
    drawn: str | None = None
    written_at: str = "NULL"

    def bounds(self, side: SqlSide) -> tuple[int, int] | None:
        """The least and the greatest number of a key; None where there is no row."""
        number = self.numbers.key
        query = f"SELECT min({number}), max({number}) FROM {self.origin}{_where(self._unindexed)}"
        ((low, high),) = side.rows(query)
        return None if low is None else (int(low), int(high))

    def checksums(self, side: SqlSide, grid: Grid, where: str | None) -> Iterator[Row]:
        """Rows (bucket, 1: they are taken, 0: they are left, None: neither, count, checksum as text) of the rows for which a condition
        holds, in one scan. What is taken is told once for each row: databases don't see that an expression comes again."""
        columns = [self._bucket(grid), self._kept, "count(*)", self.fingerprint.total]
        groups = "1" if self.left is None else "1, 2"
        condition = _where(self.taken if self.left is None else None, self.drawn, where)
        return side.rows(f"SELECT {', '.join(columns)} FROM {self.origin}{condition} GROUP BY {groups}")

    def hashes(self, side: SqlSide, grid: Grid, buckets: Collection[int]) -> Iterator[Row]:
        """Rows (key's number, hash, written at) of some buckets."""
        for condition in self.conditions(grid, buckets):
            yield from self._hashes(side, condition)

    def hashes_of(self, side: SqlSide, wanted: Collection[int]) -> Iterator[Row]:
        """Rows (key's number, hash, written at) of the keys with these numbers."""
        for condition in self._among(self.numbers.key, wanted):
            yield from self._hashes(side, condition)

    def rows(self, side: SqlSide, wanted: Collection[int]) -> Iterator[Row]:
        """Whole rows, as canonical texts and written at, of the keys with these numbers."""
        return self._select(side, [*self.texts, self.written_at], self.numbers.key, wanted)

    def belonging(self, side: SqlSide, aggregates: Collection[int]) -> Iterator[int]:
        """The numbers of the keys of all rows that belong to the aggregates with these numbers."""
        found = self._select(side, [self.numbers.key], self.numbers.above, aggregates)
        return (int(row[0]) for row in found)

    def conditions(self, grid: Grid, buckets: Collection[int]) -> Iterator[str]:
        """Conditions that together hold for the rows in these buckets: ranges where an index finds them, else one scan."""
        if not self.numbers.indexed:
            yield f"{self._bucket(grid)} IN ({', '.join(map(str, self._shifted(grid, buckets)))})"
            return
        for first, last in runs(buckets):
            low, high = grid.span(first, last)
            yield f"{self.numbers.key} BETWEEN {low} AND {high}"

    def _hashes(self, side: SqlSide, condition: str) -> Iterator[Row]:
        columns = f"{self.numbers.key}, {self.fingerprint.row}, {self.written_at}"
        return side.rows(f"SELECT {columns} FROM {self.origin}{_where(self.taken, self.drawn, condition)}")

    def _select(
        self, side: SqlSide, columns: Sequence[str], number: str, wanted: Collection[int]
    ) -> Iterator[Row]:
        for among in self._among(number, wanted):
            yield from side.rows(
                f"SELECT {', '.join(columns)} FROM {self.origin}{_where(self.taken, self.drawn, among)}"
            )

    def _among(self, number: str, wanted: Collection[int]) -> Iterator[str]:
        size = IN_ONE_LIST if self.numbers.indexed else IN_ONE_SCAN
        listed = sorted(wanted)
        for start in range(0, len(listed), size):
            yield f"({number}) IN ({', '.join(map(str, listed[start : start + size]))})"

    def _bucket(self, grid: Grid) -> str:
        # A PostgreSQL integer of 32 bits is shifted by no more than 31.
        number = f"CAST({self.numbers.key} AS bigint)" if self.dialect == "postgres" else self.numbers.key
        return f"(({number}) >> {grid.shift})"

    def _shifted(self, grid: Grid, buckets: Collection[int]) -> list[int]:
        """The buckets as the database has them."""
        return sorted(grid.unsigned(each) if self.dialect == "mysql" else each for each in buckets)

    @property
    def _kept(self) -> str:
        if self.left is None:
            return "1"
        if self.left == f"NOT ({self.taken})":
            return f"CASE WHEN {self.taken} THEN 1 ELSE 0 END"
        taken = "" if self.taken is None else f"WHEN {self.taken} THEN 1 "
        return f"CASE {taken}WHEN {self.left} THEN 0{'' if taken else ' ELSE 1'} END"

    @property
    def _unindexed(self) -> str | None:
        """The condition of the rows that count, where it costs nothing beside what has to be read anyway."""
        return None if self.numbers.indexed else self.taken


def legacy(
    part: Part, dialect: str, fingerprint: Fingerprint, drawn: Sampling | None, owned: Owned
) -> Relation | None:
    """The legacy rows that the database translates itself, as far as they are among the `owned`; None where it translates none, or can't
    tell whose they are."""
    mapping = part.mapping
    select = mapping.select(dialect)
    pushed = select.pushed
    if pushed is None:
        return None
    try:
        whose = owned.condition(mapping, dialect)
    except Inexpressible:
        return None
    numbered = numbers(part, dialect, pushed.columns, pushed.texts, bare=select.number is not None)
    return Relation(
        dialect,
        pushed.texts,
        numbered,
        fingerprint,
        select.from_,
        pushed.taken,
        pushed.left,
        # Whose the rows are that are left is told where they are translated.
        all_of(_among(drawn, numbered), whose and any_of(whose, pushed.left)),
    )


def store(
    part: Part, dialect: str, fingerprint: Fingerprint, drawn: Sampling | None, owned: Owned
) -> Relation:
    """The store's side: its table as it is, whoever wrote the rows, as far as they are among the `owned`."""
    shape = part.mapping.shape
    columns = [quote(field.name) for field in shape.fields]
    texts = tuple(canonical_columns(shape, dialect))
    numbered = numbers(part, dialect, columns, texts, bare=True)
    return Relation(
        dialect,
        texts,
        numbered,
        fingerprint,
        quote(shape.table),
        drawn=all_of(_among(drawn, numbered), owned.stored(part.root, shape, dialect)),
        written_at=POSITION,
    )


def _among(drawn: Sampling | None, numbered: Numbers) -> str | None:
    return drawn and drawn.condition(numbered.key)


def _where(*conditions: str | None) -> str:
    condition = all_of(*conditions)
    return f" WHERE {condition}" if condition else ""
