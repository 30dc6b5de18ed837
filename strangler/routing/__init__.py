"""Routing: which function a request belongs to, and which side answers it. Pure.

`compile_routes` turns the settings into a table once. `decide` looks at one request, at where the functions stand
and gives a decision with its reason in words. No clock, no I/O, no chance: what is random (the draw for shadow
traffic) and what is timed (whether the standings can still be trusted) comes in with the arguments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from strangler.cutover.stages import EVERYONE, RULES, Reads, Side, Standing, at_the_start
from strangler.paths import BadPath as BadPath
from strangler.routing.asked import Asked, Values as Values, Wanted as Wanted, Who as Who
from strangler.paths import Template, compile_template, readings_of, specificity, takes
from strangler.settings import Function, Match

BUCKETS: Final = 10_000
"""Callers are hashed into this many buckets; a weight is the number of buckets that new answers."""

Kind = Literal["read", "write"]

UNAVAILABLE: Final = 503
UNPROCESSABLE: Final = 422


class Facts(NamedTuple):
    """What routing knows of a request.

    `path` as it was sent, percent-encoded. `headers` by lower-case name. `values` maps each dotted path that
    `RouteTable.json_paths` asked for to its value in the JSON body, None where it isn't there; `values` itself is
    None when the body doesn't show them. `caller` is who the caller is, for stickiness. `draw` is a random
    number in [0, 1) that decides whether this request is in the share that is shadowed.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    values: Mapping[str, str | None] | None
    caller: str
    draw: float


class Decision(NamedTuple):
    """Who answers, and why in words. `status` is None, or the status with which the facade itself refuses.

    `function` is None where no route names the request. `kind` is `write` also for a request that can't be read far
    enough to tell, None where no route names it. `side` is who would answer, also when refused.
    """

    function: str | None
    kind: Kind | None
    operation: str | None
    side: Side
    shadow: bool
    status: int | None
    why: str

    @property
    def fenced(self) -> bool:
        """Refused for the moment: the caller may repeat it."""
        return self.status == UNAVAILABLE


class Trust(Enum):
    """How far the known standings can be relied on."""

    SURE = "sure"
    LOST = "lost"
    """The control store hasn't been reached for longer than the lease: an owner may have changed unseen."""
    NEVER = "never"
    """The control store hasn't been reached since the start."""


@dataclass(frozen=True, slots=True)
class Standings:
    """One atomic picture of where all functions stand; a request keeps the one that it began with."""

    generation: int = 0
    functions: Mapping[str, Standing] = field(default_factory=dict)
    trust: Trust = Trust.NEVER

    def of(self, function: str) -> Standing:
        return self.functions.get(function) or at_the_start(function)

    def moved(self, function: str) -> bool:
        """Whether legacy isn't asked any more, neither to read nor to write."""
        standing = self.of(function)
        return standing.owner is Side.NEW or RULES[standing.stage].reads is Reads.NEW


def by_function(standings: Iterable[Standing]) -> dict[str, Standing]:
    """Standings of whole functions, by function."""
    return {standing.function: standing for standing in standings if standing.cohort == EVERYONE}


@dataclass(frozen=True, slots=True)
class CompiledRoute:
    """A route in the form in which it is matched."""

    function: str
    kind: Kind
    operation: str | None
    template: Template
    methods: frozenset[str] | None
    headers: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, frozenset[str]], ...]

    @property
    def order(self) -> tuple[list[int], int]:
        """Sort key: literal segments before `{named}` before `{rest:path}`, then more conditions before fewer."""
        conditions = len(self.headers) + len(self.values) + (self.methods is not None)
        return specificity(self.template), -conditions

    def takes_head(self, method: str, headers: Mapping[str, str]) -> bool:
        if self.methods is not None and method not in self.methods:
            return False
        return all(headers.get(name) == value for name, value in self.headers)

    def takes_values(self, values: Mapping[str, str | None]) -> bool:
        return all(values.get(path) in wanted for path, wanted in self.values)


class RouteTable:
    """All routes, the most specific first."""

    def __init__(self, routes: Iterable[CompiledRoute], salt: str = "", shadow_share: float = 1.0) -> None:
        self._routes = tuple(sorted(routes, key=lambda route: route.order))
        self.salt = salt
        self.shadow_share = shadow_share
        self.on_path = lru_cache(maxsize=4096)(self._on_path)

    def _on_path(self, path: str) -> tuple[CompiledRoute, ...]:
        readings = readings_of(path)
        return tuple(r for r in self._routes if any(takes(r.template, reading) for reading in readings))

    def candidates(self, facts: Facts) -> list[CompiledRoute]:
        """The routes that the request meets as far as its head tells. Raises BadPath."""
        return [r for r in self.on_path(facts.path) if r.takes_head(facts.method, facts.headers)]

    def json_paths(self, facts: Facts) -> frozenset[str]:
        """The dotted paths in the JSON body that must be known to decide; empty when the body needn't be looked at."""
        wanted: set[str] = set()
        for route in self.candidates(facts):
            if not route.values:
                break
            wanted.update(path for path, _ in route.values)
        return frozenset(wanted)


def compile_routes(
    functions: Mapping[str, Function], salt: str = "", shadow_share: float = 1.0
) -> RouteTable:
    """The route table of all functions. Raises ValueError for a template that can't be read."""
    routes = [
        _compile(name, route.match, route.kind, route.operation)
        for name, function in functions.items()
        for route in function.routes
    ]
    return RouteTable(routes, salt, shadow_share)


def _compile(function: str, match: Match, kind: Kind, operation: str | None) -> CompiledRoute:
    return CompiledRoute(
        function=function,
        kind=kind,
        operation=operation,
        template=compile_template(match.path),
        methods=frozenset(m.upper() for m in match.method) if match.method is not None else None,
        headers=tuple((name.lower(), value) for name, value in match.headers.items()),
        values=tuple((path, frozenset(values)) for path, values in match.json_body.items()),
    )


def bucket(salt: str, function: str, caller: str) -> int:
    """Where a caller falls for a function, 0 to 9,999: always the same, and even over callers. New answers the callers below
    the weight, so raising a weight only adds callers."""
    digest = hashlib.blake2b(
        f"{salt}\0{function}\0{caller}".encode(errors="surrogateescape"), digest_size=8
    ).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def decide(table: RouteTable, standings: Standings, facts: Facts) -> Decision:
    """Who answers the request. Raises BadPath for a path that can't be matched safely."""
    candidates = table.candidates(facts)
    for route in candidates:
        if not route.values:
            return _decide_route(table, standings, facts, route)
        if facts.values is None:
            return _undecided(standings, [r for r in candidates if r.values])
        if route.takes_values(facts.values):
            return _decide_route(table, standings, facts, route)
    return Decision(
        None, None, None, Side.LEGACY, False, None, "no route names it, so the legacy ERP answers"
    )


def _decide_route(table: RouteTable, standings: Standings, facts: Facts, route: CompiledRoute) -> Decision:
    if standings.trust is Trust.NEVER:
        why = "the control store hasn't been reached since the start, so nobody knows who owns this function"
        return Decision(route.function, route.kind, route.operation, Side.LEGACY, False, UNAVAILABLE, why)
    standing = standings.of(route.function)
    if route.kind == "write":
        return _decide_write(standings.trust, standing, route)
    return _decide_read(table, standing, facts, route)


def _decide_write(trust: Trust, standing: Standing, route: CompiledRoute) -> Decision:
    # Invariant 4: only the owner is written to; nobody while the owner is being changed or may have changed unseen.
    status, why = None, f"{standing.owner} owns it"
    if standing.fenced:
        status, why = UNAVAILABLE, "writes are fenced for the moment of a switch; repeat it"
    elif trust is Trust.LOST:
        status, why = (
            UNAVAILABLE,
            "the control store is out of reach, so the owner may have changed unseen; repeat it",
        )
    return Decision(route.function, "write", route.operation, standing.owner, False, status, why)


def _decide_read(table: RouteTable, standing: Standing, facts: Facts, route: CompiledRoute) -> Decision:
    reads, mirrored = RULES[standing.stage].reads, facts.draw < table.shadow_share
    side, shadow, why = Side.LEGACY, False, f"in stage {standing.stage} legacy answers"
    if reads is Reads.NEW:
        side, why = Side.NEW, f"in stage {standing.stage} new answers"
    elif reads is Reads.MIRRORED:
        shadow = mirrored
    elif reads is Reads.WEIGHTED:
        place = bucket(table.salt, route.function, facts.caller)
        inside = place < standing.weight
        side, shadow = (Side.NEW, False) if inside else (Side.LEGACY, mirrored)
        why = f"the caller's bucket {place} is {'below' if inside else 'not below'} the weight {standing.weight}"
    return Decision(route.function, "read", route.operation, side, shadow, None, why)


def _undecided(standings: Standings, routes: Iterable[CompiledRoute]) -> Decision:
    """A body that doesn't show what is asked of it: legacy may have it as long as legacy owns all that it might touch."""
    touched = sorted({route.function for route in routes})
    status, why = (
        None,
        "the body doesn't show which function it asks for; legacy owns every one that it could be",
    )
    if standings.trust is not Trust.SURE or any(standings.of(name).fenced for name in touched):
        status, why = (
            UNAVAILABLE,
            "the body doesn't show which function it asks for, and one that it could be isn't open to writes",
        )
    elif moved := [name for name in touched if standings.moved(name)]:
        status = UNPROCESSABLE
        why = f"the body doesn't show which function it asks for, and {', '.join(moved)}, which it could be, left legacy"
    return Decision(None, "write", None, Side.LEGACY, False, status, why)


EMPTY = {}


class Found(NamedTuple):
    facts: Facts
    wanted: Wanted


def _find(table, asked):
    facts = Facts(asked.method, asked.path, asked.headers, None, "", 0.0)
    paths = table.json_paths(facts)
    return Found(facts, {"json": paths} if paths else {})


RouteTable.find = _find
RouteTable.identify = lambda table, asked, address: asked.headers.get("authorization", address)
_old = decide


def decide(table, standings, asked, found, values, who, draw):
    v = None if values is None else {n: x for (k, n), x in values.items()}
    return _old(table, standings, found.facts._replace(values=v, caller=who.caller, draw=draw))
