"""Latency: callers hardly wait longer for the new service than for legacy.

Of shadowed reads both sides' times are known for the very same questions, by their quantiles. Of what callers were answered since, the
means are: they show what shadow can't, that the service slows down under the callers it got.
"""

from __future__ import annotations

from strangler.control.traffic import Calls
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.answering import answered
from strangler.cutover.gates.comparing import more, since
from strangler.cutover.gates.result import Gate, GateResult, Verdict
from strangler.cutover.stages import Side
from strangler.durations import format_duration
from strangler.settings import Function, LatencyGate
from strangler.shadow.latency import Quickness, quickness


def check(evidence: Evidence, function: Function) -> GateResult:
    """What shadow says, unless what callers were answered lately says worse."""
    now = lately(evidence, function)
    return now if now.verdict is Verdict.FAIL else _shadowed(evidence, function)


def lately(evidence: Evidence, function: Function) -> GateResult:
    """The mean of what callers were answered lately, against legacy's: of now, where it still answers, else of shadowed reads."""
    limits = function.gates.latency
    new, legacy = answered(evidence, limits.window)
    within = format_duration(limits.window.total_seconds())
    if new.calls < limits.min_samples:
        words = (
            f"the new service answered {new.calls:,} calls within {within}, fewer than {limits.min_samples:,}"
            f"{since(evidence, limits.window.total_seconds())}"
        )
        return _too_few(
            f"{new.calls:,} answers", limits, words, more(evidence, "let callers call for longer")
        )
    theirs = _mean(legacy) if legacy.calls else _shadowed_mean(evidence)
    mean, limit = _mean(new), _limit(theirs, limits)
    figures = f"mean {_ms(mean)}", f"mean {_ms(limit)}"
    words = f"the mean of {new.calls:,} answers of the new service within {within} is {_ms(mean)}, legacy's {_ms(theirs)}"
    return _judged(mean <= limit, figures, words, evidence)


def _shadowed(evidence: Evidence, function: Function) -> GateResult:
    limits = function.gates.latency
    new, legacy = (quickness(evidence.latencies, side) for side in (Side.NEW, Side.LEGACY))
    fewest = min(new.calls, legacy.calls)
    if fewest < limits.min_samples:
        words = f"{fewest:,} shadowed reads were timed on both sides, fewer than {limits.min_samples:,}{since(evidence)}"
        return _too_few(f"{fewest:,} reads", limits, words, more(evidence, "let callers read for longer"))
    most = Quickness(legacy.calls, _limit(legacy.p50, limits), _limit(legacy.p95, limits))
    words = f"of {new.calls:,} shadowed reads the new service takes {_both(new)}, legacy {_both(legacy)}"
    return _judged(new.p50 <= most.p50 and new.p95 <= most.p95, (_both(new), _both(most)), words, evidence)


def _judged(holds: bool, figures: tuple[str, str], words: str, evidence: Evidence) -> GateResult:
    if holds:
        return GateResult(Gate.LATENCY, Verdict.PASS, *figures, words)
    do = f"make the service quicker (`strangler shadow {evidence.standing.spelled}` has the times), or raise gates.latency.max_ratio"
    return GateResult(Gate.LATENCY, Verdict.FAIL, *figures, f"{words}; at most {figures[1]}", do)


def _too_few(figure: str, limits: LatencyGate, words: str, do: str) -> GateResult:
    limit = f"{limits.min_samples:,} or more"
    return GateResult(
        Gate.LATENCY, Verdict.INCONCLUSIVE, figure, limit, words, f"{do}, or lower gates.latency.min_samples"
    )


def _limit(legacy: float, limits: LatencyGate) -> float:
    return max(limits.quick_enough.total_seconds(), limits.max_ratio * legacy)


def _mean(calls: Calls) -> float:
    return calls.seconds / calls.calls


def _shadowed_mean(evidence: Evidence) -> float:
    found = [each for each in evidence.latencies if each.side == Side.LEGACY]
    calls = sum(each.calls for each in found)
    return sum(each.seconds for each in found) / calls if calls else 0.0


def _both(quick: Quickness) -> str:
    return f"p50 {_ms(quick.p50)}, p95 {_ms(quick.p95)}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"
