"""How a legacy column is read, in the three executions, and which of its values can be read at all.

What can't be read makes the row untranslatable: a date that is `infinity` or before the year 1, an infinite decimal, a text
with a NUL, and in SQLite, where a column may hold anything, a value that isn't of the column's type. A CHAR column is
read without its padding.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from strangler.mapping.bad_value import BadValue, shown
from strangler.mapping.canonical import quote
from strangler.shapes import Column, FieldType

CLASSES: Final[dict[FieldType, type[Any]]] = {
    FieldType.TEXT: str,
    FieldType.INTEGER: int,
    FieldType.DECIMAL: Decimal,
    FieldType.FLOAT: float,
    FieldType.BOOLEAN: bool,
    FieldType.DATE: date,
    FieldType.TIME: time,
    FieldType.TIMESTAMP: datetime,
    FieldType.INSTANT: datetime,
    FieldType.BYTES: bytes,
    FieldType.JSON: str,
}
"""The Python class of a column's value in a Row; exactly this class."""

_TEXTS: Final = (FieldType.TEXT, FieldType.JSON)

_PADDED: Final = re.compile(r"(?i)\s*(bpchar|n?char|(national )?character)\s*(\(|$)")
_PLAIN_TEXT: Final = re.compile(r"(?i)\s*(text|varchar|character varying)\b(?!.*\[)")


def padded(column: Column) -> bool:
    """Whether the database fills the column's text with blanks: CHAR(n), not VARCHAR(n)."""
    return column.type is FieldType.TEXT and _PADDED.match(column.declared) is not None


def read(column: Column, value: Any) -> Any:
    """The value as expressions see it. Raises BadValue when it isn't of the column's type."""
    if value is None:
        return None
    if type(value) is not CLASSES[column.type]:
        raise BadValue(f"column {column.name} holds {shown(value)}, which is no {column.type.value}")
    if column.type is FieldType.DECIMAL and value.is_infinite():
        raise BadValue(f"column {column.name} holds an infinite decimal")
    if column.type in _TEXTS and "\0" in value:
        raise BadValue(f"column {column.name} holds the character NUL, which other databases don't take")
    return value.rstrip(" ") if padded(column) else value


def python_check(column: Column, local: str) -> str:
    """Python source of the condition under which `read` gives a value for the local variable."""
    name = CLASSES[column.type].__name__
    test = f"{local}.__class__ is {name}"
    if column.type is FieldType.DECIMAL:
        test = f"({test} and not {local}.is_infinite())"
    if column.type in _TEXTS:
        test = f"({test} and '\\0' not in {local})"
    return f"({test} or {local} is None)"


def sql_read(column: Column, dialect: str) -> str:
    """SQL of the column's value as expressions see it."""
    name = quote(column.name)
    return _postgres(column, name) if dialect == "postgres" else _sqlite(column, name)


def _postgres(column: Column, name: str) -> str:
    match column.type:
        case FieldType.TEXT if not _PLAIN_TEXT.match(column.declared):
            return f"CAST({name} AS text)"  # of a CHAR this strips the padding
        case FieldType.INTEGER if column.declared == "oid":
            return f"CAST({name} AS bigint)"
        case FieldType.JSON:
            return f"CAST({name} AS text)"
        case FieldType.FLOAT if column.declared.lower() in ("real", "float4"):
            return f"CAST(CAST({name} AS text) AS double precision)"  # 0.1, as the stream reads it; not 0.10000000149
        case _:
            return name


def _sqlite(column: Column, name: str) -> str:
    match column.type:
        case FieldType.TEXT if padded(column):
            return f"rtrim({name}, ' ')"
        case FieldType.FLOAT:
            return f"CAST({name} AS REAL)"
        case kind if kind in _SQLITE_STORED:
            return name
        case kind:
            return f"strangler_read_{kind.value}({name})"


_SQLITE_TEXT: Final = "(typeof({0}) = 'null' OR (typeof({0}) = 'text' AND instr({0}, char(0)) = 0))"

_SQLITE_STORED: Final = {
    FieldType.TEXT: _SQLITE_TEXT,
    FieldType.JSON: _SQLITE_TEXT,
    FieldType.INTEGER: "typeof({0}) IN ('integer', 'null')",
    FieldType.FLOAT: "typeof({0}) IN ('real', 'integer', 'null')",
    FieldType.BOOLEAN: "({0} IS NULL OR (typeof({0}) = 'integer' AND {0} IN (0, 1)))",
    FieldType.BYTES: "typeof({0}) IN ('blob', 'null')",
}
"""The types whose values SQLite holds as expressions see them, with the condition that a value is one."""

_POSTGRES_READABLE: Final = {
    FieldType.DECIMAL: "({0} IS NULL OR {0} = 'NaN' OR {0} - {0} = 0)",
    FieldType.DATE: "COALESCE({0} BETWEEN '0001-01-01' AND '9999-12-31', TRUE)",
    FieldType.TIME: "COALESCE({0} < '24:00:00', TRUE)",
    FieldType.TIMESTAMP: "COALESCE({0} >= '0001-01-01' AND {0} < '10000-01-01', TRUE)",
    FieldType.INSTANT: "COALESCE({0} >= '0001-01-01 00:00:00+00' AND {0} < '10000-01-01 00:00:00+00', TRUE)",
}


def sql_readable(column: Column, dialect: str) -> str | None:
    """SQL of the condition, never NULL, that the column's value can be read; None where it always can."""
    name = quote(column.name)
    if dialect == "postgres":
        if column.type is FieldType.DECIMAL and "(" in column.declared:
            return None  # numeric(p, s) holds no infinity
        condition = _POSTGRES_READABLE.get(column.type)
        return condition and condition.format(name)
    if column.type in _SQLITE_STORED:
        return _SQLITE_STORED[column.type].format(name)
    return f"strangler_can_read_{column.type.value}({name})"
