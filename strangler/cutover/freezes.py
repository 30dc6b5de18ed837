"""Freezes: when nothing of a function moves forwards, by the calendar. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from strangler.periods import parse_monthly
from strangler.settings import Freeze


@dataclass(frozen=True, slots=True)
class Frozen:
    """One time of a freeze: from the beginning of day `first` to the end of day `last`, which is `until` in seconds since the epoch."""

    name: str
    first: date
    last: date
    until: float
    functions: tuple[str, ...]

    def __str__(self) -> str:
        days = f"on {self.first}" if self.first == self.last else f"from {self.first} to {self.last}"
        return f"{self.name} {days}"


def current(freezes: Sequence[Freeze], function: str, now: float, zone: ZoneInfo) -> Frozen | None:
    """The freeze that holds a function at `now`, of several the one that lasts longest; None when none does."""
    today = datetime.fromtimestamp(now, zone).date()
    ours = [each for each in freezes if not each.functions or function in each.functions]
    on = [one for each in ours for one in islice(_times(each, today, zone), 1) if one.first <= today]
    return max(on, key=lambda one: one.until, default=None)


def coming(freezes: Sequence[Freeze], now: float, zone: ZoneInfo, count: int) -> list[Frozen]:
    """The next times of all freezes, those that are on included, in their order."""
    today = datetime.fromtimestamp(now, zone).date()
    found = [one for each in freezes for one in islice(_times(each, today, zone), count)]
    return sorted(found, key=lambda one: (one.first, one.last, one.name))[:count]


def _times(freeze: Freeze, since: date, zone: ZoneInfo) -> Iterator[Frozen]:
    """The times of a freeze that aren't over at `since`."""
    once = [(freeze.from_, freeze.to)] if freeze.from_ and freeze.to else []
    spans = (
        parse_monthly(freeze.monthly).spans(since)
        if freeze.monthly
        else (span for span in once if span[1] >= since)
    )
    for first, last in spans:
        until = datetime.combine(last + timedelta(days=1), time(), zone).timestamp()
        yield Frozen(freeze.name, first, last, until, tuple(freeze.functions))
