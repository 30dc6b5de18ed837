"""Freshness: the source was heard of lately; else nobody knows what it has, and lag says nothing."""

from __future__ import annotations

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.durations import format_duration
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """The source was heard of lately; else nobody knows what it has."""
    source, limit = evidence.source, function.gates.freshness.max.total_seconds()
    shown = format_duration(limit)
    if source is None or not source.seen_at:
        why = f": {source.error}" if source and source.error else ""
        words = f"source {function.source} was never heard of{why}"
        return GateResult(
            Gate.FRESHNESS, Verdict.INCONCLUSIVE, "never", shown, words, "start `strangler worker`"
        )
    age = max(0.0, evidence.now - source.seen_at)
    words = f"source {function.source} was heard of {format_duration(age)} ago"
    if age <= limit:
        return GateResult(Gate.FRESHNESS, Verdict.PASS, format_duration(age), shown, words)
    words += f", longer than {shown}" + (f": {source.error}" if source.error else "")
    do = "see that `strangler worker` runs and reaches the legacy database"
    return GateResult(Gate.FRESHNESS, Verdict.FAIL, format_duration(age), shown, words, do)
