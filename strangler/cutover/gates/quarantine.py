"""Quarantine: hardly anything waits that couldn't be translated."""

from __future__ import annotations

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict, keys
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """Hardly anything waits that couldn't be translated."""
    count, limit = evidence.quarantined, function.gates.quarantine.max
    words = f"{keys(count)} {'waits' if count == 1 else 'wait'} in quarantine"
    if evidence.stopped:
        do = f"strangler quarantine resume {evidence.standing.function}, once its mapping is mended"
        return GateResult(Gate.QUARANTINE, Verdict.FAIL, str(count), str(limit), evidence.stopped, do)
    if count <= limit:
        return GateResult(Gate.QUARANTINE, Verdict.PASS, str(count), str(limit), words)
    do = (
        "look at `strangler quarantine list`, mend the mapping or the rows, then `strangler quarantine retry`"
    )
    words += f", more than {limit}"
    return GateResult(Gate.QUARANTINE, Verdict.FAIL, str(count), str(limit), words, do)
