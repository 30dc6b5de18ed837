"""Effects: the new service would have done with writes what legacy did."""

from __future__ import annotations

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.comparing import COMPARED_LATELY, UNCOMPARED, more, since
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.durations import format_duration
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """Enough writes were thought through by new, and hardly any would have had another effect."""
    counted, limits = evidence.effects, function.gates.effects
    total, missed = counted.total, counted.uncompared
    share, limit = counted.differing / total if total else 0.0, f"{limits.max_mismatch:.2%}"
    figure = f"{share:.2%} of {total:,}"
    see = f"see `strangler shadow {evidence.standing.spelled}`"
    if counted.unasked and not total:
        words = f"{counted.unasked:,} writes weren't put to the new service, since it doesn't say that it knows dry runs"
        do = "let it answer OPTIONS with X-Strangler-Dry-Run: understood, as docs/shadow.md has it"
        return GateResult(Gate.EFFECTS, Verdict.INCONCLUSIVE, figure, limit, words, do)
    if total < limits.min_samples:
        words = f"the effects of {total:,} writes were compared, fewer than {limits.min_samples:,}{since(evidence)}"
        do = more(evidence, "let callers write for longer, or lower gates.effects.min_samples")
        return GateResult(Gate.EFFECTS, Verdict.INCONCLUSIVE, figure, limit, words, do)
    if missed > UNCOMPARED * (total + missed):
        words = f"the effects of {missed:,} of {total + missed:,} writes could not be compared, more than {UNCOMPARED:.0%}"
        do = f"{see} for why, mend it, then roll back a stage and advance to count anew"
        return GateResult(Gate.EFFECTS, Verdict.INCONCLUSIVE, figure, limit, words, do)
    age = evidence.now - 60 * (counted.last_minute + 1)
    if age > COMPARED_LATELY:
        words, do = (
            f"the last comparison of a write is {format_duration(age)} old",
            "see that callers come through the facade",
        )
        return GateResult(Gate.EFFECTS, Verdict.INCONCLUSIVE, figure, limit, words, do)
    words = f"{counted.differing:,} of {total:,} writes would have had another effect"
    if share > limits.max_mismatch:
        do = f"{see}, mend the service, then roll back a stage and advance to count anew"
        return GateResult(Gate.EFFECTS, Verdict.FAIL, figure, limit, f"{words}, more than {limit}", do)
    return GateResult(Gate.EFFECTS, Verdict.PASS, figure, limit, words)
