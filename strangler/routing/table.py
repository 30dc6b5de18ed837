"""Table: all routes, compiled once for a generation of settings; finding those of a request costs the same for two functions and
for two thousand. Pure.

The paths are a tree over their segments. What stands at its end is a leaf: all routes of that path, told apart by the rest of
the head and by the body (`strangler.routing.leaf`). A request may end at several leaves, the most specific first: `/a/b`, then
`/a/{id}`, then `/a/{rest:path}`; a later one counts where the earlier ones don't take the request for another reason than its path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from strangler.routing.asked import Asked, Values, Wanted
from strangler.routing.leaf import Contradiction, Leaf, Plan
from strangler.routing.overriding import Overriding
from strangler.routing.paths import Rank, Segments, Template, readings_of, specificity
from strangler.routing.route import CompiledRoute, compiled
from strangler.settings import Facade, Function, Sticky, shadow_of

REMEMBERED: Final = 1024
"""Most first lines for which a table remembers what it found."""

SETTLED: Final = 8192
"""Most paths, of all methods together, for which it remembers the route that they alone tell."""

LONGEST: Final = 256
"""Characters of a path that is remembered."""


class Met(NamedTuple):
    """A leaf at which a request ends: which of its routes it meets by its head (as bits), and the segments of its path there."""

    leaf: Leaf
    bits: int
    plan: Plan
    segments: Segments


class Unclear(NamedTuple):
    """The routes that a request could mean, where its body doesn't show which."""

    routes: tuple[CompiledRoute, ...]
    why: str


class Found(NamedTuple):
    """What the head of a request tells: for each reading of its path the leaves at which it ends, the most specific first; and what
    must be known of its body, nothing when the head is enough."""

    readings: tuple[tuple[Met, ...], ...]
    wanted: Wanted

    def choose(self, asked: Asked, values: Values | None) -> CompiledRoute | Unclear | None:
        """The route that takes the request; None when there is none. `values` is None where the body doesn't show them."""
        if not self.readings:
            return None
        if len(self.readings) == 1:
            return _choose(self.readings[0], asked, values)
        chosen = [_choose(met, asked, values) for met in self.readings]
        routes = [each for each in chosen if isinstance(each, CompiledRoute)]
        meant = {(route.function, route.kind) for route in routes}
        unclear = [each for each in chosen if isinstance(each, Unclear)]
        if unclear or len(meant) > 1:
            why = unclear[0].why if unclear else _SPELLED
            return Unclear((*routes, *(route for each in unclear for route in each.routes)), why)
        return min(routes, key=lambda route: route.order, default=None)

    def segments(self, route: CompiledRoute) -> list[Segments]:
        """The segments of the path in each reading that leads to the route."""
        return [each.segments for met in self.readings for each in met if route in each.leaf.members]


def _choose(met: tuple[Met, ...], asked: Asked, values: Values | None) -> CompiledRoute | Unclear | None:
    for leaf, bits, plan, _ in met:
        if plan.inside:
            if values is None:
                # The one behind them that asks nothing of the body counts too: it may be what the body means.
                return Unclear(tuple(route for each in met for route in each.plan.routes), _UNSHOWN)
            try:
                bits = leaf.by_body(bits, asked, values)
            except Contradiction as error:
                return Unclear(tuple(leaf.among(error.bits)), str(error))
        if bits:
            best = leaf.best(bits)
            return best if not best.opaque else Unclear(tuple(leaf.among(bits)), _INSIDE)
    return None


_NOTHING: Final = Found((), {})
_UNSHOWN: Final = "the body doesn't show which function it asks for"
_INSIDE: Final = "the call holds others, so it doesn't show which functions it asks for"
_SPELLED: Final = "servers read its path differently"


class Node:
    """A place in the tree: what may follow, and what ends here (`here`) or takes the remainder (`rest`)."""

    __slots__ = ("here", "literals", "named", "rest", "sets")

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.sets: dict[str, Node] = {}
        self.named: Node | None = None
        self.here: Leaf | None = None
        self.rest: Leaf | None = None

    @property
    def parts(self) -> bool:
        """Whether a segment that follows leads to another node."""
        return bool(self.literals or self.sets or self.named)

    def below(self, rank: Rank, text: str) -> Node:
        """The node to which a segment of a template leads; made when it isn't there yet."""
        if rank is Rank.NAMED:
            self.named = self.named or Node()
            return self.named
        return (self.sets if rank is Rank.SET else self.literals).setdefault(text, Node())

    def entity_set(self, segment: str) -> Node | None:
        """Where an OData segment leads: `Orders`, `Orders('1')`, `Container.Orders`."""
        name = segment.partition("(")[0]
        return self.sets.get(name) or self.sets.get(name.rpartition(".")[2])


class RouteTable:
    """All routes. `salt` makes the buckets of an installation its own; `shadow_shares`: function → the share of its reads that is
    shadowed, all of them where it isn't named; `overriding` is what testers may say."""

    def __init__(
        self,
        routes: Iterable[CompiledRoute],
        *,
        salt: str = "",
        shadow_shares: Mapping[str, float] | None = None,
        ignore_case: bool = False,
        sticky: Sticky | None = None,
        overriding: Overriding | None = None,
    ) -> None:
        self.salt, self.overriding, self._shadow_shares = salt, overriding, shadow_shares or {}
        self._ignore_case = ignore_case
        sticky = sticky or Sticky()
        self._sticky_headers = tuple(name.lower() for name in sticky.headers)
        self._sticky_cookies = tuple(sticky.cookies)
        self._root = Node()
        self.buckets: dict[tuple[str, str], int] = {}
        """(function, caller) → the bucket that was worked out of them."""
        self._settled: dict[str, dict[str, CompiledRoute | Literal[False] | None]] = {}
        """Method → path → what `settle` came to. Callers ask for the same again and again."""
        self._remembered = 0
        """How many these are."""
        self._found: dict[tuple[str, str], Found] = {}
        """What `find` came to for a method and path, where nothing else of the head matters and the body decides."""
        for template, group in _by_path(routes).items():
            self._plant(template, group)

    def _plant(self, template: Template, routes: Sequence[CompiledRoute]) -> None:
        node, leaf = self._root, Leaf(specificity(template), routes)
        for rank, text in template:
            if rank is Rank.REST:
                node.rest = leaf
                return
            node = node.below(rank, text)
        node.here = leaf

    def shadows(self, function: str, draw: float) -> bool:
        """Whether a read is in the share that is shadowed. `draw` is a random number in [0, 1)."""
        return draw < self._shadow_shares.get(function, 1.0)

    def leaves(self) -> Iterator[Leaf]:
        """All leaves, each with the routes of one path."""
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            yield from (leaf for leaf in (node.here, node.rest) if leaf)
            waiting += [*node.literals.values(), *node.sets.values(), *([node.named] if node.named else [])]

    def settle(self, asked: Asked) -> CompiledRoute | Literal[False] | None:
        """The route of a request that its path and method alone tell, as those of most do: what `find` comes to, sooner. False where they
        tell that no route names it, None where more has to be looked at. Raises BadPath."""
        known, path = self._settled.get(asked.method), asked.path
        if known is None:
            known = self._settled[asked.method] = {}
        elif path in known:
            return known[path]
        found = self._settle(asked)
        if len(path) <= LONGEST:
            self._remember(known, path, found)
        return found

    def _remember(
        self,
        known: dict[str, CompiledRoute | Literal[False] | None],
        path: str,
        found: CompiledRoute | Literal[False] | None,
    ) -> None:
        if self._remembered >= SETTLED:
            self._remembered = 0
            for each in self._settled.values():
                each.clear()
        known[path] = found
        self._remembered += 1

    def _settle(self, asked: Asked) -> CompiledRoute | Literal[False] | None:
        readings = readings_of(asked.path)
        if len(readings) != 1:
            return None
        node = self._root
        for segment in [each.lower() for each in readings[0]] if self._ignore_case else readings[0]:
            below = node.literals.get(segment)
            if node.rest is not None or node.sets or (below is not None and node.named is not None):
                # There is more than one way, but where all that follows is of one leaf.
                return None if node.rest is None or node.parts else node.rest.settled.get(asked.method)
            below = below or node.named
            if below is None:
                return False
            node = below
        leaf = node.here or node.rest
        return leaf.settled.get(asked.method) if leaf is not None else False

    def find(self, asked: Asked) -> Found:
        """What the head of a request tells. Raises BadPath for one that can't be matched safely."""
        line = (asked.method, asked.path)
        known = self._found.get(line)
        if known is not None and len(asked.methods) == 1:
            return known
        endings = self.endings(asked.path)
        found = self._find(asked, endings)
        plain = found.wanted and len(asked.methods) == 1 and len(asked.path) <= LONGEST
        if plain and all(leaf.by_line for _, leaves in endings for leaf in leaves):
            if len(self._found) >= REMEMBERED:
                self._found.clear()
            self._found[line] = found
        return found

    def _find(self, asked: Asked, endings: Sequence[tuple[Segments, list[Leaf]]]) -> Found:
        found: list[tuple[Met, ...]] = []
        for segments, leaves in endings:
            met: list[Met] = []
            for leaf in leaves:
                if bits := leaf.by_head(asked):
                    plan = leaf.plan(bits)
                    met.append(Met(leaf, bits, plan, segments))
                    if plan.final:
                        break
            if met:
                found.append(tuple(met))
        if not found:
            return _NOTHING
        if len(found) == 1 and len(found[0]) == 1:
            return Found((found[0],), found[0][0].plan.wanted)
        return Found(tuple(found), _together(each for met in found for each in met))

    def endings(self, path: str) -> list[tuple[Segments, list[Leaf]]]:
        """Each reading of a path, with the leaves at which it ends, the most specific first. Raises BadPath."""
        endings = []
        for segments in readings_of(path):
            leaves: list[Leaf] = []
            steps = [segment.lower() for segment in segments] if self._ignore_case else segments
            _walk(self._root, steps, 0, leaves)
            endings.append((segments, leaves))
        return endings

    def identify(self, asked: Asked, address: str) -> str:
        """What keeps a caller on one side: the first of the configured headers and cookies that it has, or its address."""
        for name in self._sticky_headers:
            if value := asked.headers.get(name):
                return value
        for name in self._sticky_cookies:
            for value in asked.cookies.get(name, ()):
                if value:
                    return value
        return address


def compile_routes(functions: Mapping[str, Function], facade: Facade | None = None) -> RouteTable:
    """The table of all functions. Raises ValueError for a template that can't be read."""
    if facade is None:
        return RouteTable(compiled(functions, ignore_case=False))
    return RouteTable(
        compiled(functions, ignore_case=facade.ignore_case),
        salt=facade.sticky.salt.get_secret_value(),
        shadow_shares={name: shadow_of(facade, each).share for name, each in functions.items()},
        ignore_case=facade.ignore_case,
        sticky=facade.sticky,
        overriding=Overriding(facade.overrides) if facade.overrides else None,
    )


def _walk(node: Node, segments: Segments, index: int, leaves: list[Leaf]) -> None:
    """Add the leaves below a node at which the path ends, the most specific first."""
    size = len(segments)
    while index < size:
        segment = segments[index]
        index += 1
        literal = node.literals.get(segment)
        if node.named is None and node.rest is None and not node.sets:
            # Nothing but literals below, as at most places: no need to come back here.
            if literal is None:
                return
            node = literal
            continue
        if literal is not None:
            _walk(literal, segments, index, leaves)
        if node.sets and (entity_set := node.entity_set(segment)):
            _walk(entity_set, segments, index, leaves)
        if node.named is not None:
            _walk(node.named, segments, index, leaves)
        if node.rest is not None:
            leaves.append(node.rest)
        return
    if node.here is not None:
        leaves.append(node.here)
    if node.rest is not None:
        leaves.append(node.rest)


def _together(met: Iterable[Met]) -> Wanted:
    wanted: dict[str, frozenset[str]] = {}
    for each in met:
        for kind, names in each.plan.wanted.items():
            wanted[kind] = wanted.get(kind, frozenset()) | names
    return wanted


def _by_path(routes: Iterable[CompiledRoute]) -> dict[Template, list[CompiledRoute]]:
    """The routes by path; what a parameter is called is nothing to it."""
    grouped: dict[Template, list[CompiledRoute]] = {}
    for route in routes:
        path = tuple((rank, text if rank <= Rank.SET else "") for rank, text in route.template)
        grouped.setdefault(path, []).append(route)
    return grouped
