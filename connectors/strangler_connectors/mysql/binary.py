"""Binary values: how the binlog writes what isn't a plain number or a text. Pure: bytes in, values out.

The same cell read by SQL gives the same value (`values`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BYTES: Final = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
"""Bytes for so many decimal digits."""


def decimal_size(precision: int, scale: int) -> int:
    """Bytes of a DECIMAL: nine digits in four bytes, before and behind the point apart."""
    whole = precision - scale
    return whole // 9 * 4 + _BYTES[whole % 9] + scale // 9 * 4 + _BYTES[scale % 9]


def decimal_reader(precision: int, scale: int) -> Callable[[bytes], Decimal]:
    """The reader of DECIMAL(precision, scale): big-endian groups, the sign in the top bit, negative ones inverted."""
    whole = precision - scale
    digits = [whole % 9] + [9] * (whole // 9) + [9] * (scale // 9) + [scale % 9]
    groups = [(_BYTES[count], 10**count) for count in digits if count]
    size = decimal_size(precision, scale)
    top, mask = 1 << (8 * size - 1), (1 << 8 * size) - 1
    # From the last group to the first: how far to shift, how much of it, what it is worth.
    steps: list[tuple[int, int, int]] = []
    shift, worth = 0, 1
    for width, power in reversed(groups):
        steps.append((shift, (1 << 8 * width) - 1, worth))
        shift, worth = shift + 8 * width, worth * power
    suffix = f"E-{scale}" if scale else ""

    def read(raw: bytes) -> Decimal:
        bits = int.from_bytes(raw, "big")
        sign = "" if bits & top else "-"
        bits = (bits if bits & top else bits ^ mask) & ~top
        number = 0
        for shift, bound, worth in steps:
            number += (bits >> shift & bound) * worth
        return Decimal(f"{sign}{number}{suffix}")

    return read


def enum_reader(elements: Sequence[str]) -> Callable[[bytes], str]:
    """The reader of an ENUM: a number from 1; 0 is what was written though it isn't among the elements."""
    names = ["", *elements]
    return lambda raw: names[int.from_bytes(raw, "little")]


def set_reader(elements: Sequence[str]) -> Callable[[bytes], str]:
    """The reader of a SET: a bit for each element."""

    def read(raw: bytes) -> str:
        bits = int.from_bytes(raw, "little")
        return ",".join(element for i, element in enumerate(elements) if bits >> i & 1)

    return read


def is_one(raw: bytes) -> bool:
    """A BIT(1)."""
    return raw == b"\x01"


def date_of(raw: bytes) -> date | str | None:
    """A DATE: day in 5 bits, month in 4, year in the rest."""
    bits = int.from_bytes(raw, "little")
    return _day(bits >> 9, bits >> 5 & 15, bits & 31)


def timestamp(digits: int) -> Callable[[bytes], datetime | None]:
    """The reader of a TIMESTAMP with `digits` behind the second; 0 is the zero timestamp."""
    micros = _micros(digits)

    def read(raw: bytes) -> datetime | None:
        seconds, fraction = int.from_bytes(raw[:4], "big"), micros(raw[4:])
        return _EPOCH + timedelta(0, seconds, fraction) if seconds or fraction else None

    return read


def datetime_of(digits: int) -> Callable[[bytes], datetime | str | None]:
    """The reader of a DATETIME: a sign bit, year * 13 + month in 17, day 5, hour 5, minute 6, second 6."""
    micros = _micros(digits)

    def read(raw: bytes) -> datetime | str | None:
        bits = int.from_bytes(raw[:5], "big") - 0x8000000000
        months, day = bits >> 22 & 0x1FFFF, bits >> 17 & 31
        clock = (bits >> 12 & 31, bits >> 6 & 63, bits & 63, micros(raw[5:]))
        return _moment((months // 13, months % 13, day), clock, digits)

    return read


def time_of(digits: int) -> Callable[[bytes], time | str]:
    """The reader of a TIME: as a whole, fraction included, it is less than its middle when it is negative."""
    width = (digits + 1) // 2
    unit = 10 ** (6 - 2 * width)

    def read(raw: bytes) -> time | str:
        bits = int.from_bytes(raw, "big") - (0x800000 << 8 * width)
        negative, bits = bits < 0, abs(bits)
        micros = (bits & (1 << 8 * width) - 1) * unit
        bits >>= 8 * width
        return _clock(negative, bits >> 12 & 1023, bits >> 6 & 63, bits & 63, micros, digits)

    return read


def old_time(raw: bytes) -> time | str:
    """A TIME of a table that is older than MySQL 5.6: decimal digits as a number."""
    number = int.from_bytes(raw, "little", signed=True)
    negative, number = number < 0, abs(number)
    return _clock(negative, number // 10000, number // 100 % 100, number % 100, 0, 0)


def old_timestamp(raw: bytes) -> datetime | None:
    """A TIMESTAMP of a table that is older than MySQL 5.6."""
    seconds = int.from_bytes(raw, "little")
    return _EPOCH + timedelta(0, seconds) if seconds else None


def old_datetime(raw: bytes) -> datetime | str | None:
    """A DATETIME of a table that is older than MySQL 5.6: decimal digits as a number."""
    day, clock = divmod(int.from_bytes(raw, "little"), 1000000)
    return _moment(
        (day // 10000, day // 100 % 100, day % 100), (clock // 10000, clock // 100 % 100, clock % 100, 0), 0
    )


def _address(raw: bytes) -> str:
    return str(ipaddress.ip_address(raw))


def _uuid(raw: bytes) -> str:
    return str(UUID(bytes=raw))


TEXTS: Final[dict[str, Callable[[bytes], str]]] = {"inet4": _address, "inet6": _address, "uuid": _uuid}
"""MariaDB's types that are bytes in the binlog and text in SQL, with the function from one to the other."""


def _micros(digits: int) -> Callable[[bytes], int]:
    unit = 10 ** (6 - 2 * ((digits + 1) // 2))
    return (lambda raw: int.from_bytes(raw, "big") * unit) if digits else (lambda raw: 0)


def _day(year: int, month: int, day: int) -> date | str | None:
    if not (year and month and day):
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return f"{year:04}-{month:02}-{day:02}"


def _moment(
    day: tuple[int, int, int], clock: tuple[int, int, int, int], digits: int
) -> datetime | str | None:
    if not all(day):
        return None
    try:
        return datetime(*day, *clock)
    except ValueError:
        fraction = f".{clock[3]:06}"[: digits + 1] if digits else ""
        return "{:04}-{:02}-{:02} {:02}:{:02}:{:02}".format(*day, *clock[:3]) + fraction


def _clock(negative: bool, hour: int, minute: int, second: int, micros: int, digits: int) -> time | str:
    if not negative and hour < 24:
        return time(hour, minute, second, micros)
    fraction = f".{micros:06}"[: digits + 1] if digits else ""
    return f"{'-' if negative else ''}{hour:02}:{minute:02}:{second:02}{fraction}"
