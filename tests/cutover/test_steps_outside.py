"""What a switch does outside of the control store: undone in reverse when it fails, put off when a database is away, left by one
who slept; and the retirement, which has no way back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from strangler.control import facades, ledger, standings
from strangler.control.store import Control
from strangler.cutover import journal
from strangler.cutover.conductor import Recorder
from strangler.cutover.foretelling import foretell
from strangler.cutover.history import Kind
from strangler.cutover.journal import Intent, Step
from strangler.cutover.recovery import recover
from strangler.cutover.stages import Side, Stage, Standing
from strangler.cutover.switch import Switch, Undone
from strangler.cutover.world import Act, Outside
from strangler.errors import Refused, Unavailable
from tests.cutover.estate import Estate, Facade
from tests.cutover.test_switch import LIMIT, assert_untouched, intent, living, standing_at


@dataclass
class World:
    """An estate whose legacy can refuse writes itself, and which keeps what new writes. `away`: legacy doesn't answer."""

    estate: Estate
    fenced: bool = False
    returning: bool = False
    away: bool = False
    acts: list[str] = field(default_factory=list)
    drift: int = 0
    still_to_come: str = ""

    def outside(self) -> Outside:
        return replace(
            self.estate.outside(),
            drift=lambda: self.drift,
            fence_legacy=lambda: self._legacy(True),
            lift_legacy=lambda: self._legacy(False),
            open_return=lambda: self._return(True),
            close_return=lambda: self._return(False),
            returned=lambda: self.still_to_come,
        )

    def reach(self, function: str, cohort: str) -> Outside:
        return self.outside()

    def _legacy(self, fenced: bool) -> None:
        if self.away:
            raise Unavailable("legacy doesn't answer")
        self.fenced = fenced
        self.acts.append("fence" if fenced else "lift")

    def _return(self, returning: bool) -> None:
        self.returning = returning
        self.acts.append("open" if returning else "close")


@pytest.fixture
def world(control: Control) -> World:
    made = Estate(control)
    made.facades = [Facade(control, "a")]
    return World(made)


def test_forwards_legacy_refuses_before_the_position_is_read_and_back_it_takes_writes_again(
    control: Control, world: World
) -> None:
    before, fenced_at = standing_at(control, Stage.CANARY), []
    outside = world.outside()

    def safe_position(timeout: float) -> str:
        fenced_at.append(world.fenced)
        return outside.safe_position(timeout)

    with living(world.estate):
        seen = replace(outside, safe_position=safe_position)  # type: ignore[arg-type]
        live = Switch(control, seen, LIMIT).run(intent(Stage.LIVE), before)
        assert fenced_at == [True]  # Invariant 5
        assert (world.fenced, world.returning) == (True, True)
        back = Switch(control, outside, LIMIT).run(intent(Stage.SYNCING), live)
    assert (back.owner, world.fenced, world.returning) == (Side.LEGACY, False, False)
    assert world.acts == ["fence", "open", "lift", "close"]


def test_a_legacy_that_cannot_be_fenced_as_configured_is_refused_before_anybody_waits(
    control: Control, world: World
) -> None:
    before, why = standing_at(control, Stage.CANARY), "a trigger sees one row of one table"

    def statements() -> list[str]:
        raise Refused("party can't be fenced in the legacy database", why=why, do="leave `fence` out")

    outside = replace(world.outside(), statements=statements)
    with pytest.raises(Refused, match="to new isn't begun: party can't be fenced") as raised:
        Switch(control, outside, LIMIT).run(intent(Stage.LIVE), before)
    assert (raised.value.why, raised.value.do) == (why, "leave `fence` out")
    assert (ledger.entries(control), world.acts) == ([], [])
    with pytest.raises(Refused, match="party can't be fenced"):
        Recorder(lambda function, cohort: outside).switch(intent(Stage.LIVE), before)
    (told,) = [each for each in foretell(Stage.LIVE, outside) if each.step is Step.LEGACY_FENCED]
    assert told.untold == f"party can't be fenced in the legacy database: {why}"


def test_a_dry_run_of_going_back_is_refused_too_by_what_somebody_has_to_decide_first(
    control: Control, world: World
) -> None:
    def held() -> None:
        raise Refused("1 change of party is held", do="strangler conflicts list party")

    before = standing_at(control, Stage.LIVE)
    with pytest.raises(Refused, match="is held"):
        Recorder(lambda function, cohort: replace(world.outside(), refuse_stuck=held)).switch(
            intent(Stage.SYNCING), before
        )


def test_a_failure_takes_back_what_was_done_outside_and_no_more(control: Control, world: World) -> None:
    before, world.drift = standing_at(control, Stage.CANARY), 3
    with living(world.estate), pytest.raises(Undone):
        Switch(control, world.outside(), LIMIT).run(intent(Stage.LIVE), before)
    assert world.acts == ["fence", "lift"]
    assert_untouched(control, before)


@pytest.mark.parametrize("drift", [0, 3])
def test_what_was_kept_open_for_the_switch_is_closed_when_all_is_done_or_undone(
    control: Control, world: World, drift: int
) -> None:
    before, world.drift = standing_at(control, Stage.CANARY), drift
    outside = replace(world.outside(), close=lambda: world.acts.append("close all"))
    with living(world.estate), suppress(Undone):
        Switch(control, outside, LIMIT).run(intent(Stage.LIVE), before)
    assert world.acts == ["fence", "lift" if drift else "open", "close all"]


def test_before_the_fence_in_legacy_nothing_is_asked_of_it(control: Control, world: World) -> None:
    before, world.away = standing_at(control, Stage.CANARY), True
    facades.seen(control, "stuck", generation=before.generation, address="x", at=time.time() + 60)

    def die(step: Step, done: bool) -> None:
        if step is Step.FENCED and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Switch(control, world.outside(), 0.2, watch=die).run(intent(Stage.LIVE), before)
    assert_untouched(control, before)


def test_while_legacy_is_away_a_failed_switch_stays_fenced_and_is_undone_when_it_is_back(
    control: Control, world: World
) -> None:
    """Else the facades would let writes through that legacy refuses."""
    before = standing_at(control, Stage.CANARY)

    def go_away() -> int:
        world.away = True
        raise Unavailable("legacy doesn't answer")

    outside = replace(world.outside(), drift=go_away)
    with living(world.estate), pytest.raises(Unavailable, match="couldn't be undone yet") as raised:
        Switch(control, outside, LIMIT).run(intent(Stage.LIVE), before)
    assert "until then writes are refused" in raised.value.do
    standing = standings.of(control, "party")
    assert (standing.owner, standing.fenced, world.fenced) == (Side.LEGACY, True, True)

    later = time.time()
    for _ in range(2):
        later += 60
        words = recover(control, world.reach, actor="worker", clock=lambda at=later: at)  # type: ignore[misc]
        assert words == ["the interrupted switch of party to new can't be undone yet: legacy doesn't answer"]
        assert recover(control, world.reach, actor="worker", clock=lambda at=later: at) == [], "not at once"  # type: ignore[misc]
    world.away = False
    later += 60
    words = recover(control, world.reach, actor="worker", clock=lambda: later)
    assert words == ["the interrupted switch of party to new was undone"]
    assert not world.fenced
    assert_untouched(control, before)


def test_while_legacy_is_away_a_decided_way_back_stays_fenced_and_is_finished_when_it_is_back(
    control: Control, world: World
) -> None:
    live = standing_at(control, Stage.LIVE)
    world.fenced = world.away = True
    with living(world.estate), pytest.raises(Unavailable, match="is decided, but couldn't be finished yet"):
        Switch(control, world.outside(), 3.0).run(intent(Stage.SYNCING), live)
    now = standings.of(control, "party")
    assert (now.owner, now.fenced, world.fenced) == (Side.LEGACY, True, True)
    world.away = False
    words = recover(control, world.reach, actor="worker", clock=lambda: time.time() + 60)
    assert words == ["the interrupted switch of party to legacy was finished"]
    assert (standings.of(control, "party").fenced, world.fenced) == (False, False)


def test_one_who_slept_before_it_fenced_legacy_leaves_that(control: Control, world: World) -> None:
    """Somebody else had undone the switch meanwhile: legacy owns the function, and has to take writes."""
    before, outside = standing_at(control, Stage.CANARY), world.outside()

    def sleep(sure: Act, act: Callable[[], object]) -> None:
        recover(control, world.reach, actor="worker", clock=lambda: time.time() + 60)
        outside.alone(sure, act)

    with living(world.estate), pytest.raises(journal.Taken):
        Switch(control, replace(outside, alone=sleep), LIMIT).run(intent(Stage.LIVE), before)
    assert not world.fenced
    assert_untouched(control, before)


def test_invariants_4_to_6_one_who_slept_while_it_undid_leaves_the_fence_of_a_newer_switch(
    control: Control, world: World
) -> None:
    before = standing_at(control, Stage.CANARY)
    fenced, awake, newer_at = threading.Event(), threading.Event(), list[Standing]()

    def refuse(step: Step, done: bool) -> None:
        if (step, done) == (Step.DECIDED, False):
            raise Refused("no")

    def wait(step: Step, done: bool) -> None:
        if (step, done) == (Step.LIMITED, False):
            fenced.set()
            assert awake.wait(10)

    def begin_anew() -> None:
        newer = Switch(control, world.outside(), LIMIT, watch=wait)
        newer_at.append(newer.run(intent(Stage.LIVE), standings.of(control, "party")))

    thread = threading.Thread(target=begin_anew)

    def sleep() -> None:
        """In the first of two things that it takes back."""
        recover(control, world.reach, actor="worker", clock=lambda: time.time() + 60)
        thread.start()
        assert fenced.wait(10)

    asleep = replace(world.outside(), close_return=sleep)
    with living(world.estate):
        with pytest.raises(journal.Taken):
            Switch(control, asleep, LIMIT, watch=refuse).run(intent(Stage.LIVE), before)
        assert world.fenced, "it is the newer one's"
        awake.set()
        thread.join(20)
    assert [each.owner for each in newer_at] == [Side.NEW]
    assert world.acts == ["fence", "open", "close", "lift", "fence", "open"]


def test_a_way_back_waits_for_what_is_still_to_come_and_says_what_that_is(
    control: Control, world: World
) -> None:
    live = standing_at(control, Stage.LIVE)
    world.still_to_come = "3 rows wait in the outbox"
    with living(world.estate), pytest.raises(Undone) as raised:
        Switch(control, world.outside(), 2.0).run(intent(Stage.SYNCING), live)
    assert "3 rows wait in the outbox" in raised.value.why
    assert_untouched(control, live)


def retirement() -> Intent:
    return Intent("party", "*", Stage.RETIRED, 10_000, "eva@host", "done", [])


def test_a_retirement_closes_the_way_back_and_lets_nobody_wait(control: Control, world: World) -> None:
    seen: list[bool] = []

    def watch(step: Step, done: bool) -> None:
        seen.append(standings.of(control, "party").fenced)

    live = standing_at(control, Stage.LIVE)
    retired = Switch(control, world.outside(), LIMIT, watch=watch).run(retirement(), live)
    assert (retired.stage, retired.owner) == (Stage.RETIRED, Side.NEW)
    assert world.acts == ["close"]
    assert not any(seen)
    kinds = [entry.kind for entry in ledger.entries(control)]
    assert kinds == [Kind.BEGUN, Kind.ARCHIVED, Kind.ADVANCED]


def test_a_retirement_waits_until_legacy_has_everything(control: Control, world: World) -> None:
    live, world.still_to_come = standing_at(control, Stage.LIVE), "1 row waits in the outbox"
    with pytest.raises(Undone, match="retirement of party was undone"):
        Switch(control, world.outside(), 2.0).run(retirement(), live)
    assert_untouched(control, live)


def test_a_legacy_that_is_away_keeps_a_decided_retirement_open_until_it_is_switched_off(
    control: Control, world: World
) -> None:
    switched_off: list[str] = []

    def deactivate() -> None:
        if world.away:
            raise Unavailable("legacy doesn't answer")
        switched_off.append("off")

    def deactivation() -> list[str]:
        raise Unavailable("legacy doesn't answer")

    live, world.away = standing_at(control, Stage.LIVE), True
    outside = replace(world.outside(), deactivate=deactivate, deactivation=deactivation)
    with pytest.raises(Unavailable, match="the retirement of party is decided, but couldn't be finished yet"):
        Switch(control, outside, 2.0).run(retirement(), live)
    assert standings.of(control, "party").stage is Stage.RETIRED
    world.away = False
    words = recover(control, lambda *of: outside, actor="worker", clock=lambda: time.time() + 60)
    assert words == ["the interrupted retirement of party was finished"]
    assert switched_off == ["off"]


def test_a_retirement_that_could_never_be_finished_is_not_begun(control: Control, world: World) -> None:
    def deactivation() -> list[str]:
        raise Refused("a role writes by another one", why="it is a member", do="name that role")

    live = standing_at(control, Stage.LIVE)
    outside = replace(world.outside(), deactivation=deactivation)
    with pytest.raises(Refused, match=r"party isn't retired.*a role writes by another one") as raised:
        Switch(control, outside, LIMIT).run(retirement(), live)
    assert (raised.value.why, raised.value.do) == ("it is a member", "name that role")
    assert standings.of(control, "party") == live
    assert ledger.entries(control) == []


def test_invariant_4_a_function_that_went_back_meanwhile_is_not_retired(
    control: Control, world: World
) -> None:
    live = standing_at(control, Stage.LIVE)
    back = standings.amend(control, "party", at=2.0, stage=Stage.SYNCING, owner=Side.LEGACY)
    with pytest.raises(Refused, match="was changed by somebody else"):
        Switch(control, world.outside(), LIMIT).run(retirement(), live)
    assert standings.of(control, "party") == back
    assert journal.unfinished(control) == []
