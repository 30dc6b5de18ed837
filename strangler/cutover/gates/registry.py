"""The gates by name, and judging by all that a stage needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates import (
    backfill,
    dependencies,
    drift,
    effects,
    freshness,
    lag,
    late_writes,
    quality,
    quarantine,
    service,
    shadow,
)
from strangler.cutover.gates.needed import needed
from strangler.cutover.gates.result import Gate, GateResult
from strangler.cutover.stages import Stage
from strangler.settings import Function

Check = Callable[[Evidence, Function], GateResult]

CHECKS: Final[dict[Gate, Check]] = {
    Gate.BACKFILL: backfill.check,
    Gate.FRESHNESS: freshness.check,
    Gate.LAG: lag.check,
    Gate.QUARANTINE: quarantine.check,
    Gate.DRIFT: drift.check,
    Gate.QUALITY: quality.check,
    Gate.SHADOW: shadow.check,
    Gate.EFFECTS: effects.check,
    Gate.SERVICE: service.check,
    Gate.DEPENDENCIES: dependencies.check,
    Gate.LATE_WRITES: late_writes.check,
}


def judge(to: Stage, function: Function, evidence: Evidence) -> tuple[GateResult, ...]:
    """The result of every gate on the way into `to`."""
    return tuple(CHECKS[gate](evidence, function) for gate in needed(to, function))
