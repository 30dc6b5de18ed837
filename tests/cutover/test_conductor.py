"""The conductor: a whole way forwards and back, what it refuses, and what it leaves on the ledger."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from strangler.changes import Position
from strangler.control import (
    backfills,
    comparisons,
    counted,
    deliveries,
    facades,
    ledger,
    quarantine,
    reconciliations,
    sources,
    standings,
    traffic,
)
from strangler.control.comparisons import Comparison
from strangler.control.counted import Sum
from strangler.control.quarantine import Held
from strangler.control.reconciliations import Status
from strangler.control.store import Control
from strangler.control.traffic import Traffic
from strangler.cutover import history, journal
from strangler.cutover.assessment import assess, probe
from strangler.cutover.conductor import Acting, Conductor, Recorder
from strangler.cutover.evidence import Health
from strangler.cutover.gates import Gate, Verdict
from strangler.cutover.history import Kind
from strangler.cutover.journal import Intent, Step
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.cutover.ways import Way, wanted
from strangler.cutover.world import Outside
from strangler.errors import Refused
from strangler.settings import Service, Settings
from tests.cutover.test_gates import function

WELL = Health(True, "well")


@pytest.fixture
def settings() -> Settings:
    erp = {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}}
    party = function(steps=[{"weight": "5%"}, {"weight": "50%"}], depends_on=[]).model_dump(by_alias=True)
    sale = function(depends_on=["party"]).model_dump(by_alias=True)
    return Settings.model_validate({"sources": erp, "functions": {"party": party, "sale": sale}})


class Outer:
    """The world outside, as a test sets it."""

    def __init__(self, control: Control) -> None:
        self.control, self.only_new, self.drift = control, 0, 0

    def __call__(self, function: str, cohort: str) -> Outside:
        return Outside(lambda: None, self.safe_position, lambda: self.drift, lambda: self.only_new)

    def safe_position(self, timeout: float) -> Position:
        return Position("7")

    def watch(self, step: Step, done: bool) -> None:
        """Delivery obeys."""
        if step is Step.CAUGHT_UP:
            deliver(self.control)


@pytest.fixture
def outer(control: Control) -> Outer:
    return Outer(control)


@pytest.fixture
def conductor(control: Control, settings: Settings, outer: Outer) -> Conductor:
    hand = Acting(control, "eva@host", 5.0, outer, outer.watch)
    return Conductor(settings, control, hand, actor="eva@host", probe=lambda service: WELL)


def deliver(control: Control, **changes: Any) -> None:
    generation = standings.generation(control)
    values = {"position": Position("7"), "generation": generation, "rows": 1, "late_writes": 0, "lag": 0.1}
    deliveries.report(control, "party", **{**values, **changes})


def evidence(control: Control) -> None:
    """Everything that the gates ask for, as of now."""
    now = time.time()
    backfills.request(control, "party", "party")
    backfills.finish(control, "party", "party", run=1)
    sources.seen(control, "erp", Position("7"), seen_at=now, committed_at=now)
    deliver(control)
    compare(control, matched=100)
    answer(control)
    reconcile(control)


def answer(control: Control) -> None:
    """Both sides answer callers and shadowed reads, quickly and well."""
    now = time.time()
    minute = int(now // 60)
    sides = (Side.LEGACY.value, Side.NEW.value)
    traffic.add(
        control, [Traffic(minute, "f", "party", EVERYONE, "read", side, 100, 0, 0, 1.0) for side in sides]
    )
    shadowed = [("latency", ("party", EVERYONE, now + 60, side, 10)) for side in sides]
    counted.record(control, {Sum(*each, "calls"): 100 for each in shadowed})
    counted.record(control, {Sum(*each, "seconds"): 0.8 for each in shadowed})


def compare(control: Control, matched: int = 0, mismatched: int = 0) -> None:
    after = int(time.time() // 60) + 1  # Any stage that is entered in this minute, or in the next moment.
    comparisons.add(control, [Comparison(after, "f", "party", EVERYONE, matched, mismatched, 0, 0)])


def reconcile(control: Control) -> None:
    run = reconciliations.start(control, "party", mode="full", job={}, at=time.time())
    reconciliations.finish(control, run, Status.CLEAN, at=time.time(), counts={"compared": 10})


def kinds(control: Control) -> list[str]:
    return [entry.kind for entry in ledger.entries(control)]


def test_the_whole_way_forwards_and_back_leaves_its_evidence(
    control: Control, conductor: Conductor, settings: Settings
) -> None:
    conductor.advance("party")
    evidence(control)
    places = []
    while standings.of(control, "party").stage is not Stage.LIVE:
        standing = conductor.advance("party")
        places.append((standing.stage.value, standing.weight, standing.owner.value))
    assert places == [
        ("shadow", 0, "legacy"),
        ("canary", 500, "legacy"),
        ("canary", 5000, "legacy"),
        ("live", 10_000, "new"),
    ]
    back = conductor.rollback("party", reason="prices are wrong")
    assert (back.stage, back.weight, back.owner, back.sync_until) == (Stage.SYNCING, 0, Side.LEGACY, None)
    assert kinds(control) == [*[Kind.ADVANCED] * 4, Kind.BEGUN, Kind.ADVANCED, Kind.BEGUN, Kind.ROLLED_BACK]
    moves = history.of(control, "party")
    assert moves[-1].reason == "prices are wrong"
    assert {move.actor for move in moves} == {"eva@host"}
    gates = ledger.entries(control)[5].body["gates"]
    assert {gate["gate"]: gate["verdict"] for gate in gates}[Gate.DRIFT] == Verdict.PASS
    assert ledger.verify(control).problem is None
    found = assess(control, settings, "party", probe=lambda service: WELL).evidence
    assert found.switched_at == history.switched(moves) == moves[-1].at


def test_a_refusal_names_every_gate_with_figure_limit_and_remedy_and_is_on_the_ledger(
    control: Control, conductor: Conductor
) -> None:
    conductor.advance("party")
    evidence(control)
    conductor.advance("party")
    quarantine.hold(control, [Held("party", "party", "[1]", Position("1"), "bad date", "{}", 1.0)])
    deliver(control, lag=9.5)
    before = standings.of(control, "party")
    with pytest.raises(
        Refused, match="party stays in shadow: 2 of 8 gates don't pass on the way to canary 5%"
    ) as raised:
        conductor.advance("party")
    assert "lag is failing" in raised.value.why
    assert "(figure 9.5 s, limit 5.0 s)" in raised.value.why
    assert "quarantine is failing" in raised.value.why
    assert "strangler quarantine list" in raised.value.do
    assert standings.of(control, "party") == before
    (refusal,) = ledger.entries(control, kind=Kind.REFUSED)
    assert {gate["gate"] for gate in refusal.body["gates"] if gate["verdict"] != "pass"} == {
        "lag",
        "quarantine",
    }


def test_invariant_7_an_inconclusive_gate_blocks_like_a_failing_one(
    control: Control, conductor: Conductor
) -> None:
    conductor.advance("party")
    with pytest.raises(Refused) as raised:
        conductor.advance("party")
    assert "freshness is inconclusive" in raised.value.why


def test_a_function_waits_for_those_that_it_depends_on(
    control: Control, conductor: Conductor, settings: Settings
) -> None:
    standing = standings.amend(control, "sale", at=1.0, stage=Stage.CANARY, weight=10_000)
    found = assess(control, settings, "sale", probe=lambda service: WELL)
    assert found.evidence.standing == standing
    assert (
        next(gate for gate in found.blocking if gate.name is Gate.DEPENDENCIES).do
        == "first take party to live"
    )


def test_a_held_function_advances_for_nobody_but_may_go_back(control: Control, conductor: Conductor) -> None:
    conductor.advance("party")
    conductor.hold("party", "period close")
    with pytest.raises(Refused, match="held in syncing") as raised:
        conductor.advance("party")
    assert raised.value.why == "period close"
    assert conductor.rollback("party").stage is Stage.LEGACY
    conductor.release("party")
    with pytest.raises(Refused, match="isn't held"):
        conductor.release("party")
    assert conductor.advance("party").stage is Stage.SYNCING
    assert [kind for kind in kinds(control) if kind not in history.MOVES] == [
        Kind.HELD,
        Kind.REFUSED,
        Kind.RELEASED,
        Kind.REFUSED,
    ]


def test_a_rollback_that_would_lose_documents_is_refused_and_on_the_ledger(
    control: Control, conductor: Conductor, outer: Outer
) -> None:
    standings.amend(control, "party", at=1.0, stage=Stage.LIVE, owner=Side.NEW, weight=10_000)
    outer.only_new = 12
    with pytest.raises(Refused, match="12 documents exist only in the new store"):
        conductor.rollback("party")
    assert standings.of(control, "party").owner is Side.NEW
    assert kinds(control) == [Kind.REFUSED]


def test_an_undone_switch_is_on_the_ledger_once(control: Control, conductor: Conductor, outer: Outer) -> None:
    standings.amend(control, "party", at=1.0, stage=Stage.CANARY, weight=5000)
    evidence(control)
    outer.drift = 2
    with pytest.raises(Refused, match="was undone"):
        conductor.advance("party")
    assert kinds(control) == [Kind.BEGUN, Kind.UNDONE]


def test_nothing_moves_while_a_switch_is_under_way(control: Control, conductor: Conductor) -> None:
    before = standings.amend(control, "party", at=1.0, stage=Stage.CANARY, weight=500)
    intent = Intent("party", "*", Stage.LIVE, 10_000, "max@host", "", [])
    journal.begin(control, intent, before, Step.FENCED, at=time.time())
    with pytest.raises(Refused, match="a switch of party to new is under way") as raised:
        conductor.rollback("party")
    assert "max@host began it" in raised.value.why
    assert standings.of(control, "party") == before


def test_shadow_counts_anew_when_it_is_entered_anew(
    control: Control, conductor: Conductor, settings: Settings
) -> None:
    conductor.advance("party")
    evidence(control)
    conductor.advance("party")
    compare(control, mismatched=1)
    with pytest.raises(Refused, match="1 of 8 gates") as raised:
        conductor.advance("party")
    assert "shadow is failing: 1 of 101 answers differed" in raised.value.why
    later = time.time() + 120
    hand = Acting(control, "eva@host", 5.0, lambda name: pytest.fail("not asked"), clock=lambda: later)
    anew = Conductor(settings, control, hand, actor="eva@host", probe=lambda service: WELL)
    anew.rollback("party")
    anew.advance("party")
    found = assess(control, settings, "party", probe=lambda service: WELL, clock=lambda: later)
    assert found.evidence.compared.matched == found.evidence.compared.mismatched == 0


def test_a_dry_run_decides_alike_says_each_step_and_leaves_no_trace(
    control: Control, settings: Settings, outer: Outer
) -> None:
    standings.amend(control, "party", at=1.0, stage=Stage.CANARY, weight=5000)
    recorder = Recorder(outer)
    dry = Conductor(settings, control, recorder, actor="eva@host", probe=lambda service: WELL)
    with pytest.raises(Refused):
        dry.advance("party")
    evidence(control)
    before = standings.snapshot(control)
    assert dry.advance("party").owner is Side.NEW
    assert dry.rollback("party").stage is Stage.SHADOW
    steps = [action.does for action in wanted(Way.TO_NEW, outer("party", EVERYONE))]
    assert recorder.acts == [
        "party would go from canary 50% to live; new would become the owner, with writes fenced for a moment",
        *(f"{number:>3}. {does}" for number, does in enumerate(steps, 1)),
        "party would go from canary 50% to shadow; legacy stays the owner",
    ]
    assert standings.snapshot(control) == before
    assert ledger.entries(control) == []


def test_a_decision_on_evidence_that_somebody_overtook_is_refused(
    control: Control, settings: Settings, outer: Outer
) -> None:
    def overtaken(service: Service) -> Health:
        standings.amend(control, "party", at=2.0, hold="period close")
        return WELL

    standings.amend(control, "party", at=1.0, stage=Stage.CANARY, weight=500)
    evidence(control)
    hand = Acting(control, "eva@host", 5.0, outer, outer.watch)
    late = Conductor(settings, control, hand, actor="eva@host", probe=overtaken)
    with pytest.raises(Refused, match="changed by somebody else"):
        late.advance("party")
    assert standings.of(control, "party").weight == 500


def test_a_service_that_is_not_there_is_unwell_in_words() -> None:
    health = probe(Service(url="http://127.0.0.1:1", health="/healthz"))
    assert not health.well
    assert "doesn't answer at http://127.0.0.1:1/healthz" in health.words
    assert not probe(Service(url="nonsense", health="/healthz")).well


def test_the_move_waits_for_no_facade_when_the_owner_stays(control: Control, conductor: Conductor) -> None:
    facades.seen(control, "slow", generation=0, address="http://slow", at=time.time() + 60)
    assert replace(conductor.advance("party"), since=0.0, generation=0).stage is Stage.SYNCING
