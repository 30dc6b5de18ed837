"""Cohorts: a route as several, by the cohort that a request says it is about, for proxies that look at the head alone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Final, cast

from strangler.routing.paths import Rank
from strangler.routing.route import ANY, Axis, CompiledRoute, Condition
from strangler.routing.scope import Scope, Spot, Untold

Slice = tuple[CompiledRoute, str | Untold | None]
"""A route, and the cohort of its requests; None: one without a standing of its own."""

_HEAD: Final = ("header", "query", "cookie")
_MOST: Final = 3
"""Places in which a cohort may stand; each doubles the routes."""


def slices(route: CompiledRoute, scope: Scope, own: Collection[str]) -> list[Slice] | None:
    """The route for each cohort with a standing of its own and for all others, first come first. None where the head doesn't tell
    the cohort: it stands in a body or an identity, or documents stay where they were begun."""
    if scope.key is not None or scope.cohort is None or len(scope.cohort.spots) > _MOST:
        return None
    taken = {(each.axis, each.name) for each in route.conditions}
    spots = scope.cohort.spots
    if any(not _told(spot) or (spot.key, spot.name) in taken for spot in spots) or ANY in own:
        return None
    absent = Untold.ABSENT if scope.default is None else scope.default
    return list(_sliced(route, spots, sorted(own), absent))


def _told(spot: Spot) -> bool:
    return spot.key in _HEAD or (spot.key == "path" and not spot.rest)


def _sliced(
    route: CompiledRoute, spots: Sequence[Spot], own: Sequence[str], absent: str | Untold
) -> Iterator[Slice]:
    if not spots:
        yield route, absent
        return
    spot, *others = spots
    if spot.key == "path":
        yield from ((_at(route, spot.at, cohort), cohort) for cohort in own)
        yield route, None
        return
    yield from ((_with(route, spot, cohort), cohort) for cohort in own)
    # An empty one says nothing, so the next place counts.
    yield from _sliced(_with(route, spot, ""), others, own, absent)
    yield _with(route, spot, ANY), None
    yield from _sliced(route, others, own, absent)


def _with(route: CompiledRoute, spot: Spot, value: str) -> CompiledRoute:
    condition = Condition(cast("Axis", spot.key), spot.name, frozenset([value]))
    return replace(route, conditions=(*route.conditions, condition))


def _at(route: CompiledRoute, index: int, text: str) -> CompiledRoute:
    template = list(route.template)
    template[index] = (Rank.LITERAL, text)
    return replace(route, template=tuple(template))
