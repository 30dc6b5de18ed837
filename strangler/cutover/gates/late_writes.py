"""Late writes: nobody writes in legacy any more what new owns."""

from __future__ import annotations

from collections.abc import Sequence

from strangler.control.late_writes import Hour
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.cutover.stages import Side
from strangler.durations import format_duration
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """None came for long enough, and for as long somebody would have seen it (invariant 4)."""
    quiet, source = function.gates.late_writes.quiet.total_seconds(), evidence.source
    limit = f"none for {format_duration(quiet)}"
    if source is None or evidence.now - source.seen_at > function.gates.freshness.max.total_seconds():
        words, do = "nobody reads the source, so nobody sees late writes", "start `strangler worker`"
        return GateResult(Gate.LATE_WRITES, Verdict.INCONCLUSIVE, "unknown", limit, words, do)
    if late := [each for each in evidence.late_writes if each.open and each.last_at > evidence.now - quiet]:
        return _found(late, limit, evidence)
    if evidence.standing.owner is not Side.NEW:
        words, do = "new doesn't own it yet", f"first take {evidence.standing.name} to live"
        return GateResult(Gate.LATE_WRITES, Verdict.INCONCLUSIVE, "not owned by new", limit, words, do)
    owned = max(0.0, evidence.now - evidence.switched_at)
    figure = f"none for {format_duration(min(owned, quiet))}"
    if owned < quiet:
        words = f"new owns it for {format_duration(owned)}, shorter than {format_duration(quiet)}"
        do = f"wait {format_duration(quiet - owned)}, or shorten gates.late_writes.quiet if no job runs so rarely"
        return GateResult(Gate.LATE_WRITES, Verdict.INCONCLUSIVE, figure, limit, words, do)
    words = f"no unexplained late write came from legacy for {format_duration(quiet)}"
    return GateResult(Gate.LATE_WRITES, Verdict.PASS, figure, limit, words)


def _found(late: Sequence[Hour], limit: str, evidence: Evidence) -> GateResult:
    count, name = sum(each.open for each in late), evidence.standing.function
    ago = format_duration(max(0.0, evidence.now - max(each.last_at for each in late)))
    where = ", ".join(sorted({each.table for each in late}))
    words = f"{count:,} late {'write' if count == 1 else 'writes'} came from legacy to {where}, the last {ago} ago"
    do = (
        f"find the job by `strangler late-writes {name}`, and move or stop it; what is explained: "
        f"strangler late-writes accept {name} --reason …"
    )
    return GateResult(Gate.LATE_WRITES, Verdict.FAIL, f"{count:,} unexplained", limit, words, do)
