"""Spelling: how versions 2 and 4 write in JSON what JSON has no type for."""

from __future__ import annotations

import base64
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from strangler_adapters.protocols.contract.spelling import JSON_WRITERS, READERS, Spelling, text

_TICKS: Final = re.compile(r"/Date\((-?[0-9]{1,17})(?:[+-][0-9]{4})?\)/")
_DURATION: Final = re.compile(
    r"PT(?:([0-9]{1,2})H)?(?:([0-9]{1,2})M)?(?:([0-9]{1,2})(?:\.([0-9]{1,6})[0-9]*)?S)?"
)
_EPOCH: Final = datetime(1970, 1, 1)


def _moment(raw: Any) -> datetime:
    """`/Date(…)/`, or ISO 8601; in UTC, without a zone."""
    ticks = _TICKS.fullmatch(text(raw))
    if ticks:
        return _EPOCH + timedelta(milliseconds=int(ticks[1]))
    moment = datetime.fromisoformat(raw)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _day(raw: Any) -> date:
    moment = _moment(raw)
    if moment.time() != time():
        raise ValueError(f"{raw!r} is no whole day")
    return moment.date()


def _clock(raw: Any) -> time:
    found = _DURATION.fullmatch(text(raw))
    if not found or raw == "PT":
        return time.fromisoformat(raw)
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    return time(hour, minute, second, int((found[4] or "0").ljust(6, "0")))


def _ticks(value: date) -> str:
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    if moment.microsecond % 1000:
        raise ValueError(f"{value} has parts of a millisecond, and version 2 has no place for them")
    return f"/Date({(moment - _EPOCH) // timedelta(milliseconds=1)})/"


def _duration(value: time) -> str:
    parts = f".{value.microsecond:06}".rstrip("0") if value.microsecond else ""
    return f"PT{value.hour:02}H{value.minute:02}M{value.second:02}{parts}S"


def _bytes(raw: Any) -> bytes:
    """Base64 in either alphabet, padded or not."""
    plain = text(raw).replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)


_READERS: Final[Any] = {**READERS, "date": _day, "time": _clock, "timestamp": _moment, "bytes": _bytes}

V2: Final = Spelling(
    _READERS,
    {
        **JSON_WRITERS,
        "number": lambda value: f"{value:f}",
        "date": _ticks,
        "time": _duration,
        "timestamp": _ticks,
    },
)
"""Decimals are text, times are milliseconds."""

V4: Final = Spelling(
    _READERS,
    {
        **JSON_WRITERS,
        "decimal": lambda value: value,
        "timestamp": lambda value: f"{value.isoformat()}Z",
        "bytes": lambda value: base64.urlsafe_b64encode(value).decode(),
    },
)
"""Decimals are numbers, times ISO 8601 in UTC."""
