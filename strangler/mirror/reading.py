"""Reading legacy tables whole, to fill a mirror: streamed, only the columns that it keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from strangler.changes import Row
from strangler.mapping.legacy import statement, table_of
from strangler.mapping.raw import raw, streamed
from strangler.mirror.layout import Kept, Layout
from strangler.ports import SqlSide


def read(side: SqlSide, layout: Layout) -> Iterator[tuple[str, Iterable[Row]]]:
    """Each table with its rows, as the stream would bring them."""
    for name, kept in layout.tables.items():
        yield name, _rows(side, kept)


def _rows(side: SqlSide, kept: Kept) -> Iterator[Row]:
    columns = [column for column in kept.table.columns if column.name in kept.columns]
    selected = ", ".join(raw(column, side.dialect) for column in columns)
    table = statement(table_of(kept.table), side.dialect)
    for values in side.rows(f"SELECT {selected} FROM {table}"):
        yield streamed(columns, side.dialect, values)
