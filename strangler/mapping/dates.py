"""Dates in the forms in which legacy systems keep them as text. Only a day of the calendar is one; blanks around it don't count.

The same days come again and again, so what was read is remembered.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from strangler.mapping import patterns

_date = patterns.reader(patterns.DATE, "a date like 2026-11-23")
_compact_date = patterns.reader(patterns.COMPACT_DATE, "a date like 20261123")
_six_digits_date = patterns.reader(patterns.SIX_DIGITS, "a date like 261123")
_day_first_date = patterns.reader(patterns.DAY_FIRST_DATE, "a date like 23.11.2026")
_month_first_date = patterns.reader(patterns.MONTH_FIRST_DATE, "a date like 11/23/2026")
_ordinal_date = patterns.reader(patterns.ORDINAL_DATE, "a day of a year like 2026327")
_date_since_1900 = patterns.reader(patterns.DATE_SINCE_1900, "a date like 1261123, with centuries since 1900")
_ordinal_since_1900 = patterns.reader(
    patterns.ORDINAL_SINCE_1900, "a day of a year like 126327, with centuries since 1900"
)


_remembered: Final = lru_cache(maxsize=1 << 16)
"""Of a century there are 36,525 days."""


@_remembered
def text_to_date(value: str) -> date:
    return date.fromisoformat(_date(value))


@_remembered
def compact_text_to_date(value: str) -> date:
    return date.fromisoformat(_compact_date(value))


@_remembered
def short_text_to_date(value: str, first: int) -> date:
    """Two digits of the year, in the hundred years from `first` on."""
    text = _six_digits_date(value)
    year = first + (int(text[:2]) - first) % 100
    return compact_text_to_date(f"{year:04}{text[2:]}")


@_remembered
def day_first_text_to_date(value: str) -> date:
    day, month, year = _day_first_date(value).split(".")
    return date(int(year), int(month), int(day))


@_remembered
def month_first_text_to_date(value: str) -> date:
    month, day, year = _month_first_date(value).split("/")
    return date(int(year), int(month), int(day))


@_remembered
def ordinal_text_to_date(value: str) -> date:
    """Four digits of the year, three of its day."""
    return _day_of_year(int(_ordinal_date(value)))


@_remembered
def since_1900_text_to_date(value: str) -> date:
    """The century since 1900, which may be missing, and two digits of the year, the month and the day."""
    return date.fromisoformat(str(19_000_000 + int(_date_since_1900(value))))


@_remembered
def ordinal_since_1900_text_to_date(value: str) -> date:
    """The century since 1900, which may be missing, two digits of the year, three of its day."""
    return _day_of_year(1_900_000 + int(_ordinal_since_1900(value)))


def _day_of_year(number: int) -> date:
    year, day = divmod(number, 1000)
    return date(year, 1, 1) + timedelta(days=day - 1)
