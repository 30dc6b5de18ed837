"""Lag: what legacy has committed is in the store soon."""

from __future__ import annotations

from strangler.cutover.evidence import Evidence
from strangler.cutover.gates import freshness
from strangler.cutover.gates.backfill import begins
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.durations import format_duration
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """What legacy has committed is in the store soon."""
    limit = function.gates.lag.max.total_seconds()
    shown, delivery = format_duration(limit), evidence.delivery
    if delivery is None or delivery.lag is None:
        why = f": {delivery.error}" if delivery and delivery.error else ""
        return _unknown(shown, f"the lag isn't known{why}", begins(evidence))
    age, oldest = evidence.now - delivery.seen_at, function.gates.freshness.max.total_seconds()
    if age > oldest:
        words = f"delivery last said {format_duration(age)} ago how far it is, longer than {format_duration(oldest)}"
        return _unknown(shown, words, "see that `strangler worker` runs and reaches the store")
    if not freshness.check(evidence, function).passes:
        return _unknown(shown, "the source is silent, so lag says nothing", "mend the freshness gate first")
    figure = format_duration(delivery.lag)
    if delivery.lag <= limit:
        return GateResult(Gate.LAG, Verdict.PASS, figure, shown, f"the store is {figure} behind")
    words = f"the store is {figure} behind, more than {shown}"
    do = "wait until it has caught up, or find out what slows delivery down"
    return GateResult(Gate.LAG, Verdict.FAIL, figure, shown, words, do)


def _unknown(limit: str, words: str, do: str) -> GateResult:
    return GateResult(Gate.LAG, Verdict.INCONCLUSIVE, "unknown", limit, words, do)
