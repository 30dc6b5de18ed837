"""How a legacy column is read in Python, and which of its values can be read at all; dialects do the same in SQL.

What can't be read makes the row untranslatable: a date that is `infinity` or before the year 1, an infinite decimal, a text
with a NUL, an unsigned integer beyond 2^63 - 1, a time of more than a day, and in SQLite, where a column may hold anything, a value
that isn't of the column's type. A CHAR column is read without its padding, and MySQL's zero dates as NULL.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from strangler.mapping.bad_value import BadValue, shown
from strangler.mapping.runtime import GREATEST
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


def padded(column: Column) -> bool:
    """Whether the database fills the column's text with blanks: CHAR(n), not VARCHAR(n)."""
    return column.type is FieldType.TEXT and _PADDED.match(column.declared) is not None


_WIDE: Final = re.compile(r"(?i)\s*bigint\b.*(unsigned|zerofill)")


def wide(column: Column) -> bool:
    """Whether the column holds integers that don't fit 64 bits with a sign."""
    return column.type is FieldType.INTEGER and _WIDE.match(column.declared) is not None


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
    if wide(column) and value > GREATEST:
        raise BadValue(f"column {column.name} holds {value}, which does not fit 64 bits with a sign")
    return value.rstrip(" ") if padded(column) else value


def python_check(column: Column, local: str) -> str:
    """Python source of the condition under which `read` gives a value for the local variable."""
    name = CLASSES[column.type].__name__
    test = f"{local}.__class__ is {name}"
    if column.type is FieldType.DECIMAL:
        test = f"({test} and not {local}.is_infinite())"
    if column.type in _TEXTS:
        test = f"({test} and '\\0' not in {local})"
    if wide(column):
        test = f"({test} and {local} <= {GREATEST})"
    return f"({test} or {local} is None)"
