"""Lateness: what the counts of late writes say of the job behind them. Pure.

A batch job comes at the same hours, to the same tables. So the hours in which late writes came are put together by table and hour of the
day, in the time zone in which people plan jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from strangler.control.late_writes import Hour, LateWrite


@dataclass(frozen=True, slots=True)
class Habit:
    """Late writes of a legacy table at one hour of the day, on so many `days`. `open` of the `writes` nobody has explained. `last_at` in
    seconds since the epoch. `authors`: who made those that are kept one by one, the most frequent first; none where the database
    doesn't tell."""

    function: str
    table: str
    hour: int
    days: int
    writes: int
    open: int
    last_at: float
    authors: tuple[str, ...]

    @property
    def words(self) -> str:
        """For people: `vbap at 02:00 on 3 days: 1,200 writes, by etl`."""
        days = "1 day" if self.days == 1 else f"{self.days:,} days"
        writes = "1 write" if self.writes == 1 else f"{self.writes:,} writes"
        return f"{self.table} at {self.hour:02}:00 on {days}: {writes}{named(self.authors)}"


def named(authors: Sequence[str]) -> str:
    """Who wrote late, to be put behind how much it was: the first three; empty where nobody is known."""
    return f", by {'; '.join(authors[:3])}{'; and others' if authors[3:] else ''}" if authors else ""


def habits(hours: Iterable[Hour], newest: Sequence[LateWrite], zone: ZoneInfo) -> list[Habit]:
    """What the hours have in common, those with the most writes first."""
    found: dict[tuple[str, str, int], list[Hour]] = {}
    for each in hours:
        found.setdefault((each.function, each.table, _hour(each.last_at, zone)), []).append(each)
    made = [
        Habit(
            function,
            table,
            hour,
            len({_day(each.last_at, zone) for each in those}),
            sum(each.writes for each in those),
            sum(each.open for each in those),
            max(each.last_at for each in those),
            _authors(newest, function, table, hour, zone),
        )
        for (function, table, hour), those in found.items()
    ]
    return sorted(made, key=lambda each: (-each.open, -each.writes, each.function, each.table, each.hour))


def _authors(
    newest: Sequence[LateWrite], function: str, table: str, hour: int, zone: ZoneInfo
) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for each in newest:
        place = (each.function, each.table, _hour(each.committed_at, zone))
        if each.author and place == (function, table, hour):
            counts[each.author] = counts.get(each.author, 0) + 1
    return tuple(sorted(counts, key=lambda author: (-counts[author], author)))


def _hour(at: float, zone: ZoneInfo) -> int:
    return datetime.fromtimestamp(at, zone).hour


def _day(at: float, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at, zone).date()
