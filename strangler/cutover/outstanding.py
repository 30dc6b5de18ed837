"""Outstanding: by whom writes from before a fence may still be under way, as the table of facades tells. Pure.

Who lives acknowledges the fence when it has none left. Who fell silent can't; what is known of it is

- when it was last seen: from the end of its lease on it lets no write through, save of functions that it takes for untouched or retired;
- how long a write may take there (`FacadeRecord.longest`): then the last one that it let through is over, too;
- which generation it applied: under one from before the function left stage `legacy` it takes the function for untouched, and goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isinf

from strangler.control.facades import FacadeRecord


def behind(those: Sequence[FacadeRecord], generation: int, now: float) -> list[FacadeRecord]:
    """Those by whom writes older than the fence's `generation` may be under way at `now`."""
    return [each for each in those if each.generation < generation and each.over_at > now]


def unaware(those: Sequence[FacadeRecord], left: int, now: float) -> list[FacadeRecord]:
    """Those that nobody hears of any more and that take a function for untouched that left stage `legacy` under generation `left`."""
    return [each for each in those if each.silent(now) and each.generation < left]


def beyond(those: Sequence[FacadeRecord], until: float, now: float) -> list[FacadeRecord]:
    """Those that nobody hears of any more and by whom a write may be under way even after `until`, however long a switch waits."""
    return [each for each in those if each.silent(now) and each.over_at > until]


def named(those: Sequence[FacadeRecord]) -> str:
    return ", ".join(f"{each.id} at {each.address}" for each in those)


def told(those: Sequence[FacadeRecord], now: float) -> str:
    """Who they are; of the silent ones also until when a write may be under way."""
    return ", ".join(f"{named([each])}{_until(each) if each.silent(now) else ''}" for each in those)


def _until(silent: FacadeRecord) -> str:
    if isinf(silent.over_at):
        return " (nobody follows it)"
    return f" (silent; until {datetime.fromtimestamp(silent.over_at, UTC):%H:%M:%S} UTC)"
