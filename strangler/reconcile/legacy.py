"""The legacy side of a comparison: what its database sees through the mapping by itself, and the rest, translated here.

Both have the same numbers, hashes and texts, so that the store can't tell which way a row was compared. Of a database of a
dialect that mappings aren't compiled to the rest is the whole table: it is streamed, in constant memory, for each
question but the last, that for single keys, where their number is a column of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from strangler.mapping import Translated, translated
from strangler.mapping.canonical import text_of
from strangler.owned import EVERYTHING, Owned
from strangler.parts import Part
from strangler.ports import SqlSide
from strangler.reconcile.fingerprint import Fingerprint
from strangler.reconcile.grid import Bucket, Buckets, Grid, add, runs
from strangler.reconcile.numbers import number_of_values
from strangler.reconcile.relation import IN_ONE_LIST, Relation, Row
from strangler.reconcile.sampling import Sampling
from strangler.reconcile.store import counted
from strangler.reconcile.view import Seen

AT_ONCE: Final = 1000
"""Rows that are translated here and hashed in one go."""


class Legacy:
    """See `View`. `pushed` is what the database translates itself; `drawn` are the keys that are compared at all, None: all; `owned`
    says whose rows."""

    def __init__(
        self,
        part: Part,
        dialect: str,
        pushed: Relation | None,
        fingerprint: Fingerprint,
        drawn: Sampling | None = None,
        owned: Owned = EVERYTHING,
    ) -> None:
        self._part, self._dialect = part, dialect
        self._mapping, self._shape = part.mapping, part.mapping.shape
        self._pushed, self._fingerprint = pushed, fingerprint
        self._drawn = drawn.draws if drawn else _all
        self._select, self._owned = part.mapping.select(dialect), owned
        # Who asks the database itself must have read to the end; the rest is few rows then.
        self._at_once = None if fingerprint.asks else AT_ONCE

    def bounds(self, side: SqlSide) -> tuple[int, int] | None:
        if self._pushed:
            return self._pushed.bounds(side)
        if self._select.number is None:
            return _bounds(number for number, _ in self._numbered(side))
        ((low, high),) = side.rows(
            f"SELECT MIN({self._select.number}), MAX({self._select.number}) FROM {self._select.from_}"
        )
        return None if low is None else (int(low), int(high))

    def checksums(self, side: SqlSide, grid: Grid, where: str | None) -> Seen:
        if self._pushed is None:
            return self._translated(side, grid, where)
        found, left = counted(self._pushed.checksums(side, grid, where), grid)
        if not left:
            return Seen(found, {})
        rest = self._translated(side, grid, where)
        add(found, rest.buckets)
        return Seen(found, rest.untranslatable)

    def within(self, side: SqlSide, over: Grid, bucket: int, finer: Grid) -> Seen:
        found: Buckets = {}
        if self._pushed:
            for where in self._pushed.conditions(over, [bucket]):
                add(found, counted(self._pushed.checksums(side, finer, where), finer)[0])
        for among in self._ranges(over, [bucket]):
            rest = self._translated(side, finer, among)
            add(
                found,
                {each: rows for each, rows in rest.buckets.items() if _inside(each, finer, over, bucket)},
            )
        return Seen(found, {})

    def hashes(self, side: SqlSide, grid: Grid, buckets: Collection[int]) -> Iterator[Row]:
        if self._pushed:
            yield from self._pushed.hashes(side, grid, buckets)
        wanted = set(buckets)
        for where in self._ranges(grid, buckets):
            yield from self._hashed(side, where, lambda number: grid.of(number) in wanted)

    def hashes_of(self, side: SqlSide, numbers: Collection[int]) -> Iterator[Row]:
        if self._pushed:
            yield from self._pushed.hashes_of(side, numbers)
        wanted = set(numbers)
        for where in self._only(sorted(wanted)):
            yield from self._hashed(side, where, wanted.__contains__)

    def rows(self, side: SqlSide, numbers: Collection[int]) -> Iterator[Row]:
        wanted = set(numbers)
        if self._pushed:
            yield from self._pushed.rows(side, numbers)
        for where in self._only(sorted(wanted)):
            for number, each in self._numbered(side, where):
                if number in wanted:
                    yield (*map(text_of, each.data.values()), None)

    def belonging(self, side: SqlSide, aggregates: Collection[int]) -> Iterator[int]:
        wanted = set(aggregates)
        if self._pushed:
            yield from self._pushed.belonging(side, aggregates)
        root, above = self._part.root.shape, self._part.above
        for number, each in self._numbered(side):
            if number_of_values(root, [each.data[name] for name in above]) in wanted:
                yield number

    def _translated(self, side: SqlSide, grid: Grid, where: str | None) -> Seen:
        """The rest, hashed here."""
        found: Buckets = {}
        untranslatable: dict[str, str] = {}
        rest = iter(self._rest(side, where))
        while some := list(islice(rest, self._at_once)):
            for each in some:
                if each.fault:
                    key = self._part.key_of(each.row)
                    untranslatable.setdefault(key, self._part.reason(each.row, each.fault.what))
            for number, value in self._hashes([each for each in some if not each.fault], side):
                if self._drawn(number):
                    add(found, {grid.of(number): Bucket(1, value)})
        return Seen(found, untranslatable)

    def _hashed(self, side: SqlSide, where: str | None, wanted: Callable[[int], bool]) -> Iterator[Row]:
        numbered = self._numbered(side, where)
        rows = (each for number, each in numbered if wanted(number) and self._drawn(number))
        while some := list(islice(rows, self._at_once)):
            for number, value in self._hashes(some, side):
                yield number, value, None

    def _hashes(self, rows: Sequence[Translated], side: SqlSide) -> Iterable[tuple[int, int]]:
        values = self._fingerprint.of(side, [list(each.data.values()) for each in rows])
        return zip(map(self._number, rows), values, strict=True)

    def _ranges(self, grid: Grid, buckets: Collection[int]) -> Iterator[str | None]:
        """Conditions for the rest that together hold for all rows in the buckets; None: no condition helps."""
        if self._select.number is None:
            yield None
            return
        for first, last in runs(buckets):
            low, high = grid.span(first, last)
            yield f"{self._select.number} BETWEEN {low} AND {high}"

    def _only(self, numbers: Sequence[int]) -> Iterator[str | None]:
        """Conditions for the rest that together hold for the keys with these numbers; None: no condition helps."""
        if self._select.number is None:
            yield None
            return
        for start in range(0, len(numbers), IN_ONE_LIST):
            listed = ", ".join(map(str, numbers[start : start + IN_ONE_LIST]))
            yield f"{self._select.number} IN ({listed})"

    def _numbered(self, side: SqlSide, where: str | None = None) -> Iterator[tuple[int, Translated]]:
        return ((self._number(each), each) for each in self._rest(side, where) if each.fault is None)

    def _rest(self, side: SqlSide, where: str | None = None) -> Iterable[Translated]:
        sql = self._select.rest_sql(where) if self._pushed else self._select.legacy_sql(where)
        rest = translated(self._mapping, self._dialect, side.rows(sql)) if sql else ()
        return (each for row in rest if (each := self._owned.seen(self._mapping, row)) is not None)

    def _number(self, each: Translated) -> int:
        return number_of_values(self._shape, [each.data[name] for name in self._shape.key])


def _inside(each: int, finer: Grid, over: Grid, bucket: int) -> bool:
    return over.of(finer.span(each, each)[0]) == bucket


def _all(number: int) -> bool:
    return True


def _bounds(numbers: Iterable[int]) -> tuple[int, int] | None:
    low = high = None
    for number in numbers:
        low = number if low is None or number < low else low
        high = number if high is None or number > high else high
    return None if low is None or high is None else (low, high)
