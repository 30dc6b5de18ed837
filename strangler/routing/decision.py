"""Decision: which side answers a request, and why. Pure.

No clock, no I/O, no chance: what is random (the draw for shadow traffic), what is timed (whether the standings can still be
trusted) and what is remembered of earlier requests comes in with the arguments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from strangler.cutover.stages import Side, Stage
from strangler.routing.asked import Asked, Values, Who
from strangler.routing.overriding import HEEDED
from strangler.routing.remembered import NOTHING, Remembered
from strangler.routing.route import CompiledRoute
from strangler.routing.ruling import UNAVAILABLE, UNPROCESSABLE, Decision, Ruling, follows, refuse
from strangler.routing.scope import Request, Scope, Told, Untold
from strangler.routing.standings import Standings, Trust, moved, shut
from strangler.routing.table import Found, RouteTable, Unclear

BUCKETS: Final = 10_000
"""Callers are hashed into this many buckets; a weight is the number of buckets that new answers."""

CALLERS: Final = 16_384
"""Most buckets that are remembered, of callers for functions."""

UNROUTED: Final = Decision(
    None, None, None, Side.LEGACY, False, None, "no route names it, so the legacy ERP answers"
)


def decide(
    table: RouteTable,
    standings: Standings,
    asked: Asked,
    found: Found,
    values: Values | None,
    who: Who,
    draw: float,
    memory: Remembered = NOTHING,
) -> Decision:
    """Who answers the request. `found` is what the table found for it, `values` what `found.wanted` asked for, None where the body
    doesn't show them. `draw` is a random number in [0, 1) that decides whether it is in the share that is shadowed."""
    route = found.choose(asked, values)
    if route is None:
        return UNROUTED
    if isinstance(route, Unclear):
        return undecided(standings, route, memory)
    if route.scope is not None:
        request = Request(asked, found.segments(route), values, who)
        return _scoped(table, standings, route, route.scope, request, draw, memory)
    return decide_settled(table, standings, asked, route, lambda: who, draw, memory)


def decide_settled(
    table: RouteTable,
    standings: Standings,
    asked: Asked,
    route: CompiledRoute,
    who: Callable[[], Who],
    draw: float,
    memory: Remembered = NOTHING,
) -> Decision:
    """The same for a route that `RouteTable.settle` found. Who asks is worked out where it matters."""
    rule = follows(standings, route)
    if table.overriding is not None and (told := _by_tester(table, rule, route, asked, who())) is not None:
        return told
    if rule.mirrored is None:
        return rule.decision
    return _by_stage(table, rule, route, None, asked, who(), draw, memory)


def bucket(salt: str, function: str, caller: str) -> int:
    """Where a caller falls for a function, 0 to 9,999: always the same, and even over callers. New answers the callers below
    the weight, so raising a weight only adds callers. It is made of what other proxies and languages can compute too, so that a caller
    is on the same side there."""
    digest = hashlib.sha256(f"{salt}:{function}:{caller}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:4], "big") % BUCKETS


def _bucket_in(table: RouteTable, function: str, caller: str) -> int:
    """The bucket of an installation's caller. Callers ask again, and a digest takes longer than all else that a decision takes."""
    known, key = table.buckets, (function, caller)
    found = known.get(key)
    if found is None:
        if len(known) >= CALLERS:
            known.clear()
        found = known[key] = bucket(table.salt, function, caller)
    return found


def _by_tester(
    table: RouteTable, rule: Ruling, route: CompiledRoute, asked: Asked, who: Who
) -> Decision | None:
    """What a tester asks for, if it may: of reads only, so nothing is written to a side that isn't the owner (invariant 4)."""
    if table.overriding is None or route.kind == "write" or rule.decision.status is not None:
        return None
    side = table.overriding.side(asked, who)
    if side is None or rule.standing.stage not in HEEDED:
        return None
    return Decision(route.function, "read", route.operation, side, False, None, f"a tester asks for {side}")


def _by_stage(
    table: RouteTable,
    rule: Ruling,
    route: CompiledRoute,
    key: str | None,
    asked: Asked,
    who: Who,
    draw: float,
    memory: Remembered,
) -> Decision:
    """What the ruling comes to for one request."""
    decision = rule.decision
    if rule.mirrored is None:
        return decision
    if rule.below is not None and _bucket_in(table, route.function, who.caller) < rule.weight:
        if memory.wrote(route.function, key, who.caller, asked):
            return decision.but("legacy was written to a moment ago, and the store may not have that yet")
        return rule.below
    return rule.mirrored if table.shadows(route.function, draw) else decision


def _scoped(
    table: RouteTable,
    standings: Standings,
    route: CompiledRoute,
    scope: Scope,
    request: Request,
    draw: float,
    memory: Remembered,
) -> Decision:
    """For a function with cohorts or documents."""
    cohort, key = scope.cohort_of(request), scope.key_of(request)
    rule = follows(standings, route, cohort)
    name = cohort if isinstance(cohort, str) else None
    document = key if isinstance(key, str) else None
    decision = _by_tester(table, rule, route, request.asked, request.who)
    if decision is None:
        decision = _by_stage(table, rule, route, document, request.asked, request.who, draw, memory)
        if key is not None and decision.status is None:
            decision = _at_home(rule, route, key, decision, memory)
    return decision.about(name, document, rule.standing.cohort)


def _at_home(
    rule: Ruling, route: CompiledRoute, key: Told, decision: Decision, memory: Remembered
) -> Decision:
    """The same for a document that was begun on one side, and for one that may have been."""
    pins = memory.pins(route.function)
    if pins is None or key is Untold.ABSENT:
        return decision
    owner = rule.standing.owner
    side = pins.side(key) if isinstance(key, str) else None
    if side is Side.LEGACY and rule.standing.stage is Stage.RETIRED:
        side = None  # There is nothing left of it to answer.
    if side is not None:
        return _moved_to(decision, side, f"the document was begun in {side} and stays there")
    if isinstance(key, str):
        could, status, why = (
            pins.unheld,
            UNAVAILABLE,
            "more documents stay where they were begun than are held",
        )
    else:
        could, status, why = pins.sides, UNPROCESSABLE, "it doesn't show which document it is about"
    if could - {owner}:
        return refuse(route, owner, status, f"{why}, and it may be one that was begun on the other side")
    return _moved_to(decision, owner, f"{why}, so the owner answers") if could else decision


def _moved_to(decision: Decision, side: Side, why: str) -> Decision:
    shadow = decision.shadow and side is Side.LEGACY
    return decision.but(why, side=side, shadow=shadow, fallback=False)


def undecided(standings: Standings, unclear: Unclear, memory: Remembered = NOTHING) -> Decision:
    """A call that doesn't show what it asks for: legacy may have it as long as legacy owns all that it might touch."""
    # Invariant 4
    touched = sorted({route.function for route in unclear.routes})
    every = [standing for name in touched for standing in standings.all_of(name)]
    gone = {standing.function for standing in every if moved(standing)} | {
        name for name in touched if (pins := memory.pins(name)) and Side.NEW in pins.sides
    }
    status, why = None, f"{unclear.why}; legacy owns every one that it could be"
    if standings.trust is Trust.NEVER or any(shut(standings.trust, standing) for standing in every):
        status, why = UNAVAILABLE, f"{unclear.why}, and one that it could be isn't open to writes"
    elif gone:
        status = UNPROCESSABLE
        why = f"{unclear.why}, and {', '.join(sorted(gone))}, which it could be, left legacy"
    at_fence = status == UNAVAILABLE and any(standing.fenced for standing in every)
    return Decision(None, "write", None, Side.LEGACY, False, status, why, at_fence=at_fence)
