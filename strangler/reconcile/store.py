"""The store's side of a comparison: its table as it is, asked by its relation alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from strangler.changes import Position
from strangler.events import decode_key, encode_key
from strangler.mapping.canonical import quoted_text
from strangler.parts import Part
from strangler.ports import SqlSide
from strangler.reconcile.grid import EMPTY, Buckets, Grid, add
from strangler.reconcile.numbers import is_plain
from strangler.reconcile.relation import IN_ONE_LIST, Relation, Row
from strangler.reconcile.view import Seen


class Store:
    """See `View`."""

    def __init__(self, relation: Relation) -> None:
        self._relation = relation

    def bounds(self, side: SqlSide) -> tuple[int, int] | None:
        return self._relation.bounds(side)

    def checksums(self, side: SqlSide, grid: Grid, where: str | None) -> Seen:
        found, _ = counted(self._relation.checksums(side, grid, where), grid)
        return Seen(found, {})

    def within(self, side: SqlSide, over: Grid, bucket: int, finer: Grid) -> Seen:
        found: Buckets = {}
        for where in self._relation.conditions(over, [bucket]):
            add(found, counted(self._relation.checksums(side, finer, where), finer)[0])
        return Seen(found, {})

    def hashes(self, side: SqlSide, grid: Grid, buckets: Collection[int]) -> Iterator[Row]:
        return self._relation.hashes(side, grid, buckets)

    def hashes_of(self, side: SqlSide, numbers: Collection[int]) -> Iterator[Row]:
        return self._relation.hashes_of(side, numbers)

    def rows(self, side: SqlSide, numbers: Collection[int]) -> Iterator[Row]:
        return self._relation.rows(side, numbers)

    def belonging(self, side: SqlSide, aggregates: Collection[int]) -> Iterator[int]:
        return self._relation.belonging(side, aggregates)


def tombstones(part: Part, side: SqlSide, numbers: Collection[int]) -> dict[int, Position]:
    """The positions at which keys with these numbers were removed, of aggregates whose keys stand for themselves; of others nothing."""
    shape = part.mapping.shape
    if part.depth or not is_plain(shape):
        return {}
    found: dict[int, Position] = {}
    entity = f"{shape.function}/{shape.entity}"  # as the store calls it
    listed = sorted(numbers)
    for start in range(0, len(listed), IN_ONE_LIST):
        keys = ", ".join(f"'{encode_key([number])}'" for number in listed[start : start + IN_ONE_LIST])
        rows = side.rows(
            f"SELECT key, position FROM strangler_tombstone WHERE entity = {quoted_text(entity)} AND key IN ({keys})"
        )
        found |= {decode_key(key)[0]: Position(position) for key, position in rows}
    return found


def counted(rows: Iterable[Row], grid: Grid) -> tuple[Buckets, int]:
    """The answer to `Relation.checksums`, by bucket, and how many rows are left to be translated here."""
    found: Buckets = {}
    left = 0
    for bucket, kept, count, checksum in rows:
        if kept:
            found[grid.read(bucket)] = EMPTY.plus(int(count), int(checksum))
        elif kept is not None:
            left += int(count)
    return found, left
