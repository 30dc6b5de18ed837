"""Slices of a table, by which it is read in pieces: each side by its own, for sums of checksums don't mind how they are cut.

So a scan can pause, be stopped and be gone on with. PostgreSQL's tables are cut into blocks as they lie on disk, at no cost and whatever
the key; others into ranges of their own primary key; what has none is read in one piece. A row that moves from a slice to another
while the scan goes on is counted twice or not at all: then its bucket differs, and it is looked at by itself.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Protocol

from strangler.errors import StranglerError
from strangler.legacy_values import decode_value, encode_value
from strangler.mapping.canonical import quote
from strangler.mapping.dialects.mysql_casts import quoted_text
from strangler.ports import SqlSide
from strangler.shapes import Column, FieldType, Shape, Table
from strangler.sync.ranges import count, next_range

PIECES: Final = 16
"""A slice is at most this part of a table: of a larger one PostgreSQL thinks that several processes read the whole table sooner."""


class Slice(NamedTuple):
    """`condition` holds for its rows, None: all that are left; `after` is where the next one begins, as JSON has it, None: there is none;
    `share` is how much of the table lies before its end, None where that isn't known."""

    condition: str | None
    after: Any
    share: float | None


class Slicing(Protocol):
    """A way to cut a table. `of` names what is cut: while it stays the same, an `after` means the same place."""

    of: str

    def next(self, side: SqlSide, after: Any, size: int) -> Slice:
        """The slice behind `after` (None: the first one), of about a size."""
        ...


class Whole:
    """In one piece."""

    of = ""

    def next(self, side: SqlSide, after: Any, size: int) -> Slice:
        return Slice(None, None, 1.0)


class Blocks:
    """By the blocks in which PostgreSQL keeps a table's rows, which it finds by their number; `of` is the file that it keeps them in."""

    def __init__(self, blocks: int, of: str) -> None:
        self._blocks, self.of = blocks, of

    def next(self, side: SqlSide, after: Any, size: int) -> Slice:
        begin = after or 0
        end = begin + max(1, min(size, self._blocks // PIECES))
        low = f"ctid >= '({begin},0)'::tid"
        if end >= self._blocks:  # Rows that are added behind the last block are the last slice's.
            return Slice(low if begin else None, None, 1.0)
        return Slice(f"{low} AND ctid < '({end},0)'::tid", end, end / self._blocks)


class Ranges:
    """By ranges of the primary key, each of about as many rows."""

    of = ""

    def __init__(self, table: Table, rows: int) -> None:
        self._table, self._rows = table, rows

    def next(self, side: SqlSide, after: Any, size: int) -> Slice:
        begin = None if after is None else [decode_value(value) for value in after["key"]]
        before = 0 if after is None else after["rows"]
        span = next_range(side, self._table, begin, size)
        if span.last is None:
            return Slice(self._to_the_end(side, span.condition()), None, 1.0)
        reached = before + size
        share = min(1.0, reached / self._rows) if self._rows else None
        return Slice(
            span.condition(), {"key": [encode_value(value) for value in span.last], "rows": reached}, share
        )

    def _to_the_end(self, side: SqlSide, condition: str | None) -> str | None:
        """The last range. SQLite alone has keys with NULL in them, which are in no range."""
        if condition is None or side.dialect != "sqlite":
            return condition
        unknown = " OR ".join(f"{quote(name)} IS NULL" for name in self._table.key)
        return f"({condition}) OR {unknown}"


def of_legacy(side: SqlSide, table: Table, name: str, *, joined: bool) -> Slicing:
    """How to cut a legacy table, `name` as SQL has it. `joined`: its rows are seen with others joined to them."""
    if side.dialect == "postgres" and not joined and (blocks := _blocks(side, name)) is not None:
        return blocks
    return Ranges(table, _estimate(side, table)) if table.key else Whole()


def of_store(side: SqlSide, shape: Shape, name: str) -> Slicing:
    """How to cut a store's table, `name` as SQL has it."""
    if side.dialect == "postgres":
        return _blocks(side, name) or Whole()
    columns = tuple(Column(field.name, field.type, field.nullable, _DECLARED) for field in shape.fields)
    if any(field.type is FieldType.FLOAT for field in shape.fields if field.name in shape.key):
        return Whole()
    table = Table(shape.table, columns, shape.key)
    return Ranges(table, count(side, table))


_DECLARED: Final = ""

_SIZE: Final = """
SELECT pg_relation_size(c.oid) / current_setting('block_size')::bigint, pg_relation_filenode(c.oid)::text FROM pg_class c
WHERE c.oid = '{}'::regclass AND c.relkind IN ('r', 'm') AND current_setting('server_version_num')::int >= 140000
    AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid)
"""
"""Nothing for what has no blocks of its own, a view or a table of partitions, and for servers that don't find them by number."""


_ESTIMATE: Final = """
SELECT table_rows FROM information_schema.tables WHERE table_schema = COALESCE({}, DATABASE()) AND table_name = {}
"""
"""MySQL counts rows by reading them all."""


def _estimate(side: SqlSide, table: Table) -> int:
    """About how many rows there are: only people see what depends on it."""
    if side.dialect != "mysql":
        return count(side, table)
    schema, _, name = table.name.rpartition(".")
    found = list(side.rows(_ESTIMATE.format(quoted_text(schema) if schema else "NULL", quoted_text(name))))
    return int(found[0][0] or 0) if found else 0


def _blocks(side: SqlSide, name: str) -> Blocks | None:
    try:
        found = list(side.rows(_SIZE.format(name.replace("'", "''"))))
    except StranglerError:
        return None  # What is wrong with the table is said when its rows are read.
    return Blocks(int(found[0][0]), str(found[0][1])) if found else None
