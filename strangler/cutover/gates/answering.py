"""What callers were answered lately by each side, of the kinds of calls that the new service answers at all."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from typing import NamedTuple

from strangler.control.traffic import Calls
from strangler.cutover.evidence import Evidence
from strangler.cutover.stages import Side


class Answered(NamedTuple):
    """Calls that each side answered."""

    new: Calls
    legacy: Calls


def answered(evidence: Evidence, window: timedelta) -> Answered:
    """From `window` ago on, at most from when the function came to its stage. Legacy's writes say nothing about new as long as that
    answers only reads."""
    since = max(evidence.now - window.total_seconds(), evidence.standing.since) // 60
    lately = [
        (kind, side, calls) for (minute, kind, side), calls in evidence.traffic.items() if minute >= since
    ]
    kinds = {kind for kind, side, _ in lately if side == Side.NEW}
    return Answered(
        *(
            _sum(calls for kind, by, calls in lately if by == side and kind in kinds)
            for side in (Side.NEW, Side.LEGACY)
        )
    )


def _sum(parts: Iterable[Calls]) -> Calls:
    return reduce(_add, parts, Calls(0, 0, 0, 0.0))


def _add(one: Calls, other: Calls) -> Calls:
    return Calls(
        one.calls + other.calls,
        one.errors + other.errors,
        one.fenced + other.fenced,
        one.seconds + other.seconds,
    )
