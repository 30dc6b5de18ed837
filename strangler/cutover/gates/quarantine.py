"""Quarantine: hardly anything waits that couldn't be translated. Of a cohort, what may be of it; of a key that nobody can tell whose it is,
each of them."""

from __future__ import annotations

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict, keys
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """Hardly anything waits that couldn't be translated."""
    count, limit = sum(evidence.waiting), function.gates.quarantine.max
    if evidence.stopped:
        do = f"strangler quarantine resume {evidence.standing.function}, once its mapping is mended"
        return GateResult(Gate.QUARANTINE, Verdict.FAIL, str(count), str(limit), evidence.stopped, do)
    words = _words(evidence)
    if count <= limit:
        return GateResult(Gate.QUARANTINE, Verdict.PASS, str(count), str(limit), words)
    do = (
        "look at `strangler quarantine list`, mend the mapping or the rows, then `strangler quarantine retry`"
    )
    words += f", more than {limit}"
    return GateResult(Gate.QUARANTINE, Verdict.FAIL, str(count), str(limit), words, do)


def _words(evidence: Evidence) -> str:
    """How many there are, and, where cohorts move on their own, of how many it isn't known whose they are."""
    count, untold = sum(evidence.waiting), evidence.waiting.untold
    words = f"{keys(count)} {'waits' if count == 1 else 'wait'} in quarantine"
    if untold and evidence.by_cohort:
        words += f", of {untold:,} of which it isn't known whose {'it is' if untold == 1 else 'they are'}"
    return words
