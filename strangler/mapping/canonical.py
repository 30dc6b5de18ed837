"""Canonical values: the one way in which each type is written, in Python, in PostgreSQL and in SQLite.

Two forms. The *value* is what an event carries and a store is loaded with (`FieldType` defines it). The *text* is what a
checksum hashes: the same bytes in every dialect. They differ for integers (written out), booleans (`true`, `false`) and
floats (17 significant digits in scientific notation, which is exact and printed alike everywhere; the shortest form isn't).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from strangler.errors import StranglerError
from strangler.mapping.bad_value import BadValue
from strangler.shapes import FieldType, Shape


def decimal_text(value: Decimal) -> str:
    """No exponent, no trailing zeros after the point, no `-0`. Raises BadValue for an infinity."""
    text = str(value)
    if "E" in text or text[-1] > "9":
        text = _without_exponent(value)
    if text[-1] == "0" and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if text != "-0" else "0"


def _without_exponent(value: Decimal) -> str:
    if value.is_nan():
        return "NaN"
    if value.is_infinite():
        raise BadValue("an infinite decimal")
    return format(value, "f")


def float_value(value: float) -> float | str:
    """The number, with `-0.0` as `0.0`; what JSON can't write as a number is its name."""
    if value - value == 0:
        return value + 0.0
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


def float_text(value: float) -> str:
    """17 significant digits in scientific notation: `1.0000000000000001e-01`."""
    plain = float_value(value)
    return plain if isinstance(plain, str) else f"{plain:.16e}"


def time_text(value: time) -> str:
    return value.isoformat("microseconds")


def timestamp_text(value: datetime) -> str:
    return value.isoformat("T", "microseconds")


def instant_text(value: datetime) -> str:
    """In UTC, with `Z`. Raises BadValue for a value without a zone."""
    if value.tzinfo is not UTC:
        if value.tzinfo is None:
            raise BadValue(f"{value} has no time zone")
        value = value.astimezone(UTC)
    return value.replace(tzinfo=None).isoformat("T", "microseconds") + "Z"


def plain(value: Any) -> Any:
    """A value of a type that databases write in ways of their own as its canonical text; any other as it is."""
    match value:
        case Decimal():
            return decimal_text(value)
        case datetime():
            return instant_text(value) if value.tzinfo else timestamp_text(value)
        case date():
            return value.isoformat()
        case time():
            return time_text(value)
    return value


PYTHON: Final[dict[FieldType, str]] = {
    FieldType.TEXT: "{0}",
    FieldType.INTEGER: "{0}",
    FieldType.DECIMAL: "decimal_text({0})",
    FieldType.FLOAT: "float_value({0})",
    FieldType.BOOLEAN: "{0}",
    FieldType.DATE: "{0}.isoformat()",
    FieldType.TIME: "time_text({0})",
    FieldType.TIMESTAMP: "timestamp_text({0})",
    FieldType.INSTANT: "instant_text({0})",
    FieldType.BYTES: "{0}.hex()",
    FieldType.JSON: "{0}",
}
"""Python source of the canonical value of `{0}`, which isn't None."""

_POSTGRES: Final[dict[FieldType, str]] = {
    FieldType.TEXT: "{0}",
    FieldType.INTEGER: "{0}",
    FieldType.DECIMAL: "CAST(trim_scale({0}) AS text)",
    FieldType.FLOAT: "({0} + 0.0)",
    FieldType.BOOLEAN: "{0}",
    FieldType.DATE: "to_char({0}, 'YYYY-MM-DD')",
    FieldType.TIME: "to_char({0}, 'HH24:MI:SS.US')",
    FieldType.TIMESTAMP: "to_char({0}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')",
    FieldType.INSTANT: "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
    FieldType.BYTES: "encode({0}, 'hex')",
    FieldType.JSON: "{0}",
}

_SQLITE: Final[dict[FieldType, str]] = {
    FieldType.TEXT: "{0}",
    FieldType.INTEGER: "{0}",
    FieldType.DECIMAL: "{0}",
    FieldType.FLOAT: "({0} + 0.0)",
    FieldType.BOOLEAN: "{0}",
    FieldType.DATE: "{0}",
    FieldType.TIME: "{0}",
    FieldType.TIMESTAMP: "{0}",
    FieldType.INSTANT: "{0}",
    FieldType.BYTES: "lower(hex({0}))",
    FieldType.JSON: "{0}",
}

VALUES: Final = {"postgres": _POSTGRES, "sqlite": _SQLITE}
"""Per dialect, SQL of the canonical value of `{0}`, an expression as the SQL compiler writes it (SQLite: canonical text already)."""

_POSTGRES_FLOAT: Final = (
    "CASE WHEN {0} IN ('NaN', 'Infinity', '-Infinity') THEN CAST({0} AS text)"
    " ELSE ltrim(to_char({0} + 0.0, '9.9999999999999999EEEE')) END"
)

TEXTS: Final = {
    "postgres": _POSTGRES
    | {
        FieldType.INTEGER: "CAST({0} AS text)",
        FieldType.BOOLEAN: "CAST({0} AS text)",
        FieldType.FLOAT: _POSTGRES_FLOAT,
    },
    "sqlite": _SQLITE
    | {
        FieldType.INTEGER: "CAST({0} AS TEXT)",
        FieldType.BOOLEAN: "CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE CAST({0} AS TEXT) END",
        FieldType.FLOAT: "strangler_float_text({0})",
    },
}
"""Per dialect, SQL of the canonical text of `{0}`."""

_POSTGRES_STORE: Final = {
    kind: f"COALESCE({TEXTS['postgres'][kind]}, CAST({{0}} AS text))"
    for kind in (FieldType.DATE, FieldType.TIMESTAMP, FieldType.INSTANT)
}
"""to_char of an infinite date is NULL; a store that holds one differs, and must not look like one that holds none."""

_SQLITE_STORE: Final = {
    kind: f"strangler_stored('{kind.value}', {{0}})"
    for kind in FieldType
    if kind not in (FieldType.TEXT, FieldType.JSON, FieldType.INTEGER, FieldType.BOOLEAN)
}
"""The service writes into its SQLite store too, where nothing keeps it from `1.50`; that isn't drift from `1.5`."""

_STORE: Final = {"postgres": TEXTS["postgres"] | _POSTGRES_STORE, "sqlite": TEXTS["sqlite"] | _SQLITE_STORE}


def quote(name: str) -> str:
    """An identifier, quoted as both dialects do."""
    return '"' + name.replace('"', '""') + '"'


def canonical_columns(shape: Shape, dialect: str) -> list[str]:
    """SQL per field, over the columns of the store's table, of the same canonical text as `Select.texts` has on the legacy side.

    SQLite needs `strangler.mapping.sqlite_functions.register(connection)`. An unknown dialect is a StranglerError.
    """
    texts = _STORE[known(dialect)]
    return [texts[field.type].format(quote(field.name)) for field in shape.fields]


def known(dialect: str) -> str:
    """The dialect, if the mapping can be compiled to it."""
    if dialect in VALUES:
        return dialect
    raise StranglerError(
        f"mappings can't be compiled to the SQL dialect {dialect!r}",
        why=f"known are: {', '.join(VALUES)}",
        do="use a connector or store of a known dialect",
    )


def date_text(value: date) -> str:
    return value.isoformat()


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
