"""Service: the new service is there, and well."""

from __future__ import annotations

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """The new service is there and says that it is well."""
    if function.service is None:
        words, do = "no new service is configured", "write `service: {url: …}` for the function"
        return GateResult(Gate.SERVICE, Verdict.FAIL, "none", "well", words, do)
    if evidence.health is None:
        words = "the new service wasn't asked how it is"
        return GateResult(
            Gate.SERVICE, Verdict.INCONCLUSIVE, "unknown", "well", words, "ask it with `strangler status`"
        )
    if evidence.health.well:
        return GateResult(Gate.SERVICE, Verdict.PASS, "well", "well", evidence.health.words)
    do = f"start the new service at {function.service.url}, or mend it"
    return GateResult(Gate.SERVICE, Verdict.FAIL, "unwell", "well", evidence.health.words, do)
