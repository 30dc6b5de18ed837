"""Calls over time: the minutes that the facades counted, gathered into as many points as a chart can show. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from strangler.control.traffic import Calls as Counted
from strangler.cutover.stages import Side
from strangler.progress.facts import Calls, Point

MOST_POINTS: Final = 120
"""As many as can be told apart in a chart."""


class Minutes(NamedTuple):
    """Calls of one function per minute since the epoch and side."""

    counts: Mapping[int, tuple[int, int]]

    @property
    def first(self) -> int | None:
        return min(self.counts, default=None)


def minutes(counted: Mapping[tuple[int, str, str], Counted]) -> Minutes:
    """(minute, kind, side) → calls, as (legacy, new) per minute."""
    found: dict[int, tuple[int, int]] = {}
    for (minute, _, side), each in counted.items():
        legacy, new = found.get(minute, (0, 0))
        found[minute] = (legacy + each.calls, new) if side == Side.LEGACY else (legacy, new + each.calls)
    return Minutes(found)


def points(all_minutes: Mapping[str, Minutes], now: int) -> dict[str, tuple[Point, ...]]:
    """The history of each function, all with the same points: from the first call of any of them to minute `now`."""
    firsts = [each.first for each in all_minutes.values() if each.first is not None]
    if not firsts:
        return dict.fromkeys(all_minutes, ())
    first = min(firsts)
    width = -(-(now - first + 1) // MOST_POINTS)
    starts = range(first, now + 1, width)
    return {
        name: tuple(_point(each, start, width, now) for start in starts) for name, each in all_minutes.items()
    }


def together(histories: Iterable[tuple[Point, ...]]) -> tuple[Point, ...]:
    """Several histories of the same points as one."""
    return tuple(
        Point(same[0].at, same[0].minutes, sum(each.legacy for each in same), sum(each.new for each in same))
        for same in zip(*histories, strict=True)
    )


def lately(sums: Mapping[tuple[str, str, str], Counted], function: str) -> tuple[Calls, ...]:
    """(function, kind, side) → calls, as the facts of one function."""
    return tuple(
        Calls(kind, Side(side), each.calls, each.errors, each.fenced, each.seconds / max(each.calls, 1))
        for (name, kind, side), each in sorted(sums.items())
        if name == function
    )


def _point(counted: Minutes, start: int, width: int, now: int) -> Point:
    inside = [counted.counts.get(minute, (0, 0)) for minute in range(start, min(start + width, now + 1))]
    return Point(
        60.0 * start, len(inside), sum(legacy for legacy, _ in inside), sum(new for _, new in inside)
    )
