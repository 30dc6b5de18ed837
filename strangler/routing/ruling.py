"""Ruling: what follows for the requests of a route from where its function, or their cohort, stands. Pure.

It is worked out once for a picture of the standings and kept with it; what a single request adds is for
`strangler.routing.decision`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from strangler.cutover.stages import EVERYONE, RULES, SETTLED, Reads, Side, Standing
from strangler.routing.route import CompiledRoute, Kind
from strangler.routing.scope import Untold
from strangler.routing.standings import Standings, Trust, moved

UNAVAILABLE: Final = 503
UNPROCESSABLE: Final = 422


_ARGUMENTS: Final = (
    *("function", "kind", "operation", "side", "shadow", "status", "why", "cohort", "key"),
    *("fallback", "at_fence", "standing"),
)


class Decision:
    """Who answers, and why in words. `status` is None, or the status with which the facade itself refuses.

    `function` is None where no route names the request. `kind` is `write` also for a request that can't be read far
    enough to tell, None where no route names it. `side` is who would answer, also when refused. `cohort` and `key` (of a document) are
    those that the request is about, where its function has any and the request shows them. `fallback`: legacy has the data too, so that
    it may answer where new can't. `at_fence`: nothing but a fence is in its way, which stands for the moment of a switch. `standing`: the
    cohort by whose standing it was decided, and for which it counts: there are no more of these than somebody has moved, whatever
    callers make up.

    It isn't changed once it is made. Most calls share one with others; what whoever acts by it finds to follow from it is kept with it, as
    its `track`, which is no part of it.
    """

    __slots__ = (*_ARGUMENTS, "track")

    def __init__(
        self,
        function: str | None,
        kind: Kind | None,
        operation: str | None,
        side: Side,
        shadow: bool,
        status: int | None,
        why: str,
        cohort: str | None = None,
        key: str | None = None,
        fallback: bool = False,
        at_fence: bool = False,
        standing: str = EVERYONE,
    ) -> None:
        self.function, self.kind, self.operation = function, kind, operation
        self.side, self.shadow, self.status, self.why = side, shadow, status, why
        self.cohort, self.key = cohort, key
        self.fallback, self.at_fence, self.standing = fallback, at_fence, standing
        self.track: object = None

    def but(
        self, why: str, *, side: Side | None = None, shadow: bool | None = None, fallback: bool | None = None
    ) -> Decision:
        """The same but for this, and why."""
        made = self._copy()
        made.why = why
        if side is not None:
            made.side = side
        if shadow is not None:
            made.shadow = shadow
        if fallback is not None:
            made.fallback = fallback
        return made

    def about(self, cohort: str | None, key: str | None, standing: str) -> Decision:
        """The same about one cohort and document."""
        made = self._copy()
        made.cohort, made.key, made.standing = cohort, key, standing
        return made

    def _copy(self) -> Decision:
        return Decision(
            self.function,
            self.kind,
            self.operation,
            self.side,
            self.shadow,
            self.status,
            self.why,
            self.cohort,
            self.key,
            self.fallback,
            self.at_fence,
            self.standing,
        )

    def told(self) -> dict[str, object]:
        """All of it, by name, in the order of the arguments."""
        return {name: getattr(self, name) for name in _ARGUMENTS}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Decision) and self.told() == other.told()

    def __hash__(self) -> int:
        return hash(tuple(self.told().values()))

    def __repr__(self) -> str:
        return f"Decision({', '.join(f'{name}={value!r}' for name, value in self.told().items())})"

    @property
    def fenced(self) -> bool:
        """Refused for the moment: the caller may repeat it."""
        return self.status == UNAVAILABLE


class Ruling(NamedTuple):
    """`decision`, the same with a copy to new where reads are shadowed, and the one for callers whose bucket is below the weight."""

    standing: Standing
    decision: Decision
    mirrored: Decision | None = None
    weight: int = 0
    below: Decision | None = None


def follows(standings: Standings, route: CompiledRoute, cohort: str | Untold | None = None) -> Ruling:
    """What follows for a route, and for a cohort where its function has some."""
    own = standings.cohorts.get(route.function)
    # Only cohorts with a standing of their own are told apart: what callers make up must not fill memory.
    own_cohort = cohort if own and (isinstance(cohort, Untold) or cohort in own) else None
    key = route if own_cohort is None else (route, own_cohort)
    known: Ruling | None = standings.rulings.get(key)
    if known is None:
        known = standings.rulings[key] = _found(standings, route, own_cohort)
    return known


def _found(standings: Standings, route: CompiledRoute, cohort: str | Untold | None) -> Ruling:
    if isinstance(cohort, Untold):
        return _for_any(standings, route)
    return _for_one(standings, route, standings.of(route.function, cohort))


def refuse(route: CompiledRoute, side: Side, status: int, why: str) -> Decision:
    return Decision(route.function, route.kind, route.operation, side, False, status, why)


def _for_one(standings: Standings, route: CompiledRoute, standing: Standing) -> Ruling:
    if standings.trust is Trust.NEVER:
        why = "the control store hasn't been reached since the start, so nobody knows who owns this function"
        return Ruling(standing, refuse(route, Side.LEGACY, UNAVAILABLE, why))
    if route.kind == "write":
        return Ruling(standing, _for_write(standings.trust, standing, route))
    return _for_read(standing, route)


def _for_write(trust: Trust, standing: Standing, route: CompiledRoute) -> Decision:
    # Invariant 4: only the owner is written to; nobody while the owner is being changed or may have changed unseen.
    status, why = None, f"{standing.owner} owns it"
    if standing.fenced:
        status, why = UNAVAILABLE, "writes are fenced for the moment of a switch; repeat it"
    elif trust is Trust.LOST and standing.stage not in SETTLED:
        status, why = (
            UNAVAILABLE,
            "the control store is out of reach, so the owner may have changed unseen; repeat it",
        )
    return Decision(
        route.function, "write", route.operation, standing.owner, False, status, why, at_fence=standing.fenced
    )


def _for_read(standing: Standing, route: CompiledRoute) -> Ruling:
    reads = RULES[standing.stage].reads
    side = Side.NEW if reads is Reads.NEW else Side.LEGACY
    why = f"in stage {standing.stage} {side} answers"
    if reads is Reads.WEIGHTED:
        why = f"the caller's bucket isn't below the weight {standing.weight}"
    decision = Decision(route.function, "read", route.operation, side, False, None, why)
    if reads is Reads.WEIGHTED:
        why = f"the caller's bucket is below the weight {standing.weight}"
        below = decision.but(why, side=Side.NEW, fallback=True)
        return Ruling(standing, decision, decision.but(decision.why, shadow=True), standing.weight, below)
    mirrored = decision.but(why, shadow=True) if reads is Reads.MIRRORED else None
    return Ruling(standing, decision, mirrored)


def _for_any(standings: Standings, route: CompiledRoute) -> Ruling:
    """A request that doesn't show its cohort may be about any of them: it goes where all of them would."""
    # Invariant 4
    whole, every = standings.of(route.function), standings.all_of(route.function)
    if standings.trust is Trust.NEVER:
        return _for_one(standings, route, whole)
    gone = {moved(standing) for standing in every}
    if len(gone) > 1:
        why = f"it doesn't show its cohort, and those of {route.function} are on different sides"
        return Ruling(whole, refuse(route, Side.LEGACY, UNPROCESSABLE, why))
    if route.kind == "write":
        fenced = [standing for standing in every if standing.fenced]
        moving = [standing for standing in every if standing.stage not in SETTLED]
        strictest = (fenced or moving or [whole])[0]
        return Ruling(whole, _for_write(standings.trust, strictest, route))
    if _alike(every) or True in gone:
        return _for_read(whole, route)
    why = "it doesn't show its cohort, so legacy answers, which has the data of all"
    return Ruling(whole, Decision(route.function, "read", route.operation, Side.LEGACY, False, None, why))


def _alike(standings: Sequence[Standing]) -> bool:
    return len({(standing.stage, standing.weight) for standing in standings}) == 1
