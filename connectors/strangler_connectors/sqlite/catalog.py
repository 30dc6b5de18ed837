"""The catalog of a SQLite file: tables, columns and keys, and which field type a declared type stands for.

SQLite lets any column hold any value; the declared type says what is meant. A value that isn't of that type is
passed on as it stands, and the mapping puts its row into quarantine.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from typing import Final

from strangler.shapes import Column, FieldType, Table

_TYPES: Final = (
    (r"timestamp ?tz|with time zone", FieldType.INSTANT),
    (r"datetime|timestamp", FieldType.TIMESTAMP),
    (r"date", FieldType.DATE),
    (r"time", FieldType.TIME),
    (r"bool", FieldType.BOOLEAN),
    (r"json", FieldType.JSON),
    (r"char|clob|text|string", FieldType.TEXT),
    (r"int|serial", FieldType.INTEGER),
    (r"real|floa|doub", FieldType.FLOAT),
    (r"num|dec|money", FieldType.DECIMAL),
    (r"blob|binary", FieldType.BYTES),
)
"""Patterns over the declared type, the first that is found counts; text when none is."""


def field_type(declared: str) -> FieldType:
    """The field type that a declared type stands for."""
    return next((type for pattern, type in _TYPES if re.search(pattern, declared.lower())), FieldType.TEXT)


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def describe(connection: sqlite3.Connection, tables: Sequence[str]) -> dict[str, Table]:
    """The asked tables that exist, by their exact names."""
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {name: _table(connection, name) for name in tables if name in there}


def _table(connection: sqlite3.Connection, name: str) -> Table:
    columns, primary = [], []
    query = 'SELECT name, type, "notnull", pk, dflt_value IS NOT NULL OR hidden > 1 FROM pragma_table_xinfo(?) WHERE hidden <> 1'
    rows = connection.execute(query, [name]).fetchall()
    alone = sum(pk > 0 for *_, pk, _ in rows) == 1
    for column, declared, notnull, pk, default in rows:
        numbered = pk and alone and declared.upper() == "INTEGER"  # The row's own number.
        filled = bool(default or numbered)
        columns.append(Column(column, field_type(declared), not (notnull or pk), declared, filled))
        if pk:
            primary.append((pk, column))
    key = tuple(column for _, column in sorted(primary))
    return Table(name, tuple(columns), key or _unique(connection, name, columns))


def _unique(connection: sqlite3.Connection, table: str, columns: Sequence[Column]) -> tuple[str, ...]:
    """The columns of a unique index that may not be NULL, where there is no primary key."""
    total = {column.name for column in columns if not column.nullable}
    query = 'SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial ORDER BY name'
    for (index,) in connection.execute(query, [table]).fetchall():
        query = "SELECT name FROM pragma_index_info(?) ORDER BY seqno"
        names = tuple(row[0] for row in connection.execute(query, [index]))
        if names and total.issuperset(names):
            return names
    return ()
