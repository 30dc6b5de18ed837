"""Way back: it was tried lately that what new writes can return to legacy. Of a function that has a way back."""

from __future__ import annotations

from strangler.control.rehearsals import Rehearsal
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.durations import format_duration
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """The last rehearsal is fresh, found nothing in the way, and every row that it tried came back."""
    found, fresh = evidence.rehearsal, function.gates.way_back.fresh.total_seconds()
    again = f"strangler rehearse {evidence.standing.function}"
    if found is None:
        words = "the way back was never rehearsed"
        return GateResult(Gate.WAY_BACK, Verdict.INCONCLUSIVE, "never", format_duration(fresh), words, again)
    if (age := evidence.now - found.at) > fresh:
        words = f"the last rehearsal is {format_duration(age)} old, older than {format_duration(fresh)}"
        return GateResult(
            Gate.WAY_BACK, Verdict.INCONCLUSIVE, format_duration(age), format_duration(fresh), words, again
        )
    return _judged(found, f"mend it, then `{again}`")


def _judged(found: Rehearsal, do: str) -> GateResult:
    rows, failed = sum(found.rows.values()), sum(found.failed.values())
    figure, limit = f"{failed:,} of {rows:,} rows don't come back", "0 rows"
    if found.missing:
        return GateResult(
            Gate.WAY_BACK, Verdict.FAIL, figure, limit, f"legacy can't be written to: {found.missing[0]}", do
        )
    if failed:
        where = ", ".join(f"{count:,} of {part}" for part, count in found.failed.items() if count)
        return GateResult(
            Gate.WAY_BACK, Verdict.FAIL, figure, limit, f"rows wouldn't come back as they are: {where}", do
        )
    if not rows:
        words = "no row was there to be led back"
        return GateResult(Gate.WAY_BACK, Verdict.INCONCLUSIVE, figure, limit, words, do)
    lost = sum(len(fields) for fields in found.lost.values())
    beside = f"; {lost:,} {'field has' if lost == 1 else 'fields have'} no way back" if lost else ""
    return GateResult(
        Gate.WAY_BACK, Verdict.PASS, figure, limit, f"{rows:,} rows came back as they were{beside}"
    )
