"""Latency: what classes of durations say: how many calls there were, their mean, and the quantiles. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from strangler.control.comparisons import Latency


@dataclass(frozen=True, slots=True)
class Spread:
    """How long a side took: `mean` in seconds; `p50` and `p95` are the upper limits of the classes in which they lie, in milliseconds."""

    calls: int
    mean: float
    p50: int
    p95: int


def spreads(latencies: Iterable[Latency]) -> dict[str, Spread]:
    """Side → its spread; a side without calls has none."""
    sides: dict[str, list[Latency]] = {}
    for each in latencies:
        sides.setdefault(each.side, []).append(each)
    return {side: _spread(sorted(found, key=lambda each: each.up_to)) for side, found in sides.items()}


def _spread(classes: list[Latency]) -> Spread:
    calls = sum(each.calls for each in classes)
    mean = sum(each.seconds for each in classes) / calls
    return Spread(calls, mean, _quantile(classes, 0.5 * calls), _quantile(classes, 0.95 * calls))


def _quantile(classes: list[Latency], rank: float) -> int:
    so_far = 0
    for each in classes:
        so_far += each.calls
        if so_far >= rank:
            return each.up_to
    return classes[-1].up_to
