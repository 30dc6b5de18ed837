"""Drift: both sides are the same, as a reconciliation of every row found."""

from __future__ import annotations

from strangler.control.reconciliations import ENDED, Run, Status
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict, keys
from strangler.durations import format_duration
from strangler.settings import Function, Gates


def check(evidence: Evidence, function: Function) -> GateResult:
    """A fresh reconciliation of every row found both sides the same, and none since then found otherwise."""
    run, limit, name = evidence.reconciliation, function.gates.drift.max, evidence.standing.function
    if doubt := _doubt(run, evidence, function.gates):
        do = f"run `strangler reconcile run {name}`"
        return GateResult(Gate.DRIFT, Verdict.INCONCLUSIVE, "unknown", str(limit), doubt, do)
    assert run is not None
    if alarm := evidence.alarm:
        words = f"the {alarm.mode} reconciliation {alarm.id} since then found drift"
        do = f"see it with `strangler reconcile show {alarm.id}`, mend the cause, then run `strangler reconcile run {name}`"
        return GateResult(Gate.DRIFT, Verdict.FAIL, str(alarm.drift), str(limit), words, do)
    words = f"{keys(run.drift)} of {run.compared:,} {'differs' if run.drift == 1 else 'differ'}"
    if run.drift <= limit and not run.unbalanced:
        return GateResult(Gate.DRIFT, Verdict.PASS, str(run.drift), str(limit), words)
    words += f", more than {limit}" if run.drift > limit else ""
    words += f", and {run.unbalanced:,} groups of balances don't agree" if run.unbalanced else ""
    do = f"see what differs with `strangler reconcile show {run.id}`, mend the cause, then run `strangler reconcile run {name}`"
    return GateResult(Gate.DRIFT, Verdict.FAIL, str(run.drift), str(limit), words, do)


def _doubt(run: Run | None, evidence: Evidence, gates: Gates) -> str:
    """Why the last reconciliation of every row is no evidence; empty when it is."""
    if run is None or run.finished_at is None:
        return "it was never reconciled in full"
    # It says how things were when it began, also one that was interrupted and gone on with.
    age, fresh = evidence.now - run.started_at, gates.drift.fresh.total_seconds()
    if run.status is Status.FAILED:
        return f"the last reconciliation could not check: {run.reason or 'no reason given'}"
    if run.status not in ENDED:
        return f"the last reconciliation is incomplete: {run.reason or 'it was stopped half way'}"
    if age > fresh:
        return f"the last reconciliation is {format_duration(age)} old, older than {format_duration(fresh)}"
    if run.started_at < evidence.filled_at:
        return "the last reconciliation began before the backfill was finished"
    if run.started_at < evidence.switched_at:
        return "the last reconciliation began before the last switch of owners"
    return ""
