"""Values of legacy rows as JSON, and back without loss: where rows wait, or are kept."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from strangler.changes import UNCHANGED

TAG: Final = "$"

_WRITE: Final[dict[type, tuple[str, Callable[[Any], str]]]] = {
    Decimal: ("decimal", str),
    datetime: ("datetime", datetime.isoformat),
    date: ("date", date.isoformat),
    time: ("time", time.isoformat),
    bytes: ("bytes", lambda value: base64.b64encode(value).decode()),
    type(UNCHANGED): ("unchanged", lambda value: ""),
    float: ("float", repr),
    int: ("int", str),
}

_READ: Final[dict[str, Callable[[str], Any]]] = {
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "bytes": base64.b64decode,
    "unchanged": lambda text: UNCHANGED,
    "float": float,
    "int": int,
}


def encode_value(value: Any) -> Any:
    """A value of a legacy row as JSON has it; `decode_value` gives it back with the same Python type."""
    if value is None or isinstance(value, bool | str):
        return value
    tag, write = _WRITE[type(value)]
    return {TAG: tag, "value": write(value)}


def decode_value(value: Any) -> Any:
    """The value that `encode_value` wrote."""
    return _READ[value[TAG]](value["value"]) if isinstance(value, dict) else value
