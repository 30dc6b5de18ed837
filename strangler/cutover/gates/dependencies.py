"""Dependencies: what the function stands on has moved before it."""

from __future__ import annotations

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.cutover.stages import ORDER, Stage
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """Each function that this one depends on has reached the stage that it is to be in, by default live."""
    asked = {name: Stage(stage) for name, stage in function.depends_on.items()}
    standing = {name: evidence.dependencies.get(name, Stage.LEGACY) for name in asked}
    waiting = sorted(name for name in asked if ORDER.index(standing[name]) < ORDER.index(asked[name]))
    total = len(asked)
    figure, limit = f"{total - len(waiting)} of {total} far enough", f"{total} of {total}"
    if not waiting:
        words = f"far enough: {_listed(asked, standing)}" if total else "it depends on no other function"
        return GateResult(Gate.DEPENDENCIES, Verdict.PASS, figure, limit, words)
    words = "not yet: " + "; ".join(
        f"{name} is in {standing[name]}, not in {asked[name]}" for name in waiting
    )
    do = f"first take {', '.join(f'{name} to {asked[name]}' for name in waiting)}"
    return GateResult(Gate.DEPENDENCIES, Verdict.FAIL, figure, limit, words, do)


def _listed(asked: dict[str, Stage], standing: dict[str, Stage]) -> str:
    return ", ".join(f"{name} is in {standing[name]}" for name in sorted(asked))
