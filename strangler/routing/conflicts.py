"""Conflicts: routes that some request meets equally well, so that nothing but the order of a file says who answers it. Pure.

Only routes of one path can be in conflict, since of two paths one is always the more specific.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from strangler.routing.leaf import Leaf
from strangler.routing.route import ANY, BODY, CompiledRoute
from strangler.routing.table import RouteTable


class Conflict(NamedTuple):
    """`route` stands behind `other`, which takes some of its requests, or `all` of them."""

    route: CompiledRoute
    other: CompiledRoute
    all: bool

    @property
    def harmless(self) -> bool:
        """Whether it comes to the same, whichever of the two takes a request."""
        first, second = self.route, self.other
        same = (first.function, first.kind, first.operation) == (
            second.function,
            second.kind,
            second.operation,
        )
        return same and not self.all


def conflicts(table: RouteTable) -> Iterator[Conflict]:
    """Each route that comes off worse, with the first of those that stand in its way."""
    for leaf in table.leaves():
        for number, route in enumerate(leaf.routes):
            found = (each for each in _before(leaf, number, route) if not each.harmless)
            if not route.opaque and (worst := next(found, None)):
                yield worst


def _before(leaf: Leaf, number: int, route: CompiledRoute) -> Iterator[Conflict]:
    ahead = leaf.alike(route) & ((1 << number) - 1)
    for other in leaf.among(ahead):
        one_route = (other.function, other.index) == (route.function, route.index)
        if (
            not one_route
            and _one_kind_of_body(other, route)
            and other.rank == route.rank
            and other.host == route.host
        ):
            yield Conflict(route, other, _covers(other, route))


def _covers(other: CompiledRoute, route: CompiledRoute) -> bool:
    """Whether each request that meets `route` meets `other` too; both are of one rank, so they ask for equally much."""
    if other.methods is not None and not (route.methods or frozenset((ANY,))) <= other.methods:
        return False
    asked = {(each.axis, each.name): each.values for each in route.conditions}
    return all(
        (each.axis, each.name) in asked and (ANY in each.values or asked[each.axis, each.name] <= each.values)
        for each in other.conditions
    )


def _one_kind_of_body(one: CompiledRoute, other: CompiledRoute) -> bool:
    """Whether one body can be what both ask for: none is JSON and a form."""
    kinds = [{each.axis for each in route.conditions} & BODY for route in (one, other)]
    return not (kinds[0] and kinds[1]) or bool(kinds[0] & kinds[1])
