"""Durations, moments and shares as people write them: `500ms`, `5s`, `2m`, `1h`, `7d`; `2026-11-30T03:00:00Z`; `5%`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$")


def parse_duration(value: Any) -> Any:
    """Text like `5s` as a timedelta; a timedelta stays; anything else is a ValueError that says how to write it."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(value.strip()) if isinstance(value, str) else None
    if not match:
        raise ValueError("not a duration: write a number with a unit, like 500ms, 5s, 2m, 1h or 7d")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def format_duration(seconds: float) -> str:
    """Seconds in the unit that reads best: `0.4 s`, `12 s`, `3 m 20 s`, `2 h 5 m`, `3 d 4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, size, below, smaller in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def write_duration(value: timedelta) -> str:
    """A timedelta as `parse_duration` reads it, in the largest unit that gives a whole number: `500ms`, `90s`, `7d`."""
    milliseconds = round(value.total_seconds() * 1000)
    for unit, size in reversed(_UNITS.items()):
        whole, rest = divmod(milliseconds, round(size * 1000))
        if whole and not rest:
            return f"{whole}{unit}"
    return "0s"


def moment(at: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def parse_since(text: str, now: float) -> float:
    """A moment in the past, in whole seconds since the epoch: `1h` is an hour before `now`, `2026-11-30T03:00` itself, in UTC where it
    doesn't say otherwise. Anything else is a ValueError that says how to write it."""
    if _DURATION.match(text.strip()):
        return float(int(now - parse_duration(text).total_seconds()))
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("neither a duration like 1h nor a moment like 2026-11-30T03:00Z") from None
    at = read.replace(tzinfo=read.tzinfo or UTC).timestamp()
    if at > now:
        raise ValueError("in the future: write a moment that has been")
    return float(int(at))


def parse_share(value: Any) -> Any:
    """`5%` or 0.05 as a float from 0 to 1; anything else is a ValueError that says how to write it."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            value = float(value.strip()[:-1]) / 100
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("not a share: write a percentage like 5%, or a number from 0 to 1")
    return float(value)
