"""Values: PostgreSQL's types, and how their text becomes a Python value.

The stream and the reader share this table, so that a value looks the same whichever way it came. PostgreSQL sends
every value as text (ISO dates, UTC, hex for bytes; see `connection.SESSION`). What Python can't hold, such as the
date `infinity` or a year before Christ, stays text: the mapping then puts the row into quarantine instead of the
stream coming to a stop.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from strangler.shapes import FieldType

TYPES: Final[dict[int, FieldType]] = {
    16: FieldType.BOOLEAN,
    17: FieldType.BYTES,
    20: FieldType.INTEGER,
    21: FieldType.INTEGER,
    23: FieldType.INTEGER,
    26: FieldType.INTEGER,
    114: FieldType.JSON,
    700: FieldType.FLOAT,
    701: FieldType.FLOAT,
    1082: FieldType.DATE,
    1083: FieldType.TIME,
    1114: FieldType.TIMESTAMP,
    1184: FieldType.INSTANT,
    1700: FieldType.DECIMAL,
    3802: FieldType.JSON,
}
"""The oids of built-in types, fixed in PostgreSQL's `pg_type.dat`. Every other type is text."""


def field_type(oid: int) -> FieldType:
    """The field type of a base type (resolve a domain first)."""
    return TYPES.get(oid, FieldType.TEXT)


def read_as(wire: FieldType, now: FieldType) -> FieldType:
    """How to read a value that was written when its column still had the type `wire`, and has the type `now` by now.

    As the cast of the database would have it where that is beyond doubt. Otherwise the value stays what it was, and a mapping
    of the new type calls it untranslatable.
    """
    widened = wire is FieldType.INTEGER and now is FieldType.DECIMAL
    written = now is FieldType.TEXT and wire not in (FieldType.BOOLEAN, FieldType.BYTES)
    return now if widened or written else wire


def converted(type: FieldType, text: str | None) -> Any:
    """The Python value of PostgreSQL's text."""
    return None if text is None else CONVERTERS[type](text.encode())


def _or_text(parse: Callable[[str], Any]) -> Callable[[bytes], Any]:
    def convert(raw: bytes) -> Any:
        text = raw.decode()
        try:
            return parse(text)
        except ValueError:
            return text

    return convert


CONVERTERS: Final[dict[FieldType, Callable[[bytes], Any]]] = {
    FieldType.TEXT: bytes.decode,
    FieldType.JSON: bytes.decode,
    FieldType.INTEGER: int,
    FieldType.FLOAT: float,
    FieldType.BOOLEAN: lambda raw: raw == b"t",
    FieldType.DECIMAL: lambda raw: Decimal(raw.decode()),
    FieldType.BYTES: lambda raw: bytes.fromhex(raw[2:].decode()),
    FieldType.DATE: _or_text(date.fromisoformat),
    FieldType.TIME: _or_text(time.fromisoformat),
    FieldType.TIMESTAMP: _or_text(datetime.fromisoformat),
    FieldType.INSTANT: _or_text(datetime.fromisoformat),
}
"""Field type → function from PostgreSQL's text, as bytes, to the Python value of `strangler.changes.Row`."""
