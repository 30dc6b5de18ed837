"""Explanation: of the routes of a request's path, which one takes it, and for each of the others what stands in its way. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from strangler.routing.asked import OPERATION, Asked, Values
from strangler.routing.leaf import Hosts
from strangler.routing.route import ANY, BODY, Axis, CompiledRoute, Condition
from strangler.routing.table import Found, RouteTable, Unclear

_PLACES: Mapping[Axis, str] = {
    "header": "the header {}",
    "query": "{} in the query",
    "cookie": "the cookie {}",
    "json": "{} in the JSON body",
    "form": "{} in the form",
    "xml": "{} in the XML body",
}


class Candidate(NamedTuple):
    """A route of the request's path. `why`: what stands in its way; empty for the one that takes the request."""

    route: CompiledRoute
    why: str


def candidates(table: RouteTable, asked: Asked, found: Found, values: Values | None) -> list[Candidate]:
    """The routes of the request's path, the most specific first. Raises BadPath."""
    chosen = found.choose(asked, values)
    listed: dict[CompiledRoute, Candidate] = {}
    for _, leaves in table.endings(asked.path):
        for leaf in leaves:
            for route in leaf.routes:
                why = "" if route is chosen else _why_not(route, asked, values, chosen)
                listed.setdefault(route, Candidate(route, why))
    return sorted(listed.values(), key=lambda each: (each.why != "", each.route.order))


def _why_not(
    route: CompiledRoute, asked: Asked, values: Values | None, chosen: CompiledRoute | Unclear | None
) -> str:
    missing = list(_missing(route, asked, values))
    if missing:
        return "; ".join(missing)
    if isinstance(chosen, CompiledRoute):
        return f"{chosen.place} is more specific"
    return "whether it is meant isn't known"


def _missing(route: CompiledRoute, asked: Asked, values: Values | None) -> Iterator[str]:
    """What the request lacks for the route, in words."""
    if route.methods is not None and not route.methods & set(asked.methods):
        yield f"the method is {asked.method}, not {_either(route.methods)}"
    if route.host is not None and not Hosts([route]).of(asked.host):
        yield f"the host is {asked.host or 'not said'}, not {route.host}"
    for condition in route.conditions:
        if condition.axis in BODY and values is None:
            yield f"{place(condition)} isn't shown"
        elif not _meets(condition, given := _given(condition, asked, values or {})):
            wanted = "there" if not condition.exact else _either(condition.values)
            yield f"{place(condition)} is {_either(given) if given else 'absent'}, not {wanted}"


def place(condition: Condition) -> str:
    """Where a condition looks, in words."""
    if condition.name == OPERATION:
        return "the SOAP operation"
    return _PLACES[condition.axis].format(condition.name)


def _given(condition: Condition, asked: Asked, values: Values) -> list[str]:
    """What the request has where the condition looks."""
    if condition.axis == "header":
        value = asked.headers.get(condition.name)
        return [] if value is None else list(dict.fromkeys([value, *(p.strip() for p in value.split(","))]))
    if condition.axis == "query":
        return list(asked.query.get(condition.name, ()))
    if condition.axis == "cookie":
        return list(asked.cookies.get(condition.name, ()))
    found = values.get((condition.axis, condition.name))
    return [*([] if found is None else [found]), *(asked.actions if condition.name == OPERATION else ())]


def _meets(condition: Condition, given: list[str]) -> bool:
    return bool(given) and (ANY in condition.values or not condition.values.isdisjoint(given))


def _either(values: Collection[str]) -> str:
    listed = sorted(set(values))
    shown = " or ".join(listed[:4])
    return f"{shown} or {len(listed) - 4} more" if len(listed) > 4 else shown
