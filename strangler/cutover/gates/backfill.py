"""Backfill: the store has all that legacy already had."""

from __future__ import annotations

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.cutover.stages import Stage
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """All rows that legacy already had are in the store."""
    total = len(function.entities)
    done = 0
    for entity in function.entities:
        record = evidence.backfills.get(entity)
        if record is None:
            words, do = f"the backfill of {entity} hasn't begun", begins(evidence)
            break
        if record.finished_at is None:
            words = f"the backfill of {entity} is still going on: {record.rows:,} of about {record.estimate:,} rows"
            do = "wait until it is finished, or look at the worker's log when the count stands still"
            break
        done += 1
    else:
        return GateResult(Gate.BACKFILL, Verdict.PASS, f"{done}", f"{total}", "every backfill is finished")
    return GateResult(Gate.BACKFILL, Verdict.FAIL, f"{done}", f"{total}", words, do)


def begins(evidence: Evidence) -> str:
    """What begins to fill the store. In legacy nothing is delivered, whoever runs."""
    standing = evidence.standing
    if standing.stage is Stage.LEGACY:
        return f"strangler advance {standing.spelled}, with `strangler worker` running"
    return "start `strangler worker`"
