"""Relations: the rows of an entity on one side as a SELECT whose columns have the types that checks compare by.

Every side gives the same columns under the names of the fields. Texts compare bytewise, decimals as numbers, and what is about time by
time: in PostgreSQL, MySQL and MariaDB as values of those types, in SQLite as text that sorts. SQLite has no decimals; there they are
compared as doubles. Bytes are hex, JSON is text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from strangler.mapping import sql
from strangler.mapping.canonical import quote
from strangler.mapping.dialects import DIALECTS
from strangler.mapping.nodes import Node
from strangler.mapping.select import Select
from strangler.shapes import Column, FieldType, Shape, Table

_POSTGRES: Final = {
    FieldType.TEXT: '{0} COLLATE "C"',
    FieldType.JSON: '{0} COLLATE "C"',
    FieldType.DECIMAL: "CAST({0} AS numeric)",
    FieldType.DATE: "CAST({0} AS date)",
    FieldType.TIME: "CAST({0} AS time)",
    FieldType.TIMESTAMP: "CAST({0} AS timestamp)",
    FieldType.INSTANT: "CAST({0} AS timestamptz)",
}

# Not utf8mb4_bin, for which a blank more at the end is no difference. MySQL and MariaDB each take one of the comments.
_MYSQL_TEXT: Final = (
    "CONVERT({0} USING utf8mb4) /*!80017 COLLATE utf8mb4_0900_bin */ /*M!100202 COLLATE utf8mb4_nopad_bin */"
)
_MYSQL: Final = {
    FieldType.TEXT: _MYSQL_TEXT,
    FieldType.JSON: _MYSQL_TEXT,
    FieldType.BYTES: _MYSQL_TEXT,
    FieldType.DECIMAL: "CAST({0} AS DECIMAL(65, 30))",
    FieldType.DATE: "CAST({0} AS DATE)",
    FieldType.TIME: "CAST({0} AS TIME(6))",
    FieldType.TIMESTAMP: "CAST(REPLACE({0}, 'T', ' ') AS DATETIME(6))",
    FieldType.INSTANT: "CAST(REPLACE(REPLACE({0}, 'T', ' '), 'Z', '') AS DATETIME(6))",
}

_SQLITE: Final = {
    FieldType.DECIMAL: "CAST({0} AS REAL)",
    FieldType.TIMESTAMP: "replace({0}, 'T', ' ')",
    FieldType.INSTANT: "replace(replace({0}, 'T', ' '), 'Z', '')",
}

_CHECKED: Final[dict[str, Mapping[FieldType, str]]] = {
    "postgres": _POSTGRES,
    "mysql": _MYSQL,
    "sqlite": _SQLITE,
}
"""Dialect → SQL of the value that checks compare, of the canonical value `{0}`."""

_STORED_IN_POSTGRES: Final = {
    FieldType.TEXT: _POSTGRES[FieldType.TEXT],
    FieldType.JSON: 'CAST({0} AS text) COLLATE "C"',
    FieldType.BYTES: "encode({0}, 'hex')",
}
"""The same, of a store's column, which has its type already."""

ZONED: Final = frozenset({"postgres"})
"""The dialects that have instants with their zone."""


def legacy(shape: Shape, select: Select, dialect: str, where: Node | None = None) -> str:
    """The legacy rows that the database translates itself; `select` must have some pushed down."""
    pushed = select.pushed
    assert pushed is not None, "a relation is pushed down, or read from a scratch file"
    named = _named(pushed.columns, shape, dialect)
    origin = f"SELECT {named} FROM {select.from_}" + (f" WHERE {pushed.taken}" if pushed.taken else "")
    return _checked(shape, origin, dialect, _CHECKED[dialect], where)


def store(shape: Shape, dialect: str, table: str | None = None, where: Node | None = None) -> str:
    """The rows of a store's table; or of `table`, which is made like one in SQLite."""
    values = _STORED_IN_POSTGRES if dialect == "postgres" else _CHECKED[dialect]
    columns = ", ".join(quote(field.name) for field in shape.fields)
    origin = f"SELECT {columns} FROM {quote(table or shape.table)}"
    return _checked(shape, origin, dialect, values, where)


def scope(shape: Shape) -> Table:
    """The fields as a table, for conditions over them."""
    columns = tuple(Column(field.name, field.type, field.nullable, "") for field in shape.fields)
    return Table(shape.entity, columns, ())


def quoted(name: str, dialect: str) -> str:
    """A field's name in the dialect."""
    return DIALECTS[dialect].quote(name)


def _checked(
    shape: Shape, origin: str, dialect: str, values: Mapping[FieldType, str], where: Node | None
) -> str:
    columns = [values.get(field.type, "{0}").format(quoted(field.name, dialect)) for field in shape.fields]
    condition = _condition(where, dialect)
    if dialect == "sqlite":  # The language reads what is canonical there, elsewhere what has a type.
        return f"SELECT {_named(columns, shape, dialect)} FROM ({origin}) AS canonical{condition}"
    typed = f"SELECT {_named(columns, shape, dialect)} FROM ({origin}) AS canonical"
    return f"SELECT * FROM ({typed}) AS typed{condition}" if condition else typed


def _condition(where: Node | None, dialect: str) -> str:
    """A row of which it can't be said whether the condition holds isn't looked at."""
    if where is None:
        return ""
    value, guard = sql.write(where, DIALECTS[dialect])
    return f" WHERE {sql.all_of(guard, value)}"


def _named(columns: Sequence[str], shape: Shape, dialect: str) -> str:
    return ", ".join(
        f"{column} AS {quoted(field.name, dialect)}"
        for column, field in zip(columns, shape.fields, strict=True)
    )
