"""Drift: both sides are the same, as a reconciliation of every row found."""

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
    if (alarm := evidence.alarm) and alarm.drift:
        words = f"the {alarm.mode} reconciliation {alarm.id} since then found drift"
        return GateResult(Gate.DRIFT, Verdict.FAIL, keys(alarm.drift), limit, words, mend(name, alarm.id))
    if run.drift <= function.gates.drift.max:
        return GateResult(Gate.DRIFT, Verdict.PASS, keys(run.drift), limit, _differ(run))
    words = f"{_differ(run)}, more than {function.gates.drift.max}"
    return GateResult(Gate.DRIFT, Verdict.FAIL, keys(run.drift), limit, words, mend(name, run.id))


def _differ(run: Run) -> str:
    return f"{keys(run.drift)} of {run.compared:,} {'differs' if run.drift == 1 else 'differ'}"
