"""Spelling: how a contract writes the values that its format has no type for. One for each kind of format.

In between stand Python's values: str, int, Decimal, bool, date, time, datetime, bytes, None.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

Type = Literal["text", "integer", "decimal", "number", "boolean", "date", "time", "timestamp", "bytes"]

TYPES: Final[tuple[Type, ...]] = (
    "text", "integer", "decimal", "number", "boolean", "date", "time", "timestamp", "bytes",
)  # fmt: skip

LONGEST: Final = 1000
"""Digits of a number: more are a mistake or an attack, as reading them takes the square of their time."""

LARGEST: Final = 100
"""Places before the point, and zeros behind it, of a decimal that any side means."""

_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)

Reader = Callable[[Any], Any]
Writer = Callable[[Any], Any]


class Spelling(NamedTuple):
    """By type: from what the format has to Python's value, and back. Readers raise ValueError, TypeError or KeyError. `nothing` is what a
    contract says for no value; `is_nothing` tells whether a value of a type stands for none."""

    readers: Mapping[Type, Reader]
    writers: Mapping[Type, Writer]
    nothing: Any = None
    is_nothing: Callable[[Type, Any], bool] = lambda type, raw: raw is None

    def read(self, type: Type, raw: Any) -> Any:
        return None if self.is_nothing(type, raw) else self.readers[type](raw)

    def write(self, type: Type, value: Any) -> Any:
        return self.nothing if value is None else self.writers[type](value)


def text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError(f"{_shown(raw)} is no text")
    return raw


def integer(raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and _WHOLE.fullmatch(raw) and len(raw) <= LONGEST:
        return int(raw)
    raise ValueError(f"{_shown(raw)} is no whole number")


def decimal(raw: Any) -> Decimal:
    if isinstance(raw, Decimal):
        number = raw
    elif type(raw) is int or (isinstance(raw, str) and len(raw) <= LONGEST and _NUMBER.fullmatch(raw)):
        number = Decimal(raw)
    else:
        raise ValueError(f"{_shown(raw)} is no decimal number")
    if not number.is_finite() or (number and abs(number.adjusted()) > LARGEST):
        raise ValueError("the number is out of bounds")
    return number


def boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    if raw in ("true", "1"):
        return True
    if raw in ("false", "0"):
        return False
    raise ValueError(f"{_shown(raw)} is neither true nor false")


def _iso_date(raw: Any) -> date:
    return date.fromisoformat(text(raw))


def _iso_time(raw: Any) -> time:
    return time.fromisoformat(text(raw))


def _iso_timestamp(raw: Any) -> datetime:
    return datetime.fromisoformat(text(raw))


def _iso(value: date | time) -> str:
    """To the microsecond where there are any, as XML Schema and JSON have it."""
    return value.isoformat()


def _base64(raw: Any) -> bytes:
    return base64.b64decode(text(raw), validate=True)


def _plainly(value: Decimal) -> str:
    return f"{value:f}"


READERS: Final[Mapping[Type, Reader]] = {
    "text": text,
    "integer": integer,
    "decimal": decimal,
    "number": decimal,
    "boolean": boolean,
    "date": _iso_date,
    "time": _iso_time,
    "timestamp": _iso_timestamp,
    "bytes": _base64,
}

JSON_WRITERS: Final[Mapping[Type, Writer]] = {
    "text": str,
    "integer": int,
    "decimal": _plainly,
    "number": Decimal,
    "boolean": bool,
    "date": _iso,
    "time": _iso,
    "timestamp": _iso,
    "bytes": lambda value: base64.b64encode(value).decode(),
}

JSON: Final = Spelling(READERS, JSON_WRITERS)
"""Decimals as text, `number` as numbers, dates and times in ISO 8601, bytes in base64."""


def _no_text(type: Type, raw: Any) -> bool:
    return raw is None or (type != "text" and isinstance(raw, str) and not raw.strip())


def _trimmed(read: Reader) -> Reader:
    return lambda raw: read(raw.strip() if isinstance(raw, str) else raw)


TEXTUAL: Final = Spelling(
    {**{type: _trimmed(read) for type, read in READERS.items()}, "text": text},
    {
        **JSON_WRITERS,
        "integer": str,
        "number": _plainly,
        "boolean": lambda value: "true" if value else "false",
    },
    is_nothing=_no_text,
)
"""Everything is text, as in XML and in forms; an empty one that isn't wanted as text is no value."""


def _to_the_microsecond(value: Any) -> str:
    return str(value.isoformat(timespec="microseconds"))


SERVICE: Final = Spelling(
    {**READERS, "bytes": lambda raw: bytes.fromhex(text(raw))},
    {**JSON_WRITERS, "time": _to_the_microsecond, "timestamp": _to_the_microsecond, "bytes": bytes.hex},
)
"""The new service's: the canonical values of `strangler.shapes.FieldType`."""


def _shown(raw: Any) -> str:
    shown = repr(raw)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
