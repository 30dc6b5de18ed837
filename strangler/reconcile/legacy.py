"""The legacy side of a comparison: what its database sees through the mapping by itself, and the rest, translated here.

Both have the same numbers, hashes and texts, so that the store can't tell which way a row was compared. Of a database of a
dialect that mappings aren't compiled to the rest is the whole table: it is streamed, in constant memory, for each
question but the last, that for single keys, where their number is a column of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from strangler.mapping import Translated, translated
from strangler.mapping.canonical import text_of
from strangler.mapping.digest import layout, row_hash
from strangler.parts import Part
from strangler.ports import SqlSide
from strangler.reconcile import relation
from strangler.reconcile.checksum import EMPTY, Bucket, Buckets, buckets
from strangler.reconcile.relation import BUCKETS, IN_ONE_LIST, Row


class Seen(NamedTuple):
    """The first look at the legacy side: buckets, and key of an aggregate → why, where a row of the part can't be translated."""

    buckets: Buckets
    untranslatable: dict[str, str]


class Legacy:
    """The legacy rows of an entity, or of its children. Its questions are asked of a side of the dialect, in whatever thread that lives."""

    def __init__(self, part: Part, dialect: str) -> None:
        mapping = part.mapping
        self._part, self._mapping, self._shape, self._dialect = part, mapping, mapping.shape, dialect
        self._pushed = relation.legacy(part, dialect)
        self._select = mapping.select(dialect)
        self._layout = layout(mapping.shape.types())

    def checksums(self, side: SqlSide) -> Seen:
        """Count and checksum per bucket, and what can't be translated."""
        found: Buckets = defaultdict(
            lambda: EMPTY, buckets(self._pushed.checksums(side) if self._pushed else ())
        )
        untranslatable: dict[str, str] = {}
        for each in self._rest(side):
            if each.fault:
                key = self._part.key_of(each.row)
                untranslatable.setdefault(key, self._part.reason(each.row, each.fault.what))
                continue
            texts = _texts(each)
            number = self._number(each) & (BUCKETS - 1)
            rows, checksum = found[number]
            found[number] = Bucket(rows + 1, checksum + row_hash(self._layout, texts))
        return Seen(dict(found), untranslatable)

    def hashes(self, side: SqlSide, buckets: Collection[int]) -> Iterator[Row]:
        """Rows (key's number, hash) of some buckets."""
        wanted = set(buckets)
        if self._pushed:
            yield from self._pushed.hashes(side, buckets)
        for number, each in self._numbered(side):
            if number & (BUCKETS - 1) in wanted:
                yield number, row_hash(self._layout, _texts(each))

    def rows(self, side: SqlSide, numbers: Collection[int]) -> Iterator[Row]:
        """Whole rows, as canonical texts, of the keys with these numbers."""
        wanted = set(numbers)
        if self._pushed:
            yield from self._pushed.rows(side, numbers)
        for where in self._only(sorted(wanted)):
            for number, each in self._numbered(side, where):
                if number in wanted:
                    yield tuple(_texts(each))

    def belonging(self, side: SqlSide, aggregates: Collection[int]) -> Iterator[int]:
        """The numbers of the keys of all rows that belong to the aggregates with these numbers."""
        wanted = set(aggregates)
        if self._pushed:
            yield from self._pushed.belonging(side, aggregates)
        root, above = self._part.root.shape, self._part.above
        for number, each in self._numbered(side):
            if relation.number_of_values(root, [each.data[name] for name in above]) in wanted:
                yield number

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
        sql = self._select.rest_sql(where)
        return translated(self._mapping, self._dialect, side.rows(sql)) if sql else ()

    def _number(self, each: Translated) -> int:
        return relation.number_of_values(self._shape, [each.data[name] for name in self._shape.key])


def _texts(each: Translated) -> list[str | None]:
    return [text_of(value) for value in each.data.values()]
