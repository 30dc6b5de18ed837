"""Moments: points in time, in the many ways in which systems write them, so that two of them can be compared. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final

MILLISECONDS: Final = 100_000_000_000
"""A number from here on counts milliseconds since the epoch: as seconds it would be in the year 5138."""

_ODATA: Final = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_DIGITS: Final = re.compile(r"(\d{8})(\d{6})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment(value: Any, zone: tzinfo) -> datetime:
    """The point in time that is meant, in UTC; `zone` is that of what is written without one. Raises ValueError for what is none.

    ISO 8601, with date alone too (its midnight); `20261130` and `20261130142501`; OData's `/Date(…)/`; seconds or milliseconds since
    the epoch as a number.
    """
    try:
        found = _read(value)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (OverflowError, TypeError) as error:
        raise ValueError(f"{value!r} is no moment") from error


def _read(value: Any) -> datetime:
    if isinstance(value, bool):
        raise ValueError("a truth value is no moment")
    if isinstance(value, int | Decimal):
        return _EPOCH + _since(value)
    text = str(value).strip()
    if odata := _ODATA.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=int(odata[1]))
    if digits := _DIGITS.fullmatch(text):
        return datetime.fromisoformat(f"{digits[1]}T{digits[2]}")
    if len(text) < len("20261130"):
        raise ValueError(f"{text!r} is no moment")
    return datetime.fromisoformat(text)


def _since(value: int | Decimal) -> timedelta:
    # In whole microseconds: a timedelta made of a double would round.
    exact = Decimal(value)
    return timedelta(microseconds=int(exact * (1000 if abs(exact) >= MILLISECONDS else 1_000_000)))
