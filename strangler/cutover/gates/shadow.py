"""Shadow: the new service answers reads as legacy does."""

from __future__ import annotations

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.comparing import COMPARED_LATELY, UNCOMPARED, more, since
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.durations import format_duration
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """Enough reads were answered by both sides, and hardly any answer differed."""
    counted, limits = evidence.compared, function.gates.shadow
    total, missed = counted.total, counted.failed + counted.uncompared
    share, limit = counted.differing / total if total else 0.0, f"{limits.max_mismatch:.2%}"
    figure = f"{share:.2%} of {total:,}"
    if total < limits.min_samples:
        differ = f"; {counted.differing:,} differed" if counted.differing else ""
        words = f"{total:,} reads were compared, fewer than {limits.min_samples:,}{differ}{since(evidence)}"
        do = more(evidence, "let callers read for longer, or lower gates.shadow.min_samples")
        return GateResult(Gate.SHADOW, Verdict.INCONCLUSIVE, figure, limit, words, do)
    see = f"see `strangler shadow {evidence.standing.spelled}`"
    if missed > UNCOMPARED * (total + missed):
        words = f"{missed:,} of {total + missed:,} reads could not be compared, more than {UNCOMPARED:.0%}"
        do = f"{see} for why, mend it, then roll back a stage and advance to count anew"
        return GateResult(Gate.SHADOW, Verdict.INCONCLUSIVE, figure, limit, words, do)
    # With the whole weight on new no read is left that both sides could answer; what was compared before still counts.
    everything_moved = evidence.standing.weight == 10_000
    age = evidence.now - 60 * (counted.last_minute + 1)
    if age > COMPARED_LATELY and not everything_moved:
        words = f"the last comparison is {format_duration(age)} old"
        do = "see that callers come through the facade"
        return GateResult(Gate.SHADOW, Verdict.INCONCLUSIVE, figure, limit, words, do)
    words = f"{counted.differing:,} of {total:,} answers differed"
    if share > limits.max_mismatch:
        do = f"{see}, mend the service, then roll back a stage and advance to count anew"
        return GateResult(Gate.SHADOW, Verdict.FAIL, figure, limit, f"{words}, more than {limit}", do)
    if not counted.noisy:
        return GateResult(Gate.SHADOW, Verdict.PASS, figure, limit, words)
    noisy = (
        f"{counted.noisy:,} {'more differs' if counted.noisy == 1 else 'more differ'} in nothing but noise"
    )
    if counted.noisy > limits.max_noise * total:
        # What is never the same twice is never compared: somebody has to answer for that by name.
        do = f"{see} for which fields, and write rules for them into functions.{evidence.standing.function}.shadow.rules"
        words = f"{words}, but {noisy}, more than {limits.max_noise:.0%}"
        return GateResult(Gate.SHADOW, Verdict.INCONCLUSIVE, figure, limit, words, do)
    return GateResult(Gate.SHADOW, Verdict.PASS, figure, limit, f"{words}; {noisy}")
