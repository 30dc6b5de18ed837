"""Positions: where the Gateway API can say what becomes of calls, with nothing but what every gateway orders alike.

It orders rules by itself: an exact path before a prefix, the longer prefix before the shorter, then one with a method, then the one with
more headers, then the one with more names of the query. Where a regular expression stands in that order is each gateway's own affair, so
none is used for paths, and what would need one isn't sure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

from strangler.planes.automaton import Automaton
from strangler.planes.plane import Rule
from strangler.planes.regions import nodes_of, regions

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OTHERS: Final = ""
"""Stands for every other method."""

Pairs = tuple[tuple[str, str], ...]


class Told(NamedTuple):
    """Calls that have these headers and these names in their query, and what becomes of them."""

    headers: Pairs
    query: Pairs
    way: str


class Position(NamedTuple):
    """A path, exactly or with all below it. `by_method`: what becomes of calls; None where that isn't sure."""

    path: tuple[str, ...]
    exact: bool
    by_method: dict[str, list[Told]] | None


def positions(automaton: Automaton, meaning: Callable[[Rule | None], str]) -> Iterator[Position]:
    """All positions. `meaning`: what becomes of a call by the rule that takes it, in one word."""
    for region in regions(automaton, _judge(automaton, meaning), lambda _: True):
        behind = {region.of(depth) for depth in range(1, max(2, len(region.depths)))}
        below = behind.pop() if len(behind) == 1 else None
        yield Position(region.path, False, _read(below))
        if region.of(0) != below or below is None:
            yield Position(region.path, True, _read(region.of(0)))


def _read(said: str | None) -> dict[str, list[Told]] | None:
    if said is None:
        return None
    return {
        method: [Told(_pairs(headers), _pairs(query), way) for headers, query, way in told]
        for method, told in json.loads(said).items()
    }


def _pairs(given: Iterable[Iterable[str]]) -> Pairs:
    return tuple((name, value) for name, value in given)


def _judge(
    automaton: Automaton, meaning: Callable[[Rule | None], str]
) -> Callable[[Iterable[int]], str | None]:
    nodes = nodes_of(automaton)

    @cache
    def told(node: int, method: str) -> list[Told] | None:
        """What becomes of calls by a method from this node on, the more special first; None where that can't be said."""
        if node not in nodes:
            return [Told((), (), meaning(automaton.ends.get(node)))]
        part, at = nodes[node]
        if part.kind == "method":
            return told(at.edges.get(method, at.other), method)
        others = told(at.other, method)
        if part.kind not in ("header", "query") or others is None or others != told(at.absent, method):
            return None
        found: list[Told] = []
        for value, to in at.edges.items():
            after = told(to, method)
            if after is None or not value:
                return None
            found += [_with(each, part.kind, part.name, value) for each in after if after != others]
        return [*found, *others]

    def one(node: int) -> str | None:
        by_method = {method: told(node, method) for method in (*METHODS, OTHERS)}
        return None if None in by_method.values() else json.dumps(by_method)

    def judge(ended: Iterable[int]) -> str | None:
        found = set(map(one, ended))
        return found.pop() if len(found) == 1 else None

    return judge


def _with(told: Told, kind: str, name: str, value: str) -> Told:
    pair = ((name, value),)
    if kind == "header":
        return told._replace(headers=pair + told.headers)
    return told._replace(query=pair + told.query)
