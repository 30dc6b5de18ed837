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


@dataclass(frozen=True, slots=True)
class Quickness:
    """About how long a side took, in seconds: `p50` and `p95` are the means of the classes in which they lie. A class is too wide
    for two sides to be held against each other by its limits."""

    calls: int
    p50: float
    p95: float


def quickness(latencies: Iterable[Latency], side: str) -> Quickness:
    """How quick a side was; of no calls, no time."""
    classes = sorted((each for each in latencies if each.side == side), key=lambda each: each.up_to)
    calls = sum(each.calls for each in classes)
    return Quickness(calls, _near(classes, 0.5 * calls), _near(classes, 0.95 * calls))


def _near(classes: list[Latency], rank: float) -> float:
    if not classes:
        return 0.0
    limit = _quantile(classes, rank)
    (within,) = (each for each in classes if each.up_to == limit)
    return within.seconds / within.calls


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
