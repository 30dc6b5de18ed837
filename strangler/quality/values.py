"""The values of a check, as the configuration writes them, in the type of the field that they are about.

A relation has decimals, dates and timestamps as values of their own, in SQLite as numbers and texts; see `relations`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from strangler.shapes import FieldType

ORDERED: Final = frozenset(
    {
        FieldType.INTEGER,
        FieldType.DECIMAL,
        FieldType.FLOAT,
        FieldType.DATE,
        FieldType.TIMESTAMP,
        FieldType.INSTANT,
    }
)
"""The types that `between` compares."""

AGED: Final = frozenset({FieldType.DATE, FieldType.TIMESTAMP, FieldType.INSTANT})
"""The types that `fresh` looks at."""

LISTED: Final = frozenset(
    {FieldType.TEXT, FieldType.INTEGER, FieldType.DECIMAL, FieldType.BOOLEAN, FieldType.DATE}
)
"""The types of which `in set` lists values."""


def value_of(kind: FieldType, written: Any, zoned: bool) -> Any:
    """What is bound for a value of the type. `zoned`: the database has instants with their zone. Raises ValueError, whose text
    completes "… is"."""
    try:
        value = _READ[kind](written)
    except (ValueError, TypeError, InvalidOperation):
        raise ValueError(f"not {_MEANT[kind]}") from None
    if kind is FieldType.INSTANT:
        return value if zoned else value.astimezone(UTC).replace(tzinfo=None)
    return value


def moment_before(kind: FieldType, now: float, seconds: float, zoned: bool) -> date | datetime:
    """The oldest value of the type that is no older than so many seconds."""
    moment = datetime.fromtimestamp(now - seconds, UTC)
    if kind is FieldType.DATE:
        return moment.date()
    return moment if kind is FieldType.INSTANT and zoned else moment.replace(tzinfo=None)


def _text(written: Any) -> str:
    if not isinstance(written, str):
        raise ValueError
    return written


def _integer(written: Any) -> int:
    if isinstance(written, bool) or not isinstance(written, int):
        raise ValueError
    return written


def _decimal(written: Any) -> Decimal:
    if isinstance(written, bool):
        raise ValueError
    return Decimal(str(written))


def _boolean(written: Any) -> bool:
    if not isinstance(written, bool):
        raise ValueError
    return written


def _timestamp(written: Any) -> datetime:
    value = datetime.fromisoformat(written)
    if value.tzinfo is not None:
        raise ValueError
    return value


def _instant(written: Any) -> datetime:
    value = datetime.fromisoformat(written)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


_READ: Final[dict[FieldType, Callable[[Any], Any]]] = {
    FieldType.TEXT: _text,
    FieldType.INTEGER: _integer,
    FieldType.DECIMAL: _decimal,
    FieldType.FLOAT: lambda written: float(_decimal(written)),
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: date.fromisoformat,
    FieldType.TIMESTAMP: _timestamp,
    FieldType.INSTANT: _instant,
}

_MEANT: Final = {
    FieldType.TEXT: "a text: write it in quotes",
    FieldType.INTEGER: "a whole number",
    FieldType.DECIMAL: "a number",
    FieldType.FLOAT: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.DATE: "a date: write 2026-11-30",
    FieldType.TIMESTAMP: "a timestamp: write 2026-11-30T23:59:59",
    FieldType.INSTANT: "an instant: write 2026-11-30T23:59:59Z",
}
