"""Values: the types of MySQL and MariaDB, and how their text becomes a Python value.

The stream and the reader give the same value for the same cell. What Python can't hold, such as a time beyond a day or
the 31st of February, stays text: the mapping then puts the row into quarantine. A date with a zero in it
(`0000-00-00`, `2026-00-00`) is what these databases had before they had NULL, and reads as NULL.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from strangler.shapes import FieldType

_TYPES: Final[dict[str, FieldType]] = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), FieldType.INTEGER),
    **dict.fromkeys(("float", "double"), FieldType.FLOAT),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), FieldType.BYTES),
    **dict.fromkeys(
        (
            "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
            "geometrycollection", "geomcollection", "vector",
        ),
        FieldType.BYTES,
    ),
    "decimal": FieldType.DECIMAL,
    "date": FieldType.DATE,
    "time": FieldType.TIME,
    "datetime": FieldType.TIMESTAMP,
    "timestamp": FieldType.INSTANT,
    "json": FieldType.JSON,
}  # fmt: skip
"""The names of types, without length. Every other type is text."""


def field_type(name: str, declared: str) -> FieldType:
    """The field type of a column: `name` as in information_schema's DATA_TYPE, `declared` as in COLUMN_TYPE."""
    if name == "bit":
        return FieldType.BOOLEAN if declared == "bit(1)" else FieldType.BYTES
    return _TYPES.get(name, FieldType.TEXT)


def to_date(text: str) -> date | str | None:
    """`2026-11-23` as a date, None where a part of it is zero, the text where there is no such day."""
    if _has_zero(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text


def to_timestamp(text: str) -> datetime | str | None:
    """`2026-11-23 23:59:59.5` as a naive timestamp; see `to_date`."""
    if _has_zero(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def to_instant(text: str) -> datetime | str | None:
    """The same for a TIMESTAMP that was read in UTC."""
    value = to_timestamp(text)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def to_time(text: str) -> time | str:
    """`23:59:59.5` as a time of the day; the text when it is a span, negative or beyond a day."""
    try:
        return time.fromisoformat(text)
    except ValueError:
        return text


def _has_zero(text: str) -> bool:
    return text[5:7] == "00" or text[8:10] == "00" or text[:4] == "0000"


CONVERTERS: Final[dict[FieldType, Callable[[str], Any]]] = {
    FieldType.INTEGER: int,
    FieldType.FLOAT: float,
    FieldType.DECIMAL: Decimal,
    FieldType.DATE: to_date,
    FieldType.TIME: to_time,
    FieldType.TIMESTAMP: to_timestamp,
    FieldType.INSTANT: to_instant,
}
"""Field type → function from the server's text to the Python value of `strangler.changes.Row`."""
