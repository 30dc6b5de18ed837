"""Spelling: how Tryton and Odoo write in JSON what JSON has no type for."""

from __future__ import annotations

import base64
from datetime import date, datetime, time
from typing import Any, Final

from strangler_adapters.protocols.contract.spelling import JSON, JSON_WRITERS, READERS, Spelling, decimal


def _parts(value: date | time, *names: str) -> dict[str, Any]:
    return {"__class__": type(value).__name__, **{name: getattr(value, name) for name in names}}


def _of(raw: Any, name: str) -> dict[str, Any]:
    """The members of an object of Tryton's. Raises ValueError, KeyError or TypeError."""
    if raw["__class__"] != name:
        raise ValueError(f"it is a {raw['__class__']}")
    return {key: part for key, part in raw.items() if key != "__class__"}


_DATE: Final = ("year", "month", "day")
_TIME: Final = ("hour", "minute", "second", "microsecond")

TRYTON: Final = Spelling(
    {
        **READERS,
        "decimal": lambda raw: decimal(_of(raw, "Decimal")["decimal"]),
        "date": lambda raw: date(**_of(raw, "date")),
        "time": lambda raw: time(**_of(raw, "time")),
        "timestamp": lambda raw: datetime(**_of(raw, "datetime")),
        "bytes": lambda raw: base64.decodebytes(_of(raw, "bytes")["base64"].encode()),
    },
    {
        **JSON_WRITERS,
        "decimal": lambda value: {"__class__": "Decimal", "decimal": str(value)},
        "date": lambda value: _parts(value, *_DATE),
        "time": lambda value: _parts(value, *_TIME),
        "timestamp": lambda value: _parts(value, *_DATE, *_TIME),
        "bytes": lambda value: {"__class__": "bytes", "base64": base64.encodebytes(value).decode()},
    },
)
"""Objects with `__class__`."""


def _spaced(value: Any) -> str:
    """Without parts of a second, which Odoo doesn't know. Raises ValueError for what would be lost."""
    if value.microsecond:
        raise ValueError(f"{value} has parts of a second, and Odoo has no place for them")
    return str(value.isoformat(sep=" "))


ODOO: Final = Spelling(
    JSON.readers,
    {**JSON_WRITERS, "decimal": lambda value: value, "timestamp": _spaced},
    nothing=False,
    is_nothing=lambda type, raw: raw is None or (raw is False and type != "boolean"),
)
"""Money is a number, times are in UTC with a blank, and what isn't there is `false`."""
