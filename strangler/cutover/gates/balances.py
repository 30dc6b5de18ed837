"""Balances: what must add up alike on both sides does. A result for each balance, by its name: an auditor asks about one of them."""

from __future__ import annotations

from strangler.control.balances import Balance, Balanced
from strangler.cutover.evidence import Evidence
from strangler.cutover.gates.reconciled import again, doubt, mend
from strangler.cutover.gates.result import Gate, GateResult, Verdict, groups
from strangler.settings import Function


def checks(evidence: Evidence, function: Function) -> tuple[GateResult, ...]:
    """What the last reconciliation of every row found of each balance, unless one since then found otherwise."""
    if why := doubt(evidence.reconciliation, evidence, function.gates):
        return tuple(_unknown(name, why, evidence) for name in function.balances)
    recorded = {each.name: each for each in evidence.balances}
    return tuple(_judge(name, recorded.get(name), evidence) for name in function.balances)


def _judge(name: str, recorded: Balance | None, evidence: Evidence) -> GateResult:
    run, function, alarm = evidence.reconciliation, evidence.standing.function, evidence.alarm
    assert run is not None
    if recorded is None:
        return _unknown(name, f"the last reconciliation didn't compare the balance {name}", evidence)
    found = recorded.found(*evidence.whose)
    if found.unsettled:
        why = f"{groups(found.unsettled)} of {name} never came to rest, so they weren't compared"
        return _unknown(name, why, evidence)
    if alarm and (since := alarm.found(*evidence.whose).unbalanced):
        words = f"the {alarm.mode} reconciliation {alarm.id} since then found {groups(since)} of balances that don't agree"
        return _result(name, Verdict.FAIL, since, words, mend(function, alarm.id))
    words = _differ(name, found) + _of(recorded, found)
    if found.different:
        return _result(name, Verdict.FAIL, found.different, f"{words}, more than 0", mend(function, run.id))
    return _result(name, Verdict.PASS, 0, words)


def _differ(name: str, found: Balanced) -> str:
    return f"{groups(found.different)} of {found.compared:,} of {name} {'differs' if found.different == 1 else 'differ'}"


def _of(recorded: Balance, found: Balanced) -> str:
    """What the balance is in all, where it is another thing."""
    return "" if found.different == recorded.different else f" (of all cohorts: {groups(recorded.different)})"


def _result(name: str, verdict: Verdict, different: int, words: str, do: str = "") -> GateResult:
    return GateResult(f"{Gate.BALANCES} {name}", verdict, groups(different), groups(0), words, do)


def _unknown(name: str, why: str, evidence: Evidence) -> GateResult:
    do = again(evidence.standing.function)
    return GateResult(f"{Gate.BALANCES} {name}", Verdict.INCONCLUSIVE, "unknown", groups(0), why, do)
