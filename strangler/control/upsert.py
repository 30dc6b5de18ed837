"""One statement that inserts rows, or changes those that are already there; the same on both dialects."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Dialect, Table, literal_column, select, text

Rows = Sequence[Mapping[str, Any]]


def upsert(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert `rows`; where the primary key is there, all other columns take their new values."""
    if rows:
        changed = rows[0].keys() - {column.name for column in table.primary_key}
        statement = _insert(connection.dialect, table)
        new = {name: statement.excluded[name] for name in rows[0] if name in changed}
        connection.execute(_where_it_is_there(statement, table, new), rows)


def add_up(
    connection: Connection,
    table: Table,
    names: tuple[str, ...],
    rows: Collection[tuple[Any, ...]],
    add: Sequence[str],
) -> None:
    """Insert `rows` of the columns `names`; where the primary key is there, the columns `add` grow by the new value, others take it.

    Made for a thousand rows each second beside calls that wait for the interpreter. Their values are numbers, finite and of 64 bits at
    most, and texts without NUL. SQLite takes them as one text of JSON: row by row it would ask for the interpreter a thousand times, and
    callers would wait as often.
    """
    if not rows:
        return
    statement = _adding(connection.dialect, table, names, tuple(add))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement, (orjson.dumps([list(row) for row in rows]).decode(),))
    else:
        connection.exec_driver_sql(statement, [dict(zip(names, row, strict=True)) for row in rows])


def insert_new(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert those `rows` whose primary key isn't there; leave the others as they are."""
    if rows:
        connection.execute(_insert(connection.dialect, table).on_conflict_do_nothing(), rows)


@lru_cache(maxsize=32)
def _adding(dialect: Dialect, table: Table, names: tuple[str, ...], add: tuple[str, ...]) -> str:
    statement = _insert(dialect, table)
    if dialect.name == "sqlite":
        fields: list[ColumnElement[Any]] = [
            literal_column(f"json_extract(value, '$[{at}]')") for at in range(len(names))
        ]
        # The condition tells SQLite that what follows it is no join.
        given = select(*fields).select_from(text("json_each(?)")).where(text("true"))
        statement = statement.from_select(names, given)
    keys = {column.name for column in table.primary_key}
    changes = {
        name: table.c[name] + statement.excluded[name] if name in add else statement.excluded[name]
        for name in names
        if name not in keys
    }
    columns = None if dialect.name == "sqlite" else names
    return str(_where_it_is_there(statement, table, changes).compile(dialect=dialect, column_keys=columns))


def _where_it_is_there(statement: Any, table: Table, changes: Mapping[str, Any]) -> Any:
    keys = sorted(column.name for column in table.primary_key)
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)


def _insert(dialect: Dialect, table: Table) -> Any:
    # It is there already, and the other one isn't needed.
    return import_module(f"sqlalchemy.dialects.{dialect.name}").insert(table)
