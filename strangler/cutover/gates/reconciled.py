"""Whether the last reconciliation of every row is evidence: of drift, and of balances."""

from __future__ import annotations

from strangler.control.reconciliations import ENDED, Run, Status
from strangler.cutover.evidence import Evidence
from strangler.durations import format_duration
from strangler.settings import Gates


def doubt(run: Run | None, evidence: Evidence, gates: Gates) -> str:
    """Why it is no evidence; empty when it is."""
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


def again(function: str) -> str:
    """What brings fresh evidence."""
    return f"strangler reconcile run {function}"


def mend(function: str, run: int) -> str:
    """What to do about what a run found."""
    return f"see what differs with `strangler reconcile show {run}`, mend the cause, then `{again(function)}`"
