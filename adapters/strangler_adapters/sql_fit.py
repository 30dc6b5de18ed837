"""Whether a table that is there already can take an entity. Pure: what the database has comes in, the misfit goes out.

The service may add columns, indexes and defaults of its own. It may not narrow a column: a `numeric(16,2)` rounds
and a `varchar(40)` refuses, and either would only show when that one row comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from strangler.errors import StoreError
from strangler.mapping.canonical import quote
from strangler.ports import Finding
from strangler.shapes import FieldType
from strangler_adapters.sql_layout import POSITION, Layout, quoted


class Types(NamedTuple):
    """How a database declares each type of field, and a position."""

    fields: Mapping[FieldType, str]
    position: str


SQLITE_TYPES: Final = Types(
    {
        FieldType.TEXT: "TEXT",
        FieldType.INTEGER: "INTEGER",
        FieldType.DECIMAL: "TEXT",
        FieldType.FLOAT: "REAL",
        FieldType.BOOLEAN: "INTEGER",
        FieldType.DATE: "TEXT",
        FieldType.TIME: "TEXT",
        FieldType.TIMESTAMP: "TEXT",
        FieldType.INSTANT: "TEXT",
        FieldType.BYTES: "TEXT",
        FieldType.JSON: "TEXT",
    },
    "TEXT",
)
"""SQLite has few types; what it lacks is kept as canonical text, which compares and reads back exactly."""

POSTGRES_TYPES: Final = Types(
    {
        FieldType.TEXT: "text",
        FieldType.INTEGER: "bigint",
        FieldType.DECIMAL: "numeric",
        FieldType.FLOAT: "double precision",
        FieldType.BOOLEAN: "boolean",
        FieldType.DATE: "date",
        FieldType.TIME: "time without time zone",
        FieldType.TIMESTAMP: "timestamp without time zone",
        FieldType.INSTANT: "timestamp with time zone",
        FieldType.BYTES: "bytea",
        FieldType.JSON: "text",
    },
    'text COLLATE "C"',
)


class Found(NamedTuple):
    """A column as the database has it. `filled`: it has a value when an insert gives none."""

    name: str
    type: str
    required: bool
    filled: bool


class Table(NamedTuple):
    """A table as the database has it: its columns, and the column sets that it keeps unique."""

    columns: Sequence[Found]
    unique: Sequence[frozenset[str]]


def declared(layout: Layout, types: Types) -> str:
    """The statement that makes the entity's table."""
    columns = [
        f"{quote(field.name)} {types.fields[field.type]}{'' if _optional(layout, field.name) else ' NOT NULL'}"
        for field in layout.shape.fields
    ]
    body = ", ".join([*columns, f"{POSITION} {types.position}", f"PRIMARY KEY ({quoted(layout.shape.key)})"])
    return f"CREATE TABLE {layout.table} ({body})"


def misfit(what: str, layout: Layout, types: Types, table: Table) -> StoreError | None:
    """Why the table can't take the entity, naming the column and the statement that mends it; None when it can."""
    found = {column.name: column for column in table.columns}
    wanted = {name: types.fields[type] for name, type in layout.types.items()} | {POSITION: types.position}
    alter = f"ALTER TABLE {layout.table}"
    for name, type in wanted.items():
        where = f"{what}: the table {layout.shape.table} has "
        column = found.get(name)
        if column is None:
            return StoreError(f"{where}no column {name}", do=f"{alter} ADD COLUMN {quote(name)} {type}")
        if column.type.lower() != type.lower():
            why = f"{layout.shape.entity} needs {type}"
            return StoreError(
                f"{where}{name} as {column.type}",
                why=why,
                do=f"{alter} ALTER COLUMN {quote(name)} TYPE {type}",
            )
        if column.required and _optional(layout, name):
            why = "legacy may have none for it" if name != POSITION else "the service's own rows have none"
            return StoreError(
                f"{where}{name} as NOT NULL", why=why, do=f"{alter} ALTER COLUMN {quote(name)} DROP NOT NULL"
            )
    for column in table.columns:
        if column.name not in wanted and column.required and not column.filled:
            return StoreError(
                f"{what}: the table {layout.shape.table} needs a value for {column.name}, which events don't have",
                do=f"{alter} ALTER COLUMN {quote(column.name)} SET DEFAULT …, or DROP NOT NULL",
            )
    if frozenset(layout.shape.key) not in table.unique:
        return StoreError(
            f"{what}: the table {layout.shape.table} doesn't keep {', '.join(layout.shape.key)} unique",
            why="this is the key of its rows",
            do=f"CREATE UNIQUE INDEX ON {layout.table} ({quoted(layout.shape.key)})",
        )
    return None


def as_finding(misfit: StoreError) -> Finding:
    """The misfit as `ServiceStore.examine` tells it."""
    return Finding(f"{misfit.what}{': ' if misfit.why else ''}{misfit.why}", misfit.do)


def _optional(layout: Layout, name: str) -> bool:
    if name == POSITION:
        return True
    return name not in layout.shape.key and next(f.nullable for f in layout.shape.fields if f.name == name)
