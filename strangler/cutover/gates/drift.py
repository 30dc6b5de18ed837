"""Drift: both sides are the same, as a reconciliation of every row found. Of a cohort, what differs and may be of it."""

from __future__ import annotations

from strangler.control.reconciliations import Run
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.reconciled import again, doubt, mend
from strangler.cutover.gates.result import Gate, GateResult, Verdict, keys
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """A fresh reconciliation of every row found both sides the same, and none since then found otherwise."""
    run, limit, name = evidence.reconciliation, keys(function.gates.drift.max), evidence.standing.function
    if why := doubt(run, evidence, function.gates):
        return GateResult(Gate.DRIFT, Verdict.INCONCLUSIVE, "unknown", limit, why, again(name))
    assert run is not None
    if (alarm := evidence.alarm) and (since := alarm.found(*evidence.whose).drift):
        words = f"the {alarm.mode} reconciliation {alarm.id} since then found drift{_of(alarm, since)}"
        return GateResult(Gate.DRIFT, Verdict.FAIL, keys(since), limit, words, mend(name, alarm.id))
    drift = run.found(*evidence.whose).drift
    words = f"{keys(drift)} of {run.compared:,} {'differs' if drift == 1 else 'differ'}{_of(run, drift)}"
    if drift <= function.gates.drift.max:
        return GateResult(Gate.DRIFT, Verdict.PASS, keys(drift), limit, words)
    words += f", more than {function.gates.drift.max}"
    return GateResult(Gate.DRIFT, Verdict.FAIL, keys(drift), limit, words, mend(name, run.id))


def _of(run: Run, drift: int) -> str:
    """How many of all that differ those are that count here, where not all do."""
    return (
        ""
        if drift == run.drift
        else f" ({drift:,} of {keys(run.drift)} that differ {'is' if drift == 1 else 'are'} or may be of it)"
    )
