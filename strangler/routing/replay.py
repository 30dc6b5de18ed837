"""Replay: what a configuration would make of requests that were logged, as far as a log tells. Pure.

A log has no body, and often neither query nor headers. What a request could be is every route that it may have met; where
these don't all come to the same, it can't be judged, and is counted as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from strangler.cutover.stages import RULES, Reads, Side, Standing
from strangler.routing.decision import BUCKETS
from strangler.routing.explanation import place
from strangler.routing.leaf import Leaf
from strangler.routing.logged import Logged, Outcome
from strangler.routing.paths import BadPath
from strangler.routing.route import BODY, CompiledRoute
from strangler.routing.standings import Standings
from strangler.routing.table import RouteTable

EXAMPLES: Final = 3
"""Requests that are shown of those that are counted together."""

Possible = list[CompiledRoute | None]
"""The routes of which one takes a request, the most specific first; None: no route does."""


class Unjudged(Exception):
    """What becomes of a request depends on what isn't known of it."""


@dataclass(slots=True)
class Counted:
    """How many requests, and the first of them."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        self.count += 1
        if len(self.examples) < EXAMPLES and example not in self.examples:
            self.examples.append(example)


@dataclass(slots=True)
class Replay:
    """What a log came to. `moved`: (before, after) → requests; `unjudged`: what isn't known of them → requests."""

    same: int = 0
    moved: dict[tuple[str, str], Counted] = field(default_factory=dict)
    unjudged: dict[str, Counted] = field(default_factory=dict)

    def note(self, request: str, before: Outcome, after: Outcome) -> None:
        if after.differs(before):
            self.moved.setdefault((str(before), str(after)), Counted()).add(request)
        else:
            self.same += 1


def replay_log(requests: Iterable[Logged], table: RouteTable, standings: Standings) -> Replay:
    """What the table would make of requests, compared with what the log says became of them."""
    replay = Replay()
    for logged in requests:
        try:
            after = _outcome(possible(table, logged), logged, standings)
        except Unjudged as error:
            replay.unjudged.setdefault(str(error), Counted()).add(logged.words)
        else:
            replay.note(logged.words, logged.outcome, after)
    return replay


def replay_change(
    requests: Iterable[Logged], table: RouteTable, other: RouteTable, standings: Standings
) -> Replay:
    """What another table would make of requests, compared with what this one makes of them."""
    replay = Replay()
    for logged in requests:
        mine, theirs = possible(table, logged), possible(other, logged)
        if _alike(mine, theirs):
            replay.same += 1
            continue
        try:
            before, after = _outcome(mine, logged, standings), _outcome(theirs, logged, standings)
        except Unjudged as error:
            replay.unjudged.setdefault(str(error), Counted()).add(logged.words)
        else:
            replay.note(logged.words, before, after)
    return replay


def possible(table: RouteTable, logged: Logged) -> Possible | BadPath:
    """What may take a request of which only a part is known, or why it is refused."""
    try:
        readings = [list(_reading(leaves, logged)) for _, leaves in table.endings(logged.asked.path)]
    except BadPath as error:
        return error
    return [route for reading in readings for route in reading] or [None]


def _reading(leaves: Iterable[Leaf], logged: Logged) -> Iterator[CompiledRoute | None]:
    for leaf in leaves:
        for route in leaf.among(leaf.by_head(logged.asked, logged.unknown)):
            yield route
            if not any(_unknown(route, logged)):
                return
    yield None


def _unknown(route: CompiledRoute, logged: Logged) -> Iterator[str]:
    """What a route asks for and isn't known of the request, in words."""
    if route.host is not None and "host" in logged.unknown:
        yield "the host"
    for condition in route.conditions:
        if condition.axis in BODY or condition.axis in logged.unknown:
            yield place(condition)


def _outcome(routes: Possible | BadPath, logged: Logged, standings: Standings) -> Outcome:
    """What becomes of the request. Raises Unjudged."""
    if isinstance(routes, BadPath):
        return Outcome(refused=str(routes))
    if any(route is not None and route.opaque for route in routes):
        raise Unjudged("what is inside the batch")
    outcomes = {_of(route, standings) for route in routes}
    if len(outcomes) > 1:
        lacking = (what for route in routes if route is not None for what in _unknown(route, logged))
        raise Unjudged(next(lacking, "how its path is read"))
    return outcomes.pop()


def _of(route: CompiledRoute | None, standings: Standings) -> Outcome:
    if route is None:
        return Outcome(sides=frozenset((Side.LEGACY,)))
    sides = {side for standing in standings.all_of(route.function) for side in _sides(route, standing)}
    return Outcome(route.function, route.kind, frozenset(sides))


def _sides(route: CompiledRoute, standing: Standing) -> set[Side]:
    """Who may answer, by the caller where it goes by weight."""
    if route.kind == "write":
        return {standing.owner}
    reads = RULES[standing.stage].reads
    if reads is Reads.WEIGHTED and standing.weight:
        return {Side.NEW} if standing.weight >= BUCKETS else set(Side)
    return {Side.NEW if reads is Reads.NEW else Side.LEGACY}


def _alike(mine: Possible | BadPath, theirs: Possible | BadPath) -> bool:
    """Whether the same routes stand in both, asking for the same: then the request comes to the same, whatever isn't known of it."""
    if isinstance(mine, BadPath) or isinstance(theirs, BadPath):
        return isinstance(mine, BadPath) and isinstance(theirs, BadPath)
    return [_said(route) for route in mine] == [_said(route) for route in theirs]


def _said(route: CompiledRoute | None) -> tuple[Any, ...] | None:
    if route is None:
        return None
    return (
        route.function,
        route.kind,
        route.operation,
        route.opaque,
        route.methods,
        route.host,
        route.conditions,
    )
