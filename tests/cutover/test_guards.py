"""Guards: what is a breach, when it has lasted, what is done about it, and that one worker at a time does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from strangler.control import guards as watches
from strangler.control import ledger, schedules, standings, traffic
from strangler.control.store import Control
from strangler.control.traffic import Traffic
from strangler.cutover import guards
from strangler.cutover.conductor import Acting
from strangler.cutover.evidence import Health
from strangler.cutover.gates import GateResult, Verdict
from strangler.cutover.guarding import KEY, LOOK_EVERY, Guarding
from strangler.cutover.history import Kind
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.cutover.switch import Outside
from strangler.errors import Unavailable
from strangler.settings import Guard, Settings
from tests.cutover.estate import position
from tests.cutover.test_gates import GOOD, MINUTE, NOW, STOCK, Calls, function

FAILED = GateResult("errors", Verdict.FAIL, "30.00% of 100", "1.00%", "30 of 100 calls failed")
UNKNOWN = replace(FAILED, verdict=Verdict.INCONCLUSIVE)


def guard(**changes: Any) -> Guard:
    return Guard.model_validate({"gate": "errors", "for": "1m", "then": "hold"} | changes)


def after(*looks: tuple[float, GateResult], each: Guard) -> watches.Watch:
    """The guard after looks at these seconds."""
    seen = None
    for at, result in looks:
        seen = guards.watch(each, seen, result, replace(GOOD, now=NOW + at))
    assert seen is not None
    return seen


def test_a_breach_is_due_when_it_has_lasted() -> None:
    looks = [(second, FAILED) for second in range(0, 65, 5)]
    assert not guards.is_due(guard(), after(*looks[:12], each=guard()))
    assert guards.is_due(guard(), after(*looks, each=guard()))


def test_what_cannot_be_told_ends_a_breach_and_begins_none() -> None:
    seen = after((0, FAILED), (30, UNKNOWN), (35, FAILED), (65, FAILED), each=guard())
    assert (seen.breached_at, guards.is_due(guard(), seen)) == (NOW + 35, False)
    assert after((0, UNKNOWN), (100, UNKNOWN), each=guard()).breached_at is None


def test_a_breach_that_nobody_watched_begins_anew() -> None:
    assert after((0, FAILED), (3600, FAILED), each=guard()).breached_at == NOW + 3600


def test_after_each_act_it_waits_twice_as_long() -> None:
    seen = after((0, FAILED), (60, FAILED), each=guard())
    acted = guards.has_acted(seen, "held", NOW + 60)
    pauses = []
    for _ in range(8):
        pause = next(
            second
            for second in range(0, 5000, 10)
            if guards.is_due(guard(), replace(acted, looked_at=(acted.acted_at or 0) + second))
        )
        pauses.append(pause)
        acted = guards.has_acted(acted, "held", NOW)
    assert pauses == [120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_guard_of_errors_looks_at_the_calls_of_its_own_time_only() -> None:
    over = {
        (MINUTE - 30, "read", "new"): Calls(100, 100, 0, 1.0),
        (MINUTE, "read", "new"): Calls(25, 0, 0, 1.0),
    }
    found = replace(GOOD, traffic=over, standing=replace(GOOD.standing, since=0.0))
    assert guards.look(guard(), function(), found).verdict is Verdict.PASS
    assert guards.look(guard(min_calls=26), function(), found).verdict is Verdict.INCONCLUSIVE
    assert guards.look(guard(**{"for": "40m"}), function(), found).verdict is Verdict.FAIL


def test_of_several_results_the_worst_counts() -> None:
    balanced = function(balances={name: {"of": "party"} for name in ("stock", "open_items")})
    found = replace(GOOD, balances=[STOCK])
    assert guards.look(guard(gate="balances"), balanced, found).verdict is Verdict.INCONCLUSIVE
    found = replace(GOOD, balances=[replace(STOCK, different=1)])
    assert guards.look(guard(gate="balances"), balanced, found).verdict is Verdict.FAIL


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def settings(*those: dict[str, Any]) -> Settings:
    party = function(depends_on=[], **({"guards": list(those)} if those else {}))
    return Settings.model_validate(
        {
            "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
            "functions": {"party": party.model_dump(by_alias=True)},
        }
    )


Start = Callable[..., Guarding]


@pytest.fixture
def guarding(control: Control, clock: Clock) -> Start:
    def start(*those: dict[str, Any], only_new: Callable[[], int] = lambda: 0) -> Guarding:
        outside = Outside(lambda: None, lambda timeout: position(1), lambda: 0, only_new)
        hand = Acting(control, "guard", 5.0, lambda name, cohort: outside, clock=clock)
        return Guarding(
            settings(*those), control, hand=hand, probe=lambda service: Health(True, "well"), clock=clock
        )

    return start


def calls(control: Control, clock: Clock, errors: int, cohort: str = EVERYONE) -> None:
    minute = int(clock.now // 60)
    traffic.add(control, [Traffic(minute, "f", "party", cohort, "read", "new", 10, errors, 0, 0.1)])


def go_on(
    it: Guarding, control: Control, clock: Clock, seconds: float, errors: int, cohort: str = EVERYONE
) -> None:
    """Time passes, with calls of a cohort of which some fail."""
    until = clock.now + seconds
    while clock.now < until:
        calls(control, clock, errors, cohort)
        it.look()
        clock.now += LOOK_EVERY


def stand(control: Control, stage: Stage, owner: Side, weight: int) -> None:
    standings.amend(control, "party", at=NOW - 600, stage=stage, owner=owner, weight=weight)


def test_the_usual_guards_hold_a_canary_that_fails_with_the_figures_on_the_ledger(
    control: Control, clock: Clock, guarding: Start
) -> None:
    stand(control, Stage.CANARY, Side.LEGACY, 500)
    it = guarding()
    go_on(it, control, clock, 300, errors=0)
    assert standings.of(control, "party").hold is None
    go_on(it, control, clock, 110, errors=5)
    assert standings.of(control, "party").hold is None
    go_on(it, control, clock, 60, errors=5)
    held = standings.of(control, "party")
    assert held.hold is not None
    assert held.hold.startswith("guard errors, then hold: ")
    assert held.stage is Stage.CANARY
    (entry,) = ledger.entries(control, kind=Kind.HELD)
    assert entry.actor == "guard"
    (told,) = entry.body["gates"]
    assert (told["gate"], told["verdict"], told["limit"]) == ("errors", "fail", "1.00%")
    errors = next(each for each in watches.of_function(control, "party") if each.gate == "errors")
    assert (errors.act, errors.tries) == ("held", 1)


def test_a_canary_goes_back_to_shadow(control: Control, clock: Clock, guarding: Start) -> None:
    stand(control, Stage.CANARY, Side.LEGACY, 500)
    go_on(guarding({"gate": "errors", "for": "1m", "then": "rollback"}), control, clock, 120, errors=5)
    assert standings.of(control, "party").stage is Stage.SHADOW
    (entry,) = ledger.entries(control, kind=Kind.ROLLED_BACK)
    assert "calls failed at the new service" in entry.body["reason"]
    assert entry.body["gates"][0]["verdict"] == "fail"
    assert watches.of_function(control, "party") == []


def refuse() -> int:
    raise Unavailable("the legacy database doesn't answer")


@pytest.mark.parametrize(
    ("only_new", "why"), [(lambda: 3, "3 documents exist only in the new store"), (refuse, "doesn't answer")]
)
def test_from_live_it_holds_and_says_so_where_something_would_be_lost(
    control: Control, clock: Clock, guarding: Start, only_new: Callable[[], int], why: str
) -> None:
    stand(control, Stage.LIVE, Side.NEW, 10_000)
    it = guarding({"gate": "errors", "for": "1m", "then": "rollback"}, only_new=only_new)
    go_on(it, control, clock, 100, errors=5)
    live = standings.of(control, "party")
    assert (live.stage, live.owner, live.fenced) == (Stage.LIVE, Side.NEW, False)
    assert live.hold is not None
    assert why in live.hold
    (errors,) = watches.of_function(control, "party")
    assert errors.act.startswith("held; it could not be rolled back: ")
    assert len(ledger.entries(control, kind=Kind.HELD)) == 1


@pytest.mark.parametrize(("failing", "well"), [("2000", EVERYONE), (EVERYONE, "2000")])
def test_a_cohort_that_moves_on_its_own_is_guarded_by_its_own_calls(
    control: Control, clock: Clock, guarding: Start, failing: str, well: str
) -> None:
    for cohort in (EVERYONE, "2000"):
        standings.amend(control, "party", cohort, at=NOW - 600, stage=Stage.CANARY, weight=500)
    it = guarding({"gate": "errors", "for": "1m", "then": "hold"})
    go_on(it, control, clock, 120, errors=5, cohort=failing)
    assert standings.of(control, "party", failing).hold is not None
    assert standings.of(control, "party", well).hold is None
    seen = {each.cohort: each.verdict for each in watches.of_function(control, "party")}
    assert seen == {failing: Verdict.FAIL, well: Verdict.INCONCLUSIVE}, "no call was made of the other"


def test_where_no_guard_is_named_nobody_acts(control: Control, clock: Clock, guarding: Start) -> None:
    stand(control, Stage.LIVE, Side.NEW, 10_000)
    go_on(guarding(), control, clock, 300, errors=9)
    assert standings.of(control, "party").hold is None
    assert function(guards=[]).guards == []


def test_one_worker_guards_and_another_takes_over_when_it_is_gone(
    control: Control, clock: Clock, guarding: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = guarding(), guarding()
    monkeypatch.setattr("strangler.control.turns.myself", lambda: "elsewhere:1")
    monkeypatch.setattr("strangler.control.schedules.myself", lambda: "elsewhere:1")
    assert one._turn.is_mine()
    monkeypatch.setattr("strangler.control.turns.myself", lambda: "here:2")
    monkeypatch.setattr("strangler.control.schedules.myself", lambda: "here:2")
    assert not other._turn.is_mine()
    clock.now += 60
    assert other._turn.is_mine()
    assert schedules.known(control)[KEY].holder == "here:2"


def test_of_two_guards_only_one_acts_on_what_both_saw(
    control: Control, clock: Clock, guarding: Start
) -> None:
    stand(control, Stage.CANARY, Side.LEGACY, 500)
    those = [{"gate": "errors", "for": "1m", "then": then} for then in ("rollback", "hold")]
    go_on(guarding(*those), control, clock, 120, errors=5)
    after = standings.of(control, "party")
    assert (after.stage, after.hold) == (Stage.SHADOW, None)


def test_a_guard_does_nothing_to_what_somebody_moved_while_it_looked(
    control: Control, clock: Clock, guarding: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand(control, Stage.LIVE, Side.NEW, 10_000)
    moved, is_due = [], guards.is_due

    def meanwhile(each: Guard, watch: watches.Watch) -> bool:
        if (due := is_due(each, watch)) and not moved:
            moved.append(standings.amend(control, "party", at=NOW, stage=Stage.CANARY, owner=Side.LEGACY))
        return due

    monkeypatch.setattr(guards, "is_due", meanwhile)
    rollback = {"gate": "errors", "for": "1m", "then": "rollback", "stages": ["live"]}
    go_on(guarding(rollback), control, clock, 120, errors=5)
    assert moved == [standings.of(control, "party")]


def test_the_reason_of_a_hold_stays_where_a_rollback_is_not_possible(
    control: Control, clock: Clock, guarding: Start
) -> None:
    stand(control, Stage.LIVE, Side.NEW, 10_000)
    standings.amend(control, "party", at=NOW, hold="the auditors are here")
    it = guarding({"gate": "errors", "for": "1m", "then": "rollback"}, only_new=refuse)
    go_on(it, control, clock, 100, errors=5)
    assert standings.of(control, "party").hold == "the auditors are here"
    (errors,) = watches.of_function(control, "party")
    assert errors.act.startswith("held already; it could not be rolled back: ")
