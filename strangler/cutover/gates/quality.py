"""Quality: the data is right by the checks that the function declares. Of a cohort, those of them that count for it."""

from __future__ import annotations

from strangler.control import quality_runs
from strangler.control.quality_runs import QualityRun
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.durations import format_duration
from strangler.settings import Function, Gates


def check(evidence: Evidence, function: Function) -> GateResult:
    """The last runs of the checks of data, on each side that counts, are fresh and found nothing of a severity that blocks."""
    doubts, failed = [], []
    blocks = " or ".join(function.gates.quality.blocks)
    for side in function.gates.quality.on:
        run = evidence.quality.get(side)
        if doubt := _unsure(run, side, evidence, function.gates):
            doubts.append((side, doubt))
        elif run is not None and (count := run.failing(function.gates.quality.blocks, *evidence.whose)):
            failed.append((side, run, count))
        elif run is not None and run.unmade:
            doubts.append(
                (side, f"{run.unmade} checks on {side} couldn't be made: {run.reason or 'no reason given'}")
            )
    again = f"strangler quality run {evidence.standing.function} --on "
    if failed:
        side, run, count = failed[0]
        words = f"{count} {blocks} {'check fails' if count == 1 else 'checks fail'} on {side}"
        do = f"see the rows with `strangler quality show {run.id}`, mend the cause, then `{again}{side}`"
        return GateResult(Gate.QUALITY, Verdict.FAIL, str(count), f"0 {blocks}", words, do)
    if doubts:
        side, doubt = doubts[0]
        return GateResult(
            Gate.QUALITY, Verdict.INCONCLUSIVE, "unknown", f"0 {blocks}", doubt, f"{again}{side}"
        )
    words = f"every {blocks} check holds on {' and '.join(function.gates.quality.on)}"
    return GateResult(Gate.QUALITY, Verdict.PASS, "0", f"0 {blocks}", words)


def _unsure(run: QualityRun | None, side: str, evidence: Evidence, gates: Gates) -> str:
    """Why the last run on a side is no evidence; empty when it is. One that is old or incomplete isn't, whatever it found."""
    if run is None or run.finished_at is None:
        return f"the data was never checked on {side}"
    age, fresh = evidence.now - run.started_at, gates.quality.fresh.total_seconds()
    if run.status is quality_runs.Status.UNCHECKED:
        return f"the last run on {side} could not check: {run.reason or 'no reason given'}"
    if age > fresh:
        return f"the last run on {side} is {format_duration(age)} old, older than {format_duration(fresh)}"
    if side == "store" and run.started_at < evidence.filled_at:
        return "the last run on the store began before the backfill was finished"
    return ""
