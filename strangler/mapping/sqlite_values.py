"""What a value means that SQLite holds in a column of a declared type: SQLite itself keeps anything anywhere.

The SQLite connector reads rows with `decode`, and so does the mapping's SQL, so the two agree on what a row says.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from strangler.mapping import dates, runtime
from strangler.mapping.bad_value import BadValue, shown
from strangler.shapes import FieldType


def decode(kind: FieldType, value: Any) -> Any:
    """The value of a legacy column, as `strangler.changes.Row` wants it.

    Decimals may be stored as text, integers or reals (their shortest form is meant), booleans are 0 and 1, everything about
    time is text as CAST reads it. Raises BadValue for anything else.
    """
    if value is None:
        return None
    made = _decoded(kind, value)
    if made is None:
        raise BadValue(f"{shown(value)} is no {kind.value}")
    return made


def decode_stored(kind: FieldType, value: Any) -> Any:
    """The value of a store's column. As `decode`, and with what JSON has no number for by its name, and bytes as hex."""
    if kind is FieldType.FLOAT and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if kind is FieldType.BYTES and isinstance(value, str):
        try:
            return bytes.fromhex(value)
        except ValueError:
            raise BadValue(f"{shown(value)} is no hex") from None
    return decode(kind, value)


def _decoded(kind: FieldType, value: Any) -> Any:
    """The value, or None when it isn't one."""
    match kind, value:
        case (
            (FieldType.TEXT | FieldType.JSON, str()) | (FieldType.BYTES, bytes()) | (FieldType.INTEGER, int())
        ):
            return value
        case FieldType.FLOAT, int() | float():
            return float(value)
        case FieldType.BOOLEAN, 0 | 1 if isinstance(value, int):
            return bool(value)
        case FieldType.DECIMAL, _:
            return _decimal(value)
        case FieldType.DATE, str():
            return dates.text_to_date(value)
        case FieldType.TIME, str():
            return runtime.text_to_time(value)
        case FieldType.TIMESTAMP, str():
            return runtime.text_to_timestamp(value)
        case FieldType.INSTANT, str():
            return runtime.text_to_instant(value)
    return None


def _decimal(value: Any) -> Decimal | None:
    match value:
        case int():
            return Decimal(value)
        case float() if value - value == 0:
            return Decimal(repr(value))
        case "NaN":
            return Decimal("NaN")
        case str():
            return runtime.text_to_decimal(value)
    return None
