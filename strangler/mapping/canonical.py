"""Canonical values: the one way in which each type is written, whoever writes it.

Two forms. The *value* is what an event carries and a store is loaded with (`FieldType` defines it). The *text* is what a
checksum hashes: the same bytes in every dialect. They differ for integers (written out), booleans (`true`, `false`) and
floats (the 64 bits in hex: every database can tell them, and no two print all digits alike).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

import orjson

from strangler.mapping.bad_value import BadValue
from strangler.shapes import FieldType


def decimal_text(value: Decimal) -> str:
    """No exponent, no trailing zeros after the point, no `-0`. Raises BadValue for an infinity."""
    text = str(value)
    return text if text[-1] in _LAST_DIGITS and "E" not in text else _tidied(value)


_LAST_DIGITS: Final = "123456789"


def _tidied(value: Decimal) -> str:
    if value.is_nan():
        return "NaN"
    if value.is_infinite():
        raise BadValue("an infinite decimal")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if text != "-0" else "0"


def float_value(value: float) -> float | str:
    """The number, with `-0.0` as `0.0`; what JSON can't write as a number is its name."""
    if value - value == 0:
        return value + 0.0
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def float_text(value: float) -> str:
    """The bits of an IEEE 754 double in hex, the sign first: `3fb999999999999a` is 0.1."""
    plain = float_value(value)
    return plain if isinstance(plain, str) else struct.pack(">d", plain).hex()


def float_of(text: str) -> float | str:
    """The value whose canonical text this is; what isn't one stays as it is."""
    if len(text) != 16:
        return text
    (value,) = struct.unpack(">d", bytes.fromhex(text))
    return float_value(value)


def value_of(text: str | None, type: FieldType) -> Any:
    """The canonical value (see `FieldType`) that a canonical text stands for."""
    if text is None or type not in _VALUES:
        return text
    try:
        return _VALUES[type](text)
    except (ValueError, KeyError):
        return text  # NaN, and whatever else a service may have written into an SQLite column


_VALUES: Final[dict[FieldType, Callable[[str], Any]]] = {
    FieldType.INTEGER: int,
    FieldType.BOOLEAN: {"true": True, "false": False}.__getitem__,
    FieldType.FLOAT: float_of,
}


def text_of(value: Any) -> str | None:
    """The canonical text of a canonical value."""
    if value is None or isinstance(value, str):
        return value
    return float_text(value) if isinstance(value, float) else str(value).lower()  # 7, true, false


def date_text(value: date) -> str:
    return orjson.dumps(value)[1:-1].decode()  # A third of the time that isoformat takes.


def time_text(value: time) -> str:
    return value.isoformat("microseconds")


def timestamp_text(value: datetime) -> str:
    return _six_digits(orjson.dumps(value)[1:-1].decode())  # A third of the time that isoformat takes.


def instant_text(value: datetime) -> str:
    """In UTC, with `Z`. Raises BadValue for a value without a zone."""
    if value.tzinfo is not UTC:
        if value.tzinfo is None:
            raise BadValue(f"{value} has no time zone")
        value = value.astimezone(UTC)
    return _six_digits(orjson.dumps(value)[1:-7].decode()) + "Z"  # Without +00:00.


def _six_digits(text: str) -> str:
    return text if len(text) == _WITH_FRACTION else text + ".000000"


_WITH_FRACTION: Final = len("2026-11-23T23:59:59.000000")


def plain(value: Any) -> Any:
    """A value of a type that databases write in ways of their own as its canonical text; any other as it is."""
    match value:
        case Decimal():
            return decimal_text(value)
        case datetime():
            return instant_text(value) if value.tzinfo else timestamp_text(value)
        case date():
            return date_text(value)
        case time():
            return time_text(value)
    return value


PYTHON: Final[dict[FieldType, str]] = {
    FieldType.TEXT: "{0}",
    FieldType.INTEGER: "{0}",
    FieldType.DECIMAL: "decimal_text({0})",
    FieldType.FLOAT: "float_value({0})",
    FieldType.BOOLEAN: "{0}",
    FieldType.DATE: "date_text({0})",
    FieldType.TIME: "time_text({0})",
    FieldType.TIMESTAMP: "timestamp_text({0})",
    FieldType.INSTANT: "instant_text({0})",
    FieldType.BYTES: "{0}.hex()",
    FieldType.JSON: "{0}",
}
"""Python source of the canonical value of `{0}`, which isn't None."""


def quote(name: str) -> str:
    """An identifier, quoted as standard SQL has it, and with it PostgreSQL and SQLite."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """A text as a standard SQL literal."""
    return "'" + text.replace("'", "''") + "'"


TEXT_OF: Final[dict[FieldType, Any]] = {
    FieldType.DECIMAL: decimal_text,
    FieldType.FLOAT: float_text,
    FieldType.DATE: date_text,
    FieldType.TIME: time_text,
    FieldType.TIMESTAMP: timestamp_text,
    FieldType.INSTANT: instant_text,
    FieldType.BYTES: bytes.hex,
}
"""Python function of the canonical text, for the types whose text isn't the value itself."""
