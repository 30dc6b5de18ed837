"""The canonical value of each field type as JSON Schema; `FieldType` has the same in words. Pure."""

from __future__ import annotations

from typing import Any, Final

from strangler.shapes import FieldType

DAY: Final = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
SECONDS: Final = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_CLOCK: Final = rf"{SECONDS}\.[0-9]{{6}}"

_TEXTS: Final[dict[FieldType, dict[str, Any]]] = {
    FieldType.TEXT: {},
    FieldType.DECIMAL: {
        "pattern": r"^(NaN|0|-?(0\.[0-9]*[1-9]|[1-9][0-9]*(\.[0-9]*[1-9])?))$",
        "description": "A decimal, exact: no exponent, no zeros at the end.",
    },
    FieldType.DATE: {"pattern": f"^{DAY}$", "format": "date"},
    FieldType.TIME: {"pattern": f"^{_CLOCK}$", "description": "A time of day, in microseconds."},
    FieldType.TIMESTAMP: {
        "pattern": f"^{DAY}T{_CLOCK}$",
        "description": "Date and time without a zone, in microseconds.",
    },
    FieldType.INSTANT: {"pattern": f"^{DAY}T{_CLOCK}Z$", "format": "date-time"},
    FieldType.BYTES: {"pattern": "^([0-9a-f]{2})*$", "contentEncoding": "base16"},
    FieldType.JSON: {
        "contentMediaType": "application/json",
        "description": "JSON as it stands in the database, as a text.",
    },
}

_NUMBERS_BY_NAME: Final = ["NaN", "Infinity", "-Infinity"]


def value(kind: FieldType, nullable: bool) -> dict[str, Any]:
    """The schema of a field's value in the data of an event."""
    null = ["null"] if nullable else []
    if kind in _TEXTS:
        return {"type": _types("string", null), **_TEXTS[kind]}
    if kind is FieldType.INTEGER:
        return {"type": _types("integer", null), "minimum": -(2**63), "maximum": 2**63 - 1}
    if kind is FieldType.BOOLEAN:
        return {"type": _types("boolean", null)}
    return {"anyOf": [{"type": _types("number", null)}, {"enum": _NUMBERS_BY_NAME}]}


def _types(name: str, null: list[str]) -> str | list[str]:
    return [name, *null] if null else name
