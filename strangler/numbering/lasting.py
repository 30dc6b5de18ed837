"""How long the gap between both sides' numbers lasts, by what was measured. Pure; what isn't known is said to be so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from strangler.control.paces import HOUR, Look, Pace
from strangler.control.stretches import Stretch
from strangler.durations import format_duration
from strangler.numbering.apart import RENEWED, left
from strangler.settings import Numbers

DAY: Final = 24 * HOUR

ENOUGH: Final = float(HOUR)
"""Seconds that must have been measured for a pace to be told: less says nothing of a day."""

UNPARTED: Final = "both sides draw, and nothing keeps their numbers apart: see that `strangler worker` runs, and what its log says"
"""What is to be feared of numbers of which nobody knows which are whose."""

UNSEEN_AFTER: Final = 600.0
"""Seconds after which a look is old: ten that were missed."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """A line of `numbers`. `measured`: seconds by which the rest is known. Of the side that draws faster: numbers a day, the most within an
    hour, and for how many seconds the half of the gap lasts that is left when it is renewed; None where that isn't known, or nothing was
    drawn. `needed` is the gap that would last for `outage` seconds, None when this one does or that isn't known."""

    numbers: str
    gap: int
    measured: float
    outage: float
    per_day: dict[str, float] | None = None
    lasts: float | None = None
    needed: int | None = None

    @property
    def words(self) -> str:
        """In words, without a judgement."""
        if self.per_day is None:
            return (
                f"how many are drawn isn't known: the worker has measured {format_duration(self.measured)} so far, and a pace is told "
                f"after {format_duration(ENOUGH)}"
            )
        told = " and ".join(f"{side} {count:,.0f} a day" for side, count in self.per_day.items())
        drawn = f"{told}, measured over {format_duration(self.measured)}"
        if self.lasts is None:
            return f"{drawn}: nothing is used up of a gap of {self.gap:,}"
        return f"{drawn}: half of a gap of {self.gap:,} lasts {format_duration(self.lasts)}"

    @property
    def warning(self) -> str:
        """What to fear, and do; empty for nothing."""
        if self.needed is None:
            return ""
        return (
            f"while both sides draw, numbers would come twice if no worker ran for {format_duration(self.outage)}, the `outage` of its "
            f"source; set gap: {self.needed}"
        )


def lasting(numbers: Numbers, pace: Pace, outage: float) -> Lasting:
    """How long the gap lasts. It has to for as long as no worker may run, and for the busiest hour that was seen."""
    name, gap = str(numbers), numbers.gap
    if pace.drawn is None or pace.busiest is None or pace.seconds < ENOUGH:
        return Lasting(name, gap, pace.seconds, outage)
    per_second = {side: count / pace.seconds for side, count in pace.drawn.items()}
    fastest = max(per_second.values())
    used = max(fastest * outage, float(max(pace.busiest.values())))
    return Lasting(
        name,
        gap,
        pace.seconds,
        outage,
        per_day={side.value: each * DAY for side, each in per_second.items()},
        lasts=gap * RENEWED / fastest if fastest else None,
        needed=_rounded(used / RENEWED) if gap * RENEWED < used else None,
    )


def running_low(numbers: Numbers, stretch: Stretch, look: Look | None, now: float) -> str:
    """What is to be feared of numbers that both sides draw, as they were at the last look; empty for nothing."""
    if look is None or now - look.at > UNSEEN_AFTER:
        ago = "lately" if look is None else f"for {format_duration(now - look.at)}"
        return f"both sides draw, and nobody has looked {ago}: see that `strangler worker` runs, and what its log says"
    has, side = left(stretch, look.lasts), stretch.behind
    if stretch.leap is not None or has >= numbers.gap * RENEWED / 2:
        return ""
    return f"{side} has {max(has, 0):,} numbers left of a gap of {numbers.gap:,} before it comes to those of {side.other}"


def doubled(body: Mapping[str, Any]) -> str:
    """What the ledger has of a side that drew too far (`apart.DOUBLE`), in words."""
    return (
        f"{body['counter']} of {body['side']} has given {body['first']:,} to {body['before']:,}, which the other side may have given, too: "
        "look for documents that have the same number, and raise `gap`"
    )


def _rounded(count: float) -> int:
    """Up to two digits that count."""
    size = int(10 ** max(0, len(str(int(count))) - 2))
    return -int(-count // size) * size
