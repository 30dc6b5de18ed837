"""Decision: which side answers a request, and why. Pure.

No clock, no I/O, no chance: what is random (the draw for shadow traffic) and what is timed (whether the standings can still be
trusted) comes in with the arguments. What follows from the standings alone is worked out once for each route (`Ruling`).
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from strangler.cutover.stages import RULES, Reads, Side, Standing
from strangler.routing.asked import Asked, Values, Who
from strangler.routing.route import CompiledRoute, Kind
from strangler.routing.standings import Standings, Trust
from strangler.routing.table import Found, RouteTable, Unclear

BUCKETS: Final = 10_000
"""Callers are hashed into this many buckets; a weight is the number of buckets that new answers."""

UNAVAILABLE: Final = 503
UNPROCESSABLE: Final = 422


class Decision(NamedTuple):
    """Who answers, and why in words. `status` is None, or the status with which the facade itself refuses.

    `function` is None where no route names the request. `kind` is `write` also for a request that can't be read far
    enough to tell, None where no route names it. `side` is who would answer, also when refused. `cohort` and `key` are those that the
    request is about, where its function has any and the request shows them.
    """

    function: str | None
    kind: Kind | None
    operation: str | None
    side: Side
    shadow: bool
    status: int | None
    why: str
    cohort: str | None = None
    key: str | None = None

    @property
    def fenced(self) -> bool:
        """Refused for the moment: the caller may repeat it."""
        return self.status == UNAVAILABLE


class Ruling(NamedTuple):
    """What follows for a route from where its function stands: the decision, the same with a copy to new where reads are shadowed, and
    the weight below which a caller's bucket belongs to new."""

    decision: Decision
    mirrored: Decision | None = None
    weight: int = 0


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
) -> Decision:
    """Who answers the request. `found` is what the table found for it, `values` what `found.wanted` asked for, None where the body
    doesn't show them. `draw` is a random number in [0, 1) that decides whether it is in the share that is shadowed."""
    route = found.choose(asked, values)
    if route is None:
        return UNROUTED
    if isinstance(route, Unclear):
        return undecided(standings, route)
    ruling = standings.rulings.get(route)
    if ruling is None:
        ruling = standings.rulings[route] = follows(standings, route)
    if ruling.mirrored is None:
        return ruling.decision
    if ruling.weight:
        place = bucket(table.salt, route.function, who.caller)
        if place < ruling.weight:
            why = f"the caller's bucket {place} is below the weight {ruling.weight}"
            return Decision(route.function, "read", route.operation, Side.NEW, False, None, why)
    return ruling.mirrored if table.shadows(route.function, draw) else ruling.decision


def bucket(salt: str, function: str, caller: str) -> int:
    """Where a caller falls for a function, 0 to 9,999: always the same, and even over callers. New answers the callers below
    the weight, so raising a weight only adds callers. It is made of what other proxies and languages can compute too, so that a caller
    is on the same side there."""
    digest = hashlib.sha256(f"{salt}:{function}:{caller}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:4], "big") % BUCKETS


def follows(standings: Standings, route: CompiledRoute) -> Ruling:
    """What follows for a route from where its function stands."""
    if standings.trust is Trust.NEVER:
        why = "the control store hasn't been reached since the start, so nobody knows who owns this function"
        return Ruling(
            Decision(route.function, route.kind, route.operation, Side.LEGACY, False, UNAVAILABLE, why)
        )
    standing = standings.of(route.function)
    return (
        _for_write(standings.trust, standing, route) if route.kind == "write" else _for_read(standing, route)
    )


def _for_write(trust: Trust, standing: Standing, route: CompiledRoute) -> Ruling:
    # Invariant 4: only the owner is written to; nobody while the owner is being changed or may have changed unseen.
    status, why = None, f"{standing.owner} owns it"
    if standing.fenced:
        status, why = UNAVAILABLE, "writes are fenced for the moment of a switch; repeat it"
    elif trust is Trust.LOST:
        status, why = (
            UNAVAILABLE,
            "the control store is out of reach, so the owner may have changed unseen; repeat it",
        )
    return Ruling(Decision(route.function, "write", route.operation, standing.owner, False, status, why))


def _for_read(standing: Standing, route: CompiledRoute) -> Ruling:
    reads = RULES[standing.stage].reads
    side = Side.NEW if reads is Reads.NEW else Side.LEGACY
    why = f"in stage {standing.stage} {side} answers"
    if reads is Reads.WEIGHTED:
        why = f"the caller's bucket isn't below the weight {standing.weight}"
    decision = Decision(route.function, "read", route.operation, side, False, None, why)
    if reads in (Reads.MIRRORED, Reads.WEIGHTED):
        weight = standing.weight if reads is Reads.WEIGHTED else 0
        return Ruling(decision, decision._replace(shadow=True), weight)
    return Ruling(decision)


def undecided(standings: Standings, unclear: Unclear) -> Decision:
    """A call that doesn't show what it asks for: legacy may have it as long as legacy owns all that it might touch."""
    # Invariant 4
    touched = sorted({route.function for route in unclear.routes})
    status, why = None, f"{unclear.why}; legacy owns every one that it could be"
    if standings.trust is not Trust.SURE or any(standings.of(name).fenced for name in touched):
        status, why = UNAVAILABLE, f"{unclear.why}, and one that it could be isn't open to writes"
    elif moved := [name for name in touched if standings.moved(name)]:
        status, why = UNPROCESSABLE, f"{unclear.why}, and {', '.join(moved)}, which it could be, left legacy"
    return Decision(None, "write", None, Side.LEGACY, False, status, why)
