"""Periods: times of the week, and days of the month that come again, as people write them in a calendar. Pure.

`last 2 days .. 5` is a period close: from the last two days of a month up to the fifth of the next one.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_END: Final = re.compile(
    r"(?:last (?P<last>\d+) days?|last day|(?P<day>\d+)(?:st|nd|rd|th)?)(?: of (?:the )?month)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Monthly:
    """Days of each month, both ends within: counted from the first day (1 is that), or from the last one (-1 is that). Where the end
    lies before the beginning it is one of the next month."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{_written(self.first)} .. {_written(self.last)}"

    def span(self, year: int, month: int) -> tuple[date, date]:
        """First and last day of the period that begins in a month."""
        begin = _day(year, month, self.first)
        end = _day(year, month, self.last)
        if end < begin:
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
            end = _day(year, month, self.last)
        return begin, end

    def spans(self, since: date) -> Iterator[tuple[date, date]]:
        """The periods that aren't over at `since`, in their order, without end."""
        year, month = (since.year, since.month - 1) if since.month > 1 else (since.year - 1, 12)
        while True:
            begin, end = self.span(year, month)
            if end >= since:
                yield begin, end
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def parse_monthly(text: str) -> Monthly:
    """What `last 2 days of month .. 5th of month` says. Raises ValueError."""
    parts = [_END.fullmatch(part.strip()) for part in text.split("..")]
    if len(parts) != 2 or None in parts:
        raise ValueError(f"{text!r} isn't days of a month")
    first, last = (_counted(part) for part in parts if part)
    return Monthly(first, last)


def _counted(part: re.Match[str]) -> int:
    number = int(part["day"] or part["last"] or 1)
    if not 1 <= number <= 28:
        raise ValueError(f"{number} isn't a day that every month has, such as 1 to 28")
    return number if part["day"] else -number


def _written(day: int) -> str:
    return str(day) if day > 0 else "last day" if day == -1 else f"last {-day} days"


def _day(year: int, month: int, counted: int) -> date:
    length = calendar.monthrange(year, month)[1]
    return date(year, month, counted if counted > 0 else length + 1 + counted)


@dataclass(frozen=True, slots=True)
class Opening:
    """Times of the week: on `days` (0 is Monday) from `begin` on, up to `end` minutes after midnight of that day."""

    days: frozenset[int]
    begin: int
    end: int
    zone: ZoneInfo

    def following(self, now: float) -> tuple[float, float]:
        """Begin and end of the opening that is on at `now`, else of the next one, in seconds since the epoch."""
        today = datetime.fromtimestamp(now, self.zone).date()
        # One that began yesterday may last until tomorrow's beginning.
        for offset in range(-1, 9):
            day = today + timedelta(days=offset)
            if day.weekday() in self.days:
                begin, end = self._at(day, self.begin), self._at(day, self.end)
                if end > now and end > begin:
                    return begin, end
        raise AssertionError("a week has a day of the week")

    def __str__(self) -> str:
        names = ", ".join(DAYS[day] for day in sorted(self.days)) if len(self.days) < len(DAYS) else "daily"
        return f"{names} {_clock(self.begin)} to {_clock(self.end)} {self.zone.key}"

    def _at(self, day: date, minutes: int) -> float:
        moved = day + timedelta(days=minutes // 1440)
        wall = datetime.combine(moved, time(minutes % 1440 // 60, minutes % 60), self.zone)
        return wall.timestamp()


def opening(days: Sequence[str], begin: str, end: str, zone: str) -> Opening:
    """The opening on `days` (`mon`) from `begin` to `end` (`20:00`); an end that isn't later is one of the day after."""
    first, last = _minutes(begin), _minutes(end)
    return Opening(
        frozenset(DAYS.index(day) for day in days),
        first,
        last if last > first else last + 1440,
        ZoneInfo(zone),
    )


def _clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
