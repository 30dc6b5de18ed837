"""Shortcuts: the common case of a reader written out, for the code that is compiled for a table.

A call costs as much as most conversions. So each shortcut is an expression of `x`, which isn't NULL: it gives what the reader gives,
or calls it as `{read}` for the less common, or raises; then the row is read again by the readers alone.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from strangler.shapes import Column, FieldType
from strangler_connectors.debezium.inline import Written
from strangler_connectors.debezium.readers import DAY, EPOCH_DAY, NUMBER, Reader, of_another_type, only_text
from strangler_connectors.debezium.writing import BINLOG, TIME, TIMESTAMP, Declared

SCOPE: Final[dict[str, Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "Decimal": Decimal,
    "timedelta": timedelta,
    "epoch": datetime(1970, 1, 1),
    "from_ordinal": date.fromordinal,
    "from_iso": datetime.fromisoformat,
    "is_number": NUMBER.fullmatch,
}
"""The names that the expressions use."""

RAISED: Final = (ValueError, TypeError, ArithmeticError)
"""What an expression raises for a value that isn't the common one."""


def shortcut(column: Column, written: Written, kind: str, read: Reader, gaps: bool) -> str:
    """The expression. `gaps`: a text may be the `placeholder` for what wasn't logged."""
    if read is of_another_type:
        return "{read}"
    if read is only_text:
        return (
            "x if x.__class__ is str and x != placeholder else {read}"
            if gaps
            else "x if x.__class__ is str else {read}"
        )
    match column.type:
        case FieldType.INTEGER if kind not in BINLOG or not _of_another_range(column):
            return "x if x.__class__ is int else {read}"
        case FieldType.BOOLEAN:
            return "x if x is True or x is False else {read}"
        case FieldType.FLOAT if not Declared(column.declared).name.startswith(("real", "float")):
            return "x if x.__class__ is float else {read}"
        case FieldType.DECIMAL if written.type == "string" and "-" not in column.declared:
            return "Decimal(x) if x.__class__ is str and is_number(x) else {read}"
        case FieldType.INSTANT if column.nullable or kind not in BINLOG:
            return "from_iso(x) if x.__class__ is str and x[-1:] == 'Z' and x[4:5] == '-' else {read}"
    return _of_a_number(column, written, kind)


def _of_another_range(column: Column) -> bool:
    """Whether the reader makes other numbers of some: of unsigned ones and years."""
    return "unsigned" in column.declared or Declared(column.declared).name == "year"


def _of_a_number(column: Column, written: Written, kind: str) -> str:
    """Dates and times by the number of days or microseconds; a zero date is the reader's affair."""
    if kind in BINLOG and not column.nullable:
        return "{read}"
    match column.type:
        case FieldType.DATE:
            return f"from_ordinal(x + {EPOCH_DAY}) if x.__class__ is int else {{read}}"
        case FieldType.TIMESTAMP if written.name == TIMESTAMP["us"]:
            return "epoch + timedelta(0, 0, x) if x.__class__ is int else {read}"
        case FieldType.TIMESTAMP if written.name == TIMESTAMP["ms"]:
            return "epoch + timedelta(0, 0, 0, x) if x.__class__ is int else {read}"
        case FieldType.TIME if written.name == TIME["us"]:
            return (
                f"(epoch + timedelta(0, 0, x)).time() if x.__class__ is int and 0 <= x < {DAY} else {{read}}"
            )
    return "{read}"
