"""The times of a cron expression in a time zone. Pure.

Where the clock is put forward or back it is as in Debian's cron: what is at a certain hour is done once, what is every so many minutes
as often as they pass.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

FIELDS: Final = 5
"""Minute, hour, day of month, month, day of week."""

EXAMPLE: Final = '"0 3 * * *" (minute, hour, day of month, month, day of week)'


def problem(expression: str) -> str:
    """What is wrong with it; empty when nothing is."""
    if len(expression.split()) != FIELDS:
        return "hasn't five fields"
    try:
        following(expression, ZoneInfo("UTC"), 0.0)
    except CronSimError as error:
        return f"isn't a cron expression ({str(error).lower()})"
    except StopIteration:
        return "never comes"
    return ""


def following(expression: str, zone: ZoneInfo, after: float) -> float:
    """The first time after a moment, both in seconds since the epoch."""
    return next(CronSim(expression, datetime.fromtimestamp(after, zone))).timestamp()


def latest(expression: str, zone: ZoneInfo, now: float) -> float:
    """The last time that has come by `now`, that second included."""
    return next(CronSim(expression, datetime.fromtimestamp(int(now) + 1, zone), reverse=True)).timestamp()
