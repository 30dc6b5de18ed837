"""Whether it is time. Pure."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from strangler.control.schedules import Slot
from strangler.schedules import cron

Gone = Callable[[str, float, float], bool]
"""Told a holder, when it was last heard of, and what time it is: whether it is gone (`strangler.control.holders.is_gone`)."""


def due(expression: str, zone: ZoneInfo, known: Slot, now: float, gone: Gone) -> float | None:
    """The slot to carry out now; None when there is none.

    What was begun by somebody who is gone is gone on with. While somebody is at it nothing is due. Of several slots that were missed it
    is the last.
    """
    if known.holder is not None:
        return known.slot if gone(known.holder, known.seen_at, now) else None
    # Both ways: where the clock is put forward or back, forwards and backwards needn't agree on a slot.
    following = cron.following(expression, zone, known.slot)
    return max(following, cron.latest(expression, zone, now)) if following <= now else None
