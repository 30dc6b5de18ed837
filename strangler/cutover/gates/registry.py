"""The gates by name, and judging by all that a stage needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates import (
    backfill,
    balances,
    custom,
    dependencies,
    drift,
    effects,
    errors,
    freshness,
    lag,
    late_writes,
    latency,
    quality,
    quarantine,
    service,
    shadow,
    way_back,
)
from strangler.cutover.gates.needed import needed
from strangler.cutover.gates.result import Gate, GateResult
from strangler.cutover.stages import Stage
from strangler.settings import Function

Check = Callable[[Evidence, Function], GateResult]

Checks = Callable[[Evidence, Function], tuple[GateResult, ...]]

CHECKS: Final[dict[Gate, Check]] = {
    Gate.BACKFILL: backfill.check,
    Gate.FRESHNESS: freshness.check,
    Gate.LAG: lag.check,
    Gate.QUARANTINE: quarantine.check,
    Gate.DRIFT: drift.check,
    Gate.QUALITY: quality.check,
    Gate.SHADOW: shadow.check,
    Gate.EFFECTS: effects.check,
    Gate.ERRORS: errors.check,
    Gate.LATENCY: latency.check,
    Gate.SERVICE: service.check,
    Gate.DEPENDENCIES: dependencies.check,
    Gate.WAY_BACK: way_back.check,
    Gate.LATE_WRITES: late_writes.check,
}


SEVERAL: Final[dict[Gate, Checks]] = {Gate.BALANCES: balances.checks}
"""Gates that say something of each of several things."""


def results(gate: str, evidence: Evidence, function: Function) -> tuple[GateResult, ...]:
    """What a gate says, of these or of your own."""
    if gate not in set(Gate):
        return (custom.check(gate, evidence, function),)
    known = Gate(gate)
    return SEVERAL[known](evidence, function) if known in SEVERAL else (CHECKS[known](evidence, function),)


def judge(to: Stage, function: Function, evidence: Evidence) -> tuple[GateResult, ...]:
    """The result of every gate on the way into `to`."""
    asked = needed(to, function, evidence.standing.stage)
    return tuple(result for gate in asked for result in results(gate, evidence, function))
