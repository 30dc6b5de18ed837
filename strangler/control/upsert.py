"""One statement that inserts rows, or changes those that are already there; the same on both dialects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Table

Rows = Sequence[Mapping[str, Any]]


def upsert(connection: Connection, table: Table, rows: Rows, *, add: Sequence[str] = ()) -> None:
    """Insert `rows`; where the primary key is there, the columns `add` grow by the new value, others take it."""
    if not rows:
        return
    statement = _insert(connection, table)
    keys = {column.name for column in table.primary_key}
    changes = {
        name: table.c[name] + statement.excluded[name] if name in add else statement.excluded[name]
        for name in rows[0]
        if name not in keys
    }
    connection.execute(statement.on_conflict_do_update(index_elements=sorted(keys), set_=changes), rows)


def insert_new(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert those `rows` whose primary key isn't there; leave the others as they are."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows)


def _insert(connection: Connection, table: Table) -> Any:
    dialect = import_module(
        f"sqlalchemy.dialects.{connection.dialect.name}"
    )  # It is there already, and the other one isn't needed.
    return dialect.insert(table)
