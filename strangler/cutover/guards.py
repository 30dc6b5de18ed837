"""Guards: what a guard sees, since when its gate is breached, and whether it is time to act. Pure.

Only a gate that fails is a breach. What can't be told, as with hardly any calls at night, ends one: nobody acts on a guess.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from strangler.control.guards import Watch
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates import Gate, GateResult, Verdict, latency, results
from strangler.cutover.stages import Standing
from strangler.settings import Function, Guard

LONGEST_PAUSE: Final = 3600.0
"""Seconds between two acts in one breach at most: who released the function knows by then what the guard has to say."""

UNSEEN: Final = 60.0
"""Seconds without a look after which nobody knows whether a breach has lasted: it begins anew."""


def set_for(function: Function, standing: Standing) -> list[Guard]:
    """The guards that are looked at where the function stands."""
    return [each for each in function.guards if standing.stage in each.stages]


def look(guard: Guard, function: Function, evidence: Evidence) -> GateResult:
    """What the guard's gate says now; of several results the worst."""
    narrowed = _narrowed(guard, function)
    if guard.gate == Gate.LATENCY:
        return latency.lately(evidence, narrowed)
    found = results(guard.gate, evidence, narrowed)
    return min(found, key=lambda result: _WORST.index(result.verdict))


_WORST: Final = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


def _narrowed(guard: Guard, function: Function) -> Function:
    """The function with gates that look at no more than the time for which a breach must last: one that is over must not go on for as long
    as a gate remembers."""
    window = max(guard.for_, timedelta(minutes=1))  # calls are counted by the minute
    gates = function.gates
    errors = gates.errors.model_copy(update={"window": window, "min_calls": guard.min_calls})
    quick = gates.latency.model_copy(update={"window": window, "min_samples": guard.min_calls})
    return function.model_copy(
        update={"gates": gates.model_copy(update={"errors": errors, "latency": quick})}
    )


def watch(guard: Guard, before: Watch | None, result: GateResult, evidence: Evidence) -> Watch:
    """The guard after a look. A breach that is over is forgotten, with what was done about it still to be seen."""
    standing, now = evidence.standing, evidence.now
    seen = Watch(
        standing.function,
        standing.cohort,
        guard.name,
        result.name,
        result.verdict,
        result.figure,
        result.limit,
        result.words,
        looked_at=now,
    )
    if before is not None:
        seen = replace(seen, acted_at=before.acted_at, act=before.act)
    if result.verdict is not Verdict.FAIL:
        return seen
    if before is None or before.breached_at is None or now - before.looked_at > UNSEEN:
        return replace(seen, breached_at=now)
    return replace(seen, breached_at=before.breached_at, tries=before.tries)


def is_due(guard: Guard, seen: Watch) -> bool:
    """Whether the breach has lasted long enough; after each act twice as long."""
    if seen.breached_at is None:
        return False
    since = seen.acted_at if seen.tries and seen.acted_at is not None else seen.breached_at
    lasting = guard.for_.total_seconds()
    return seen.looked_at - since >= max(lasting, min(LONGEST_PAUSE, lasting * 2.0**seen.tries))


def has_acted(seen: Watch, act: str, at: float) -> Watch:
    """The guard after it did something."""
    return replace(seen, act=act, acted_at=at, tries=seen.tries + 1)
