"""Every refusal says which gate, with which figure, against which limit, and what to do: to people, in JSON and on the ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from strangler.control import ledger
from strangler.control.store import Control
from strangler.cutover import gates
from strangler.cutover.assessment import Assessment
from strangler.cutover.conductor import Acting, Conductor
from strangler.cutover.gates import CHECKS, Gate, GateResult, Verdict
from strangler.cutover.history import evidence
from strangler.cutover.stages import Stage
from strangler.cutover.steps import Target, way
from strangler.errors import Refused
from strangler.settings import Settings
from tests.cutover.test_conductor import Outer
from tests.cutover.test_gates import BALANCED, BALANCES, CASES, GOOD, function

BLOCKING = [
    result
    for result in (
        *(check(replace(GOOD, **changes), function()) for check, changes, _, _ in CASES),
        *(gates.balances.checks(replace(GOOD, **changes), BALANCED)[0] for changes, _, _ in BALANCES),
    )
    if not result.passes
]
"""What every gate says that doesn't let a function pass, in every way that the tests of the gates know."""

NEVER: dict[Gate, set[Verdict]] = {
    Gate.BACKFILL: {Verdict.INCONCLUSIVE},
    Gate.QUARANTINE: {Verdict.INCONCLUSIVE},
    Gate.DEPENDENCIES: {Verdict.INCONCLUSIVE},
}
"""What is counted by Strangler itself is always known."""


def test_each_gate_is_here_with_each_verdict_that_it_can_come_to() -> None:
    found = {(result.name.split()[0], result.verdict) for result in BLOCKING}
    expected = {
        (gate.split()[0], verdict)
        for gate in Gate
        for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)
        if verdict not in NEVER.get(gate, set())
    }
    assert found == expected
    assert set(CHECKS) | {Gate.BALANCES} == set(Gate)


@pytest.mark.parametrize("result", BLOCKING, ids=lambda each: f"{each.name}-{each.verdict}")
def test_a_refusal_says_gate_figure_limit_and_remedy(
    result: GateResult, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings()

    def assessed(*_: Any, **__: Any) -> Assessment:
        steps, target = way(settings, "party"), Target(Stage.SYNCING, 0)
        return Assessment("party", settings.functions["party"], GOOD, steps, target, (result,))

    monkeypatch.setattr("strangler.cutover.conductor.assess", assessed)
    conductor = Conductor(settings, control, Acting(control, "eva", 5.0, Outer(control)), actor="eva")
    with pytest.raises(Refused) as refused:
        conductor.advance("party")
    shown = str(refused.value)
    verdict = "failing" if result.verdict is Verdict.FAIL else "inconclusive"
    assert f"{result.name} is {verdict}: {result.words}" in shown
    assert f"(figure {result.figure}, limit {result.limit})" in shown
    assert result.do
    assert result.do in shown
    (recorded,) = ledger.entries(control)[-1].body["gates"]
    assert recorded == evidence([result])[0]
    assert all(recorded[each] for each in ("gate", "verdict", "figure", "limit", "words", "do"))


def _settings() -> Settings:
    party = function(depends_on=[]).model_dump(by_alias=True)
    return Settings.model_validate(
        {"sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}}, "functions": {"party": party}}
    )
