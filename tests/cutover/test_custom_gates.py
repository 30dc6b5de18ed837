"""Gates of your own, found by a real entry point: whatever they do, they never pass by accident and never end in a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strangler.control import ledger
from strangler.control.store import Control
from strangler.cutover import gates
from strangler.cutover.assessment import assess
from strangler.cutover.evidence import Evidence, Health
from strangler.cutover.gates import GateResult, Verdict
from strangler.cutover.gates.custom import CustomCheck
from strangler.cutover.stages import Stage
from strangler.errors import Refused, StranglerError
from strangler.settings import Settings
from strangler.testing.gate import GateSuite
from tests.cutover.test_conductor import Acting, Conductor, Outer, evidence
from tests.cutover.test_gates import GOOD, function

PLUGIN = '''
import time
from strangler.cutover.gates import GateResult, Verdict
from strangler.errors import StranglerError


def incidents(evidence, options):
    """Open incidents, at most so many."""
    try:
        count, most = options["open"], options.get("max", 0)
    except KeyError as missing:
        raise StranglerError("the list of incidents isn't named", do="gates.custom.incidents.options.open: 0") from missing
    if count <= most:
        return GateResult("", Verdict.PASS, f"{count} open", f"{most} open", "hardly an incident is open")
    return GateResult("", Verdict.FAIL, f"{count} open", f"{most} open", f"{count} incidents are open", "close them")


def broken(evidence, options):
    if options["how"] == "raises":
        return 1 / 0
    if options["how"] == "hangs":
        time.sleep(60)
    if options["how"] == "meddles":
        evidence.standing = None
    return {"true": True, "word": "pass", "none": None}.get(options["how"], GateResult("", "pass", "", "", ""))
'''


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_gates.py").write_text(PLUGIN)
    about = tmp_path / "own_gates-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: own-gates\nVersion: 1.0\n")
    points = ("incidents = own_gates:incidents", "broken = own_gates:broken", "gone = no_such_module:gate")
    (about / "entry_points.txt").write_text("[strangler.gates]\n" + "\n".join(points))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("strangler.cutover.gates.custom.PATIENCE", 0.5)


def named(kind: str, **options: Any) -> dict[str, Any]:
    return {"custom": {"own": {"kind": kind, "options": options}}}


def said(kind: str, **options: Any) -> GateResult:
    """What the gate comes to on the way to live."""
    section = function(gates=named(kind, **options))
    found = replace(GOOD, custom=gates.custom.ask(section, GOOD))
    (result,) = (each for each in gates.judge(Stage.LIVE, section, found) if each.name == "own")
    return result


def test_a_gate_of_your_own_passes_and_fails_by_its_figures() -> None:
    assert said("incidents", open=0).passes
    failing = said("incidents", open=3, max=1)
    assert (failing.verdict, failing.figure, failing.limit) == (Verdict.FAIL, "3 open", "1 open")
    assert failing.do == "close them"


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("incidents", {}, "the list of incidents isn't named"),
        ("broken", {"how": "raises"}, "ZeroDivisionError: division by zero"),
        ("broken", {"how": "hangs"}, "it said nothing for 0.5 s"),
        ("broken", {"how": "meddles"}, "FrozenInstanceError"),
        ("broken", {"how": "true"}, "it gave bool, not a GateResult"),
        ("broken", {"how": "word"}, "it gave str"),
        ("broken", {"how": "none"}, "it gave NoneType"),
        ("broken", {"how": "empty"}, "its verdict is 'pass', not one of"),
        ("gone", {}, "can't be loaded: No module named 'no_such_module'"),
        ("missing", {}, "there is no 'missing' in strangler.gates"),
    ],
)
def test_invariant_7_a_gate_that_cannot_tell_is_inconclusive_and_says_why(
    kind: str, options: dict[str, Any], words: str
) -> None:
    result = said(kind, **options)
    assert (result.verdict, words in result.words) == (Verdict.INCONCLUSIVE, True), result
    assert result.do


def test_one_that_was_not_asked_does_not_pass() -> None:
    section = function(gates=named("incidents", open=0))
    assert [each.verdict for each in gates.results("own", GOOD, section)] == [Verdict.INCONCLUSIVE]


def test_it_is_asked_for_on_the_way_into_its_stages_only() -> None:
    section = function(gates=named("incidents", open=0))
    assert [stage for stage in Stage if "own" in gates.needed(stage, section)] == [Stage.CANARY, Stage.LIVE]


def test_its_refusal_is_on_the_ledger_like_any_other(control: Control) -> None:
    party = function(
        depends_on=[],
        gates={"custom": {"own": {"kind": "incidents", "options": {"open": 2}, "stages": ["shadow"]}}},
    )
    settings = Settings.model_validate(
        {
            "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
            "functions": {"party": party.model_dump(by_alias=True)},
        }
    )
    outer = Outer(control)
    well = Health(True, "well")
    conductor = Conductor(
        settings, control, Acting(control, "eva", 5.0, outer), actor="eva", probe=lambda service: well
    )
    conductor.advance("party")
    evidence(control)
    with pytest.raises(Refused) as raised:
        conductor.advance("party")
    assert "own is failing: 2 incidents are open (figure 2 open, limit 0 open)" in raised.value.why
    assert ledger.entries(control)[-1].body["gates"][-1]["gate"] == "own"
    assert assess(control, settings, "party", probe=lambda service: well).blocking[0].name == "own"


class TestIncidents(GateSuite):
    @pytest.fixture
    def gate(self) -> CustomCheck:
        from strangler import plugins

        loaded: CustomCheck = plugins.load("gates", "incidents")
        return loaded

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        return {"open": 0}

    @pytest.fixture
    def failing(self) -> Mapping[str, Any]:
        return {"open": 1}


class TestTheSuite:
    """It finds what is wrong with a gate."""

    def test_a_gate_that_passes_on_anything_is_found(self) -> None:
        def careless(evidence: Evidence, options: Mapping[str, Any]) -> GateResult:
            return GateResult("", Verdict.PASS, "1", "1", "all is well")

        with pytest.raises(AssertionError):
            GateSuite().test_options_that_it_cannot_use_never_pass(careless, GOOD)

    def test_a_gate_that_refuses_in_its_own_words_is_fine(self) -> None:
        def strict(evidence: Evidence, options: Mapping[str, Any]) -> GateResult:
            raise StranglerError("no such option")

        GateSuite().test_options_that_it_cannot_use_never_pass(strict, GOOD)
