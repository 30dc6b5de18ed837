"""Regions: the paths below which it is always the same that decides, for proxies that look up a path by its beginning. Pure.

Most of what a configuration says is that simple: whatever is read below `/api/sale/` is answered by one side. There a proxy needn't take
a path apart; for all others there is the automaton.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

from strangler.planes.automaton import Automaton, Node, Part
from strangler.planes.plane import Rule

Judge = Callable[[Iterable[int]], str | None]
"""What is sure of calls whose path ends at any of these nodes, in one word; None where nothing is. The nodes look at the head, or are
ends."""


class Region(NamedTuple):
    """A path of literal segments. `depths`: what is sure of calls to it, to paths with one segment more, and so on; the last is that many
    or more. Paths in a region further down are that one's."""

    path: tuple[str, ...]
    depths: tuple[str | None, ...]

    def of(self, depth: int) -> str | None:
        """What is sure of calls to paths with so many segments more."""
        return self.depths[min(depth, len(self.depths) - 1)]


def regions(automaton: Automaton, judge: Judge, known: Callable[[str], bool]) -> list[Region]:
    """All regions, each before those within it; the first is that of all paths. One that says only what the one around it says is left
    out. `known`: whether the proxy can tell a segment as it is written; calls with others must be kept out by it."""
    walk = _Walk(automaton, judge)

    def within(path: tuple[str, ...], node: int, around: Region | None) -> Iterator[Region]:
        region = Region(path, _shortened(walk.depths(node)))
        if around is None or _differs(region, around):
            yield region
            around = region
        for text, to in walk.literals(node):
            if known(text):
                yield from within((*path, text), to, around)

    return list(within((), automaton.start, None))


def by_method(automaton: Automaton, method: str, meaning: Callable[[Rule | None], str]) -> Judge:
    """Judges calls by a method of which nothing but the path decides. `meaning`: what becomes of a call by the rule that takes it, None for
    no rule."""
    nodes = nodes_of(automaton)

    @cache
    def outcomes(node: int) -> frozenset[str]:
        if node not in nodes:
            return frozenset([meaning(automaton.ends.get(node))])
        part, at = nodes[node]
        if part.kind == "method":
            return outcomes(at.edges.get(method, at.other))
        # In a part of the head several values may be said at once, of which nobody knows which one counts.
        followed = {*at.edges.values(), at.absent, at.other, automaton.unclear}
        return frozenset(word for to in followed for word in outcomes(to))

    def judge(ended: Iterable[int]) -> str | None:
        found = {word for node in ended for word in outcomes(node)}
        return found.pop() if len(found) == 1 else None

    return judge


def nodes_of(automaton: Automaton) -> dict[int, tuple[Part, Node]]:
    """All nodes that look at something, by their number."""
    return {node.id: (step.part, node) for step in automaton.steps for node in step.nodes}


def _shortened(depths: Iterable[str | None]) -> tuple[str | None, ...]:
    kept = list(depths)
    while len(kept) > 1 and kept[-1] == kept[-2]:
        kept.pop()
    return tuple(kept)


def _differs(inner: Region, outer: Region) -> bool:
    deeper = len(inner.path) - len(outer.path)
    longest = max(len(inner.depths), len(outer.depths))
    return any(inner.of(depth) != outer.of(depth + deeper) for depth in range(longest))


class _Walk:
    """The automaton as far as it looks at the path."""

    def __init__(self, automaton: Automaton, judge: Judge) -> None:
        self._nodes, self._judge = nodes_of(automaton), judge

    def literals(self, node: int) -> Iterable[tuple[str, int]]:
        """The segments that lead somewhere of their own."""
        return self._nodes[node][1].edges.items() if self._looks_at_path(node) else ()

    def depths(self, node: int) -> Iterator[str | None]:
        """What is sure behind the node of a path that ends there, of one with a segment more that isn't among the literals, and so on."""
        yield self._sure([node])
        if not self._looks_at_path(node):
            return
        places = self._behind(self._nodes[node][1].other)
        while True:
            yield self._sure(places)
            if not any(map(self._looks_at_path, places)):
                return
            places = {to for place in places for to in self._over(place)}

    def _over(self, node: int) -> set[int]:
        """Where any segment more may lead."""
        if not self._looks_at_path(node):
            return {node}
        at = self._nodes[node][1]
        return {place for to in (*at.edges.values(), at.other) for place in self._behind(to)}

    def _behind(self, node: int) -> set[int]:
        """The places behind a segment; a node may look at it again as at the name of an entity set."""
        if self._looks_at_path(node) and self._nodes[node][0].kind != "segment":
            return self._over(node)
        return {node}

    def _looks_at_path(self, node: int) -> bool:
        return node in self._nodes and self._nodes[node][0].of_path

    def _sure(self, nodes: Iterable[int]) -> str | None:
        return self._judge(
            self._nodes[node][1].absent if self._looks_at_path(node) else node for node in nodes
        )
