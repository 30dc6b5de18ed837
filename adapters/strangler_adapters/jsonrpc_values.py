"""Values on their way between Tryton's JSON and the service's: what JSON has no type for is written in two ways.

The service writes the canonical text of `strangler.shapes.FieldType`; Tryton an object with `__class__`.
"""

from __future__ import annotations

import base64
import binascii
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from strangler.errors import UntranslatableRequest

ValueType = Literal["plain", "decimal", "date", "time", "timestamp", "bytes"]
"""`plain`: text, whole numbers, doubles, booleans, null, which JSON tells by itself."""


def to_tryton(value: Any, kind: ValueType) -> Any:
    """A service's value in Tryton's JSON. Raises ValueError for one that isn't of its type."""
    if value is None:
        return None
    match kind:
        case "plain":
            if isinstance(value, dict | list):
                raise ValueError("a nested value")
            return value
        case "decimal":
            return {"__class__": "Decimal", "decimal": str(value)}
        case "date":
            return _parts(date.fromisoformat(value), "year", "month", "day")
        case "time":
            return _parts(time.fromisoformat(value), "hour", "minute", "second", "microsecond")
        case "timestamp":
            names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
            return _parts(datetime.fromisoformat(value), *names)
        case "bytes":
            return {"__class__": "bytes", "base64": base64.encodebytes(bytes.fromhex(value)).decode()}


def to_service(name: str, value: Any, kind: ValueType) -> Any:
    """A value of Tryton's JSON as the service takes it. Raises UntranslatableRequest, naming the field."""
    if value is None:
        return None
    try:
        return _to_service(value, kind)
    except (ValueError, TypeError, KeyError, InvalidOperation, binascii.Error) as error:
        raise UntranslatableRequest(
            f"the value of {name} can't be put to the new service as {kind}", why=str(error)
        ) from error


def _to_service(value: Any, kind: ValueType) -> Any:
    if kind == "plain":
        if isinstance(value, dict | list):
            raise ValueError("it is no plain value")
        return value
    name = {"decimal": "Decimal", "timestamp": "datetime"}.get(kind, kind)
    if value["__class__"] != name:
        raise ValueError(f"it is a {value['__class__']}")
    parts = {key: part for key, part in value.items() if key != "__class__"}
    match kind:
        case "decimal":
            return f"{Decimal(parts['decimal']):f}"
        case "date":
            return date(**parts).isoformat()
        case "time":
            return time(**parts).isoformat(timespec="microseconds")
        case "timestamp":
            return datetime(**parts).isoformat(timespec="microseconds")
        case "bytes":
            return base64.decodebytes(parts["base64"].encode()).hex()


def _parts(value: date | time, *names: str) -> dict[str, Any]:
    return {"__class__": type(value).__name__, **{name: getattr(value, name) for name in names}}
