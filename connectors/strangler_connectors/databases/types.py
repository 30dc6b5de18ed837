"""Types and values of a database that is reached through SQLAlchemy, in Strangler's terms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import types as sa
from sqlalchemy.dialects import mssql

from strangler.shapes import FieldType

_BY_NAME: Final = {
    "DATETIMEOFFSET": FieldType.INSTANT,
    "MONEY": FieldType.DECIMAL,
    "SMALLMONEY": FieldType.DECIMAL,
    "DECFLOAT": FieldType.DECIMAL,
    "IMAGE": FieldType.BYTES,
    "BINARY_FLOAT": FieldType.FLOAT,
    "BINARY_DOUBLE": FieldType.FLOAT,
    "RAW": FieldType.BYTES,
    "YEAR": FieldType.INTEGER,
}
"""Types of one vendor that stand below no general type of SQLAlchemy, or below a misleading one."""

_GENERAL: Final[tuple[tuple[type[sa.TypeEngine[Any]], FieldType], ...]] = (
    # SQL Server's TIMESTAMP is a number of a row's version, and no time.
    (mssql.TIMESTAMP, FieldType.BYTES),
    (sa.Boolean, FieldType.BOOLEAN),
    (sa.Float, FieldType.FLOAT),
    # Oracle's NUMBER counts as an integer too, whatever its scale.
    (sa.Numeric, FieldType.DECIMAL),
    (sa.Integer, FieldType.INTEGER),
    # Oracle's DATE has a time, and SQLAlchemy knows: it comes below DateTime.
    (sa.DateTime, FieldType.TIMESTAMP),
    (sa.Date, FieldType.DATE),
    (sa.Time, FieldType.TIME),
    (sa.JSON, FieldType.JSON),
    (sa.LargeBinary, FieldType.BYTES),
    (sa.BINARY, FieldType.BYTES),
    (sa.VARBINARY, FieldType.BYTES),
)


def field_type(type: sa.TypeEngine[Any], dialect: str) -> FieldType:
    """The field type of a reflected column. What isn't known is text."""
    named = _BY_NAME.get(str(type.__visit_name__).upper())
    if named:
        return named
    found = next((field for general, field in _GENERAL if isinstance(type, general)), FieldType.TEXT)
    if found is FieldType.TIMESTAMP and getattr(type, "timezone", False):
        return FieldType.INSTANT
    # Oracle has one type for numbers; without places after the point it is an integer.
    if found is FieldType.DECIMAL and dialect == "oracle" and getattr(type, "scale", None) == 0:
        return FieldType.INTEGER
    return found


def python_value(value: Any) -> Any:
    """What a driver gave, as a value of `strangler.changes.Row`."""
    match value:
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC)
        case bytearray() | memoryview():
            return bytes(value)
        case UUID() | timedelta():
            return str(value)
        case _:
            # Oracle's driver hands large objects over as something to be read.
            read = getattr(value, "read", None)
            return read() if read is not None else value
