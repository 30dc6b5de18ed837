"""Dates in the forms of legacy systems: every day of the calendar in every form, and no day that it doesn't have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from strangler.mapping import dates
from strangler.mapping.bad_value import BadValue

DAYS = [date(1899, 12, 1) + timedelta(days=number) for number in range(203 * 366)]


def since_1900(day: date, rest: str) -> str:
    century, year = divmod(day.year - 1900, 100)
    return f"{century or ''}{year:02}{day:{rest}}"


FORMS: dict[str, tuple[Callable[[str], date], Callable[[date], str]]] = {
    "YYYYMMDD": (dates.compact_text_to_date, lambda day: f"{day:%Y%m%d}"),
    "CYYMMDD": (dates.since_1900_text_to_date, lambda day: since_1900(day, "%m%d")),
    "YYYY-MM-DD": (dates.text_to_date, lambda day: f"{day:%Y-%m-%d}"),
    "DD.MM.YYYY": (dates.day_first_text_to_date, lambda day: f"{day:%d.%m.%Y}"),
    "MM/DD/YYYY": (dates.month_first_text_to_date, lambda day: f"{day:%m/%d/%Y}"),
    "YYYYDDD": (dates.ordinal_text_to_date, lambda day: f"{day:%Y%j}"),
    "CYYDDD": (dates.ordinal_since_1900_text_to_date, lambda day: since_1900(day, "%j")),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_day_is_read_as_it_is_written(form: str) -> None:
    read, write = FORMS[form]
    days = [day for day in DAYS if day.year >= 1900] if form.startswith("C") else DAYS
    assert [day for day in days if read(write(day)) != day] == []


@pytest.mark.parametrize("first", [1, 1950, 1999, 2000, 9900])
def test_two_digits_of_a_year_stand_for_a_year_of_the_hundred(first: int) -> None:
    for year in range(first, first + 100):
        assert dates.short_text_to_date(f"{year % 100:02}0708", first) == date(year, 7, 8)


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        ("YYYYMMDD", "20260231 00000000 2026112 202611230 20261301 00000101 2026-11-23 19000229"),
        ("CYYMMDD", "0000229 1000230 1260231 26112 99991231 1261301 0"),
        ("YYYY-MM-DD", "2026-02-31 0000-01-01 2026-2-3 20260203"),
        (
            "DD.MM.YYYY",
            "31.02.2026 29.02.1900 00.01.2026 1.1.2026 01.01.0000 01/01/2026 01.13.2026 29.02.0000",
        ),
        ("MM/DD/YYYY", "02/31/2026 02/29/1900 13/01/2026 1/1/2026 01/01/0000 01.01.2026"),
        ("YYYYDDD", "2026000 2026366 2024367 0000001 202601 1900366"),
        ("CYYDDD", "126000 126366 124367 0 00366 000366 100367 1126001 -99365"),
    ],
)
def test_what_is_no_day_is_refused(form: str, texts: str) -> None:
    for text in [*texts.split(), "", "  ", "٢٠٢٦٠١٠١"]:
        with pytest.raises(BadValue):
            FORMS[form][0](text)
