"""Late writes: nobody writes in legacy any more what new owns."""

from __future__ import annotations

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.durations import format_duration
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """None came for long enough, and for as long somebody would have seen it (invariant 4)."""
    quiet, delivery = function.gates.late_writes.quiet.total_seconds(), evidence.delivery
    limit = f"none for {format_duration(quiet)}"
    if delivery is None or evidence.now - delivery.seen_at > function.gates.freshness.max.total_seconds():
        words, do = "nobody counts late writes now", "start `strangler worker`"
        return GateResult(Gate.LATE_WRITES, Verdict.INCONCLUSIVE, "unknown", limit, words, do)
    count, owned = delivery.late_writes, max(0.0, evidence.now - evidence.switched_at)
    came = f"{count:,} late {'write' if count == 1 else 'writes'} came from legacy since the switch"
    if count:
        do = "find the job that still writes to legacy past the facade, and move or stop it"
        return GateResult(Gate.LATE_WRITES, Verdict.FAIL, f"{count:,}", limit, came, do)
    figure = f"none for {format_duration(owned)}"
    if owned < quiet:
        words = f"new owns it for {format_duration(owned)}, shorter than {format_duration(quiet)}"
        do = f"wait {format_duration(quiet - owned)}, or shorten gates.late_writes.quiet if no job runs so rarely"
        return GateResult(Gate.LATE_WRITES, Verdict.INCONCLUSIVE, figure, limit, words, do)
    return GateResult(Gate.LATE_WRITES, Verdict.PASS, figure, limit, came)
