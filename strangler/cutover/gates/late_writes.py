"""Late writes: nobody writes in legacy what new owns."""

from __future__ import annotations

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """Nobody writes the function's data in legacy any more (invariant 4)."""
    delivery = evidence.delivery
    oldest = function.gates.freshness.max.total_seconds()
    if delivery is None or evidence.now - delivery.seen_at > oldest:
        words, do = "nobody counts late writes now", "start `strangler worker`"
        return GateResult(Gate.LATE_WRITES, Verdict.INCONCLUSIVE, "unknown", "0", words, do)
    count = delivery.late_writes
    words = f"{count:,} late {'write' if count == 1 else 'writes'} came from legacy since the switch"
    if not count:
        return GateResult(Gate.LATE_WRITES, Verdict.PASS, "0", "0", words)
    do = "find the job that still writes to legacy past the facade, and move or stop it"
    return GateResult(Gate.LATE_WRITES, Verdict.FAIL, str(count), "0", words, do)
