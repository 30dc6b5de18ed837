"""Errors: the new service fails hardly more of its calls than legacy does."""

from __future__ import annotations

from strangler.control.traffic import Calls
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.answering import answered
from strangler.cutover.gates.comparing import more, since
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.durations import format_duration
from strangler.settings import Function


def check(evidence: Evidence, function: Function) -> GateResult:
    """Of the calls that callers made lately. What legacy fails too, as when both wait for the same printer, isn't held against new."""
    limits, name = function.gates.errors, evidence.standing.spelled
    new, legacy = answered(evidence, limits.window)
    limit, share = _share(legacy) + limits.max, _share(new)
    figures = f"{share:.2%} of {new.calls:,}", f"{limit:.2%}"
    lately = format_duration(limits.window.total_seconds())
    if new.calls < limits.min_calls:
        few = f"{new.calls:,} call{'' if new.calls == 1 else 's'} within {lately}"
        words = f"the new service answered {few}, fewer than {limits.min_calls:,}{since(evidence, limits.window.total_seconds())}"
        do = more(evidence, "let callers call for longer, or lower gates.errors.min_calls")
        return GateResult(Gate.ERRORS, Verdict.INCONCLUSIVE, *figures, words, do)
    beside = f", of legacy's {_share(legacy):.2%} of {legacy.calls:,}" if legacy.calls else ""
    words = f"{new.errors:,} of {new.calls:,} calls failed at the new service within {lately}{beside}"
    if share <= limit:
        return GateResult(Gate.ERRORS, Verdict.PASS, *figures, words)
    do = f"see in the service's log why, and mend it; `strangler rollback {name} --reason …` takes callers off it meanwhile"
    return GateResult(Gate.ERRORS, Verdict.FAIL, *figures, f"{words}, more than {limit:.2%}", do)


def _share(calls: Calls) -> float:
    return calls.errors / calls.calls if calls.calls else 0.0
