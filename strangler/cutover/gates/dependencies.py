"""Dependencies: what the function stands on has moved before it."""

from __future__ import annotations

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.cutover.stages import Stage
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """The functions that this one stands on are live."""
    waiting = {
        name: stage
        for name, stage in evidence.dependencies.items()
        if stage not in (Stage.LIVE, Stage.RETIRED)
    }
    total = len(evidence.dependencies)
    figure, limit = f"{total - len(waiting)} live", f"{total} live"
    if not waiting:
        words = "every function that it depends on is live" if total else "it depends on no other function"
        return GateResult(Gate.DEPENDENCIES, Verdict.PASS, figure, limit, words)
    words = "not live yet: " + ", ".join(f"{name} ({stage})" for name, stage in sorted(waiting.items()))
    do = f"take {', '.join(sorted(waiting))} live first"
    return GateResult(Gate.DEPENDENCIES, Verdict.FAIL, figure, limit, words, do)
