"""Regions: the paths below which method and path alone decide, for proxies that find a path in a tree. Pure.

Most of what a configuration says is that simple: whatever is read below `/api/sale/` is answered by one side. A proxy that keeps a tree of
literal paths serves such a region without taking the request apart; for all others there is the automaton.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

from strangler.planes.automaton import Automaton, Node, Part
from strangler.planes.plane import Rule

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

Meaning = Callable[[Rule | None, str], str]
"""What becomes of a call by the rule that takes it, None for no rule, and its method; in one word."""

Sure = tuple[str | None, ...]
"""What becomes of calls, for each of `METHODS`; None where more than method and path decides."""


class Region(NamedTuple):
    """A path of literal segments. `depths`: what is sure of calls to it, to paths with one segment more, and so on; the last is that many
    or more. Paths in a region further down are that one's."""

    path: tuple[str, ...]
    depths: tuple[Sure, ...]

    def of(self, depth: int) -> Sure:
        """What is sure of calls to paths with so many segments more."""
        return self.depths[min(depth, len(self.depths) - 1)]


def regions(automaton: Automaton, meaning: Meaning, known: Callable[[str], bool]) -> list[Region]:
    """All regions, each before those within it; the first is that of all paths. Those that say only what the one around them says
    are left out. `known`: whether the proxy can tell a segment as it is written; of calls with others nothing is sure."""
    return list(_within((), automaton.start, _Walk(automaton, meaning), known))


def _within(path: tuple[str, ...], node: int, walk: _Walk, known: Callable[[str], bool]) -> Iterator[Region]:
    region = Region(path, _shortened(walk.depths(node)))
    yield region
    inner = [list(_within((*path, text), to, walk, known)) for text, to in walk.literals(node) if known(text)]
    for found in inner:
        if any(_differs(each, region) for each in found):
            yield from found


def _shortened(depths: Iterable[Sure]) -> tuple[Sure, ...]:
    kept = list(depths)
    while len(kept) > 1 and kept[-1] == kept[-2]:
        kept.pop()
    return tuple(kept)


def _differs(inner: Region, outer: Region) -> bool:
    deeper = len(inner.path) - len(outer.path)
    longest = max(len(inner.depths), len(outer.depths))
    return any(inner.of(depth) != outer.of(depth + deeper) for depth in range(longest))


class _Walk:
    """What may become of calls from each node on."""

    def __init__(self, automaton: Automaton, meaning: Meaning) -> None:
        self._nodes: dict[int, tuple[Part, Node]] = {
            node.id: (step.part, node) for step in automaton.steps for node in step.nodes
        }
        self._automaton, self._meaning = automaton, meaning
        self._outcomes = cache(self._found)
        self._next = cache(self._after)

    def literals(self, node: int) -> Iterable[tuple[str, int]]:
        """The segments that lead somewhere of their own."""
        return self._nodes[node][1].edges.items() if self._looks_at_path(node) else ()

    def depths(self, node: int) -> Iterator[Sure]:
        """What is sure behind the node of a path that ends there, of one with a segment more that isn't among the literals, and so on."""
        yield self._sure([node])
        if not self._looks_at_path(node):
            return
        places = self._next(self._nodes[node][1].other)
        while True:
            yield self._sure(places)
            if not any(map(self._looks_at_path, places)):
                return
            places = frozenset().union(*map(self._over, places))

    def _over(self, node: int) -> frozenset[int]:
        """Where any segment more may lead."""
        if not self._looks_at_path(node):
            return frozenset([node])
        at = self._nodes[node][1]
        return frozenset().union(*(self._next(to) for to in (*at.edges.values(), at.other)))

    def _after(self, node: int) -> frozenset[int]:
        """The places behind a node, if that looks at the same segment again as the name of an entity set."""
        part, at = self._nodes.get(node, (None, None))
        if part is None or at is None or part.kind not in ("set", "short"):
            return frozenset([node])
        return frozenset().union(*(self._next(to) for to in (*at.edges.values(), at.other)))

    def _looks_at_path(self, node: int) -> bool:
        return node in self._nodes and self._nodes[node][0].of_path

    def _sure(self, nodes: Iterable[int]) -> Sure:
        ended = [self._nodes[node][1].absent if self._looks_at_path(node) else node for node in nodes]
        by_method = (frozenset().union(*(self._outcomes(node, m) for node in ended)) for m in METHODS)
        return tuple(next(iter(found)) if len(found) == 1 else None for found in by_method)

    def _found(self, node: int, method: str) -> frozenset[str]:
        """All that may become of calls with this method that come to the node when their path is over."""
        automaton = self._automaton
        if node not in self._nodes:
            return frozenset([self._meaning(automaton.ends.get(node), method)])
        part, at = self._nodes[node]
        if part.kind == "method":
            return self._outcomes(at.edges.get(method, at.other), method)
        # In a part of the head several values may be said at once, of which nobody knows which one counts.
        followed = {*at.edges.values(), at.absent, at.other, automaton.unclear}
        return frozenset().union(*(self._outcomes(to, method) for to in followed))
