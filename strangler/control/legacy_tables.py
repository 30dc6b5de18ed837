"""What each captured legacy table looked like when somebody last agreed to it, so that an alteration is seen, also one that
was made while nobody read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any

import orjson
from sqlalchemy import delete, select

from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import upsert
from strangler.shapes import Column, FieldType, Table


def remembered(control: Control, source: str) -> dict[str, Table]:
    """Table as configured → what it looked like."""
    found = tables.legacy_table
    with control.read() as connection:
        query = select(found.c.table, found.c.shape).where(found.c.source == source)
        return {name: _read(shape) for name, shape in connection.execute(query)}


def remember(control: Control, source: str, shapes: Iterable[Table]) -> None:
    """From now on the tables look like this."""
    rows = [{"source": source, "table": shape.name, "shape": _written(shape)} for shape in shapes]
    with control.begin() as connection:
        upsert(connection, tables.legacy_table, rows)


def keep(control: Control, source: str, names: Collection[str]) -> None:
    """Forget all tables of the source but these: what isn't captured may be altered as it likes."""
    found = tables.legacy_table
    with control.begin() as connection:
        connection.execute(delete(found).where(found.c.source == source, found.c.table.not_in(names)))


def _written(shape: Table) -> str:
    return orjson.dumps(asdict(shape)).decode()


def _read(text: str) -> Table:
    body: dict[str, Any] = orjson.loads(text)
    columns = tuple(Column(**{**column, "type": FieldType(column["type"])}) for column in body.pop("columns"))
    key, removal = tuple(body.pop("key")), body.pop("removal")
    return Table(columns=columns, key=key, removal=None if removal is None else tuple(removal), **body)
