"""The switch of owners: its order, its time limit, and what it refuses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from strangler.changes import Position
from strangler.control import deliveries, facades, ledger, standings
from strangler.control.store import Control
from strangler.cutover import history, journal
from strangler.cutover.history import Kind
from strangler.cutover.journal import Intent, Step
from strangler.cutover.recovery import Watch, recover
from strangler.cutover.stages import RULES, Side, Stage, Standing, at_the_start
from strangler.cutover.switch import Switch, Undone
from strangler.errors import Refused, Unavailable
from tests.cutover.estate import Estate, Facade, position

LIMIT = 20.0
REACHED = 2.0
"""A time limit that is to be reached, with time enough for the steps before."""


def standing_at(control: Control, stage: Stage) -> Standing:
    after = replace(at_the_start("party"), stage=stage, owner=RULES[stage].owner, weight=500)
    return standings.change(control, at_the_start("party"), after, at=1.0)


def intent(stage: Stage) -> Intent:
    return Intent("party", "*", stage, 10_000 if stage is Stage.LIVE else 0, "eva@host", "because", [])


@contextmanager
def living(estate: Estate) -> Iterator[None]:
    """The estate goes on by itself, as processes do."""
    ended, failures = threading.Event(), []

    def live() -> None:
        while not ended.wait(0.01):
            try:
                estate.turn()
            except Exception as error:  # noqa: BLE001  # shown to the test below
                failures.append(error)
                return

    thread = threading.Thread(target=live)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert failures == []


@pytest.fixture
def estate(control: Control) -> Estate:
    made = Estate(control)
    made.facades = [Facade(control, "a"), Facade(control, "b")]
    return made


def test_from_canary_to_live_and_back_everything_moves_at_once(control: Control, estate: Estate) -> None:
    before = standing_at(control, Stage.CANARY)
    estate.turn()
    estate.write(estate.facades[0], "k", 1)
    with living(estate):
        live = Switch(control, estate.outside(), LIMIT).run(intent(Stage.LIVE), before)
    assert (live.stage, live.owner, live.weight, live.fenced) == (Stage.LIVE, Side.NEW, 10_000, False)
    assert live.sync_until == position(1)
    assert estate.store == {"k": 1}
    with living(estate):
        back = Switch(control, estate.outside(), LIMIT).run(intent(Stage.SYNCING), live)
    assert (back.stage, back.owner, back.weight, back.fenced) == (Stage.SYNCING, Side.LEGACY, 0, False)
    assert back.sync_until is None
    assert [(move.before, move.after) for move in history.of(control, "party")] == [
        (Stage.CANARY, Stage.LIVE),
        (Stage.LIVE, Stage.SYNCING),
    ]
    assert ledger.verify(control).problem is None


def test_invariant_5_the_position_is_read_after_the_last_possible_legacy_write(
    control: Control, estate: Estate
) -> None:
    """Facade `b` is slow to learn of the fence: what it still lets through must be in the store before the switch."""
    before = standing_at(control, Stage.CANARY)
    estate.turn()
    slow = estate.facades[1]
    estate.facades = estate.facades[:1]
    outside, read_at = estate.outside(), []

    def safe_position(timeout: float) -> Position:
        read_at.append({f.id: f.generation for f in facades.live(control, now=time.time())})
        return outside.safe_position(timeout)

    def while_it_waits(step: Step, done: bool) -> None:
        if step is Step.ACKNOWLEDGED and not done:
            assert not estate.write(Facade(control, "c", standings.snapshot(control)), "k", 0)
            threading.Thread(target=late_writer).start()

    def late_writer() -> None:
        assert estate.write(slow, "k", 7)
        estate.facades.append(slow)

    with living(estate):
        switch = Switch(control, replace(outside, safe_position=safe_position), LIMIT, watch=while_it_waits)
        live = switch.run(intent(Stage.LIVE), before)
    fence = before.generation + 1
    assert [min(generations.values()) >= fence for generations in read_at] == [True]
    assert live.sync_until == position(1)
    assert estate.store == {"k": 7}


def test_invariant_4_a_legacy_write_behind_the_switch_is_not_applied(
    control: Control, estate: Estate
) -> None:
    before = standing_at(control, Stage.CANARY)
    with living(estate):
        live = Switch(control, estate.outside(), LIMIT).run(intent(Stage.LIVE), before)
    estate.log.append(("late", 1))
    estate.deliver()
    assert live.sync_until == position(0)
    assert estate.store == {}


def test_a_facade_that_never_acknowledges_makes_the_switch_undo_itself(
    control: Control, estate: Estate
) -> None:
    before = standing_at(control, Stage.CANARY)
    facades.seen(control, "stuck", generation=before.generation, address="http://stuck", at=time.time() + 60)
    with living(estate), pytest.raises(Undone) as raised:
        Switch(control, estate.outside(), REACHED).run(intent(Stage.LIVE), before)
    assert "stuck at http://stuck" in raised.value.why
    assert_untouched(control, before)


def test_a_facade_that_is_gone_is_not_waited_for(control: Control, estate: Estate) -> None:
    before = standing_at(control, Stage.CANARY)
    at = time.time() - facades.GONE_AFTER + 4
    facades.seen(control, "gone", generation=before.generation, address="http://gone", at=at)
    with living(estate):
        assert Switch(control, estate.outside(), LIMIT).run(intent(Stage.LIVE), before).owner is Side.NEW


def test_delivery_that_does_not_arrive_makes_the_switch_undo_itself(control: Control, estate: Estate) -> None:
    before = standing_at(control, Stage.CANARY)
    deliveries.report(control, "party", position=position(0), generation=99, rows=0, late_writes=0, lag=0.0)
    estate.legacy, estate.log, estate.facades = {"k": 1}, [("k", 1)], []
    with pytest.raises(Undone, match="legacy owns it as before") as raised:
        Switch(control, estate.outside(), REACHED).run(intent(Stage.LIVE), before)
    assert "delivery is at 00000000 and must reach 00000001" in raised.value.why
    assert_untouched(control, before)


def test_drift_at_the_last_moment_makes_the_switch_undo_itself(control: Control, estate: Estate) -> None:
    before = standing_at(control, Stage.CANARY)
    with living(estate), pytest.raises(Undone) as raised:
        Switch(control, replace(estate.outside(), drift=lambda: 3), LIMIT).run(intent(Stage.LIVE), before)
    assert "3 of the keys that changed last differ" in raised.value.why
    assert raised.value.do == "strangler reconcile run party"
    assert_untouched(control, before)


def test_a_source_that_does_not_answer_makes_the_switch_undo_itself(control: Control, estate: Estate) -> None:
    def safe_position(timeout: float) -> Position:
        raise Unavailable("the source doesn't answer", why="transaction 7 is open", do="end it")

    before = standing_at(control, Stage.CANARY)
    outside = replace(estate.outside(), safe_position=safe_position)
    with living(estate), pytest.raises(Undone) as raised:
        Switch(control, outside, LIMIT).run(intent(Stage.LIVE), before)
    assert "transaction 7 is open" in raised.value.why
    assert_untouched(control, before)
    assert ledger.entries(control, kind=Kind.UNDONE)[0].body["why"] == "the source doesn't answer"


def test_ctrl_c_before_the_decision_undoes_the_switch(control: Control, estate: Estate) -> None:
    def drift() -> int:
        raise KeyboardInterrupt

    before = standing_at(control, Stage.CANARY)
    with living(estate), pytest.raises(KeyboardInterrupt):
        Switch(control, replace(estate.outside(), drift=drift), LIMIT).run(intent(Stage.LIVE), before)
    assert_untouched(control, before)


def test_when_the_way_back_is_not_ready_nothing_is_begun(control: Control, estate: Estate) -> None:
    def way_back() -> None:
        raise Unavailable("the store doesn't answer")

    before = standing_at(control, Stage.CANARY)
    with pytest.raises(Unavailable):
        Switch(control, replace(estate.outside(), way_back=way_back), LIMIT).run(intent(Stage.LIVE), before)
    assert standings.of(control, "party") == before
    assert ledger.entries(control) == []


def test_a_rollback_that_would_lose_documents_is_refused_with_their_count(
    control: Control, estate: Estate
) -> None:
    live = standing_at(control, Stage.LIVE)
    estate.store = {"a": 1, "b": 2, "c": 3}
    estate.legacy = {"a": 1, "b": 9}
    with pytest.raises(Refused, match="2 documents exist only in the new store or differ there") as raised:
        Switch(control, estate.outside(), LIMIT).run(intent(Stage.SYNCING), live)
    assert "strangler reconcile run party" in raised.value.do
    assert standings.of(control, "party") == live


def test_a_document_written_while_the_rollback_begins_undoes_it(control: Control, estate: Estate) -> None:
    live = standing_at(control, Stage.LIVE)
    estate.turn()
    facade = estate.facades[0]

    def write(step: Step, done: bool) -> None:
        if step is Step.FENCED and done:
            facade.known = standings.Snapshot(0, (live,))
            assert estate.write(facade, "k", 1)

    with living(estate), pytest.raises(Undone, match="new owns it as before") as raised:
        Switch(control, estate.outside(), LIMIT, watch=write).run(intent(Stage.SYNCING), live)
    assert "1 document exists only in the new store" in raised.value.why
    assert_untouched(control, live)


@pytest.mark.parametrize(
    ("step", "done"), [(Step.FENCED, True), (Step.LIMITED, False), (Step.LIMITED, True), (Step.CHECKED, True)]
)
def test_who_is_interrupted_before_the_decision_has_it_undone_and_says_so(
    control: Control, estate: Estate, step: Step, done: bool
) -> None:
    """Also between a step's commit and our hearing of it."""
    before = standing_at(control, Stage.CANARY)
    with living(estate), pytest.raises(KeyboardInterrupt) as raised:
        Switch(control, estate.outside(), LIMIT, watch=_interrupting(step, done)).run(
            intent(Stage.LIVE), before
        )
    assert raised.value.__notes__ == ["the switch of party to new was undone; legacy owns it as before"]
    assert_untouched(control, before)
    assert _last(control, Kind.UNDONE).body["why"] == "it was interrupted"


@pytest.mark.parametrize(
    ("step", "done"), [(Step.DECIDED, True), (Step.SWITCHED, False), (Step.SWITCHED, True)]
)
def test_invariant_6_who_is_interrupted_behind_the_decision_says_who_finishes_it(
    control: Control, estate: Estate, step: Step, done: bool
) -> None:
    before = standing_at(control, Stage.CANARY)
    with living(estate):
        with pytest.raises(KeyboardInterrupt) as raised:
            Switch(control, estate.outside(), LIMIT, watch=_interrupting(step, done)).run(
                intent(Stage.LIVE), before
            )
        assert raised.value.__notes__ == [
            "the switch of party to new is decided, but wasn't finished: the worker, or the next command, finishes it, and until then "
            "writes are refused; watch `strangler status`"
        ]
        assert standings.of(control, "party").fenced
        words = recover(control, estate.reach, actor="worker", clock=lambda: time.time() + 60)
    assert words == ["the interrupted switch of party to new was finished"]
    live = standings.of(control, "party")
    assert (live.owner, live.fenced) == (Side.NEW, False)


def test_invariant_6_who_got_no_answer_to_the_decision_finishes_it(control: Control, estate: Estate) -> None:
    """The control store goes away with the commit: whether it was decided is asked again, and not guessed."""

    def go_away(step: Step, done: bool) -> None:
        if step is Step.DECIDED and done:
            raise Unavailable("the control store doesn't answer")

    before = standing_at(control, Stage.CANARY)
    with living(estate):
        live = Switch(control, estate.outside(), LIMIT, watch=go_away).run(intent(Stage.LIVE), before)
    assert (live.owner, live.fenced) == (Side.NEW, False)


def _interrupting(step: Step, done: bool) -> Watch:
    def watch(at: Step, is_done: bool) -> None:
        if (at, is_done) == (step, done):
            raise KeyboardInterrupt

    return watch


def _last(control: Control, kind: Kind) -> ledger.Entry:
    return [each for each in ledger.entries(control) if each.kind == kind][-1]


def test_who_decided_on_an_old_standing_does_not_switch(control: Control, estate: Estate) -> None:
    before = standing_at(control, Stage.CANARY)
    held = standings.amend(control, "party", at=2.0, hold="period close")
    with pytest.raises(Refused, match="changed by somebody else"):
        Switch(control, estate.outside(), LIMIT).run(intent(Stage.LIVE), before)
    assert standings.of(control, "party") == held
    assert journal.unfinished(control) == []


def test_a_hold_during_the_switch_does_not_disturb_it(control: Control, estate: Estate) -> None:
    def hold(step: Step, done: bool) -> None:
        if step is Step.CAUGHT_UP and not done:
            standings.amend(control, "party", at=2.0, hold="period close")

    before = standing_at(control, Stage.CANARY)
    with living(estate):
        live = Switch(control, estate.outside(), LIMIT, watch=hold).run(intent(Stage.LIVE), before)
    assert (live.owner, live.hold, live.fenced) == (Side.NEW, "period close", False)


def test_only_one_switch_of_a_function_at_a_time(control: Control, estate: Estate) -> None:
    before = standing_at(control, Stage.CANARY)

    def another(step: Step, done: bool) -> None:
        if step is Step.CAUGHT_UP and not done:
            now = standings.of(control, "party")
            with pytest.raises(Refused, match="a switch of party to new is under way"):
                Switch(control, estate.outside(), LIMIT).run(intent(Stage.LIVE), now)
            assert recover(control, estate.reach, actor="worker") == [], (
                "a switch that somebody works on is left alone"
            )

    with living(estate):
        live = Switch(control, estate.outside(), LIMIT, watch=another).run(intent(Stage.LIVE), before)
    assert live.owner is Side.NEW


@pytest.mark.parametrize(
    "step", [Step.ACKNOWLEDGED, Step.LIMITED, Step.CAUGHT_UP, Step.CHECKED, Step.DECIDED]
)
def test_invariant_6_a_conductor_that_comes_back_from_the_dead_does_nothing_more(
    control: Control, estate: Estate, step: Step
) -> None:
    """It was silent for so long that somebody else undid its switch; the function may stand anywhere by now."""
    before = standing_at(control, Stage.CANARY)

    def sleep_like_the_dead(at: Step, done: bool) -> None:
        if at is step and not done:
            words = recover(control, estate.reach, actor="worker", clock=lambda: time.time() + 60)
            assert words == ["the interrupted switch of party to new was undone"]

    with living(estate), pytest.raises(Refused, match="no longer ours"):
        Switch(control, estate.outside(), LIMIT, watch=sleep_like_the_dead).run(intent(Stage.LIVE), before)
    assert_untouched(control, before)


@pytest.mark.parametrize("step", [Step.SWITCHED, Step.FINISHED])
def test_a_conductor_that_slept_after_the_decision_finds_its_switch_finished(
    control: Control, estate: Estate, step: Step
) -> None:
    def sleep(at: Step, done: bool) -> None:
        if at is step and not done:
            words = recover(control, estate.reach, actor="worker", clock=lambda: time.time() + 60)
            assert words == ["the interrupted switch of party to new was finished"]

    before = standing_at(control, Stage.CANARY)
    with living(estate):
        live = Switch(control, estate.outside(), LIMIT, watch=sleep).run(intent(Stage.LIVE), before)
    assert (live.owner, live.fenced) == (Side.NEW, False)
    assert [entry.kind for entry in ledger.entries(control)] == [Kind.BEGUN, Kind.ADVANCED]


def assert_untouched(control: Control, before: Standing) -> None:
    """Everything is as it was before the switch, apart from the generation; and the ledger tells of it."""
    now = standings.of(control, "party")
    assert replace(now, generation=before.generation) == before
    assert journal.unfinished(control) == []
    assert [entry.kind for entry in ledger.entries(control)] == [Kind.BEGUN, Kind.UNDONE]


def test_invariant_4_a_facade_that_was_cut_off_before_the_function_moved_holds_the_switch(
    control: Control, estate: Estate
) -> None:
    """It takes the function for untouched and goes on with its writes to legacy, however long it is alone."""
    facades.seen(control, "lost", generation=0, address="http://far", at=time.time() - 3600)
    before = standing_at(control, Stage.CANARY)
    with living(estate):
        with pytest.raises(Refused, match="lost at http://far may still write to legacy"):
            Switch(control, estate.outside(), LIMIT).run(intent(Stage.LIVE), before)
        assert not standings.of(control, "party").fenced
        # One that fell silent later knows that the function is on its way, and refuses by itself.
        facades.seen(
            control, "lost", generation=before.generation, address="http://far", at=time.time() - 3600
        )
        live = Switch(control, estate.outside(), LIMIT).run(intent(Stage.LIVE), before)
    assert live.owner is Side.NEW


def test_invariant_4_a_facade_that_falls_silent_during_the_wait_and_takes_the_function_for_untouched_undoes_the_switch(
    control: Control, estate: Estate
) -> None:
    """Cut off just before the switch it still counts as live; what it would acknowledge nobody will hear."""
    before = standing_at(control, Stage.CANARY)
    at = time.time() - facades.GONE_AFTER + 1
    facades.seen(control, "lost", generation=before.left - 1, address="http://far", at=at)
    with living(estate), pytest.raises(Undone) as raised:
        Switch(control, estate.outside(), LIMIT).run(intent(Stage.LIVE), before)
    assert "lost at http://far may still write to legacy" in raised.value.why
    assert "strangler facades forget ID" in raised.value.do
    assert_untouched(control, before)


def test_invariant_4_one_that_is_heard_of_once_more_and_cut_off_again_undoes_the_switch_before_the_decision(
    control: Control, estate: Estate
) -> None:
    def once_more(step: Step, done: bool) -> None:
        if step is Step.CHECKED and done:
            facades.seen(control, "lost", generation=0, address="http://far", at=time.time() - 60)

    before = standing_at(control, Stage.CANARY)
    with living(estate), pytest.raises(Undone) as raised:
        Switch(control, estate.outside(), LIMIT, watch=once_more).run(intent(Stage.LIVE), before)
    assert "lost at http://far may still write to legacy" in raised.value.why
    assert_untouched(control, before)


def silent(control: Control, before: Standing, *, over_in: float) -> None:
    """A facade that was killed, whose last write is over in so many seconds."""
    longest = 30.0
    at = time.time() - facades.GONE_AFTER - longest + over_in
    generation = before.generation
    facades.seen(control, "dead", generation=generation, address="http://dead", at=at, longest=longest)


def test_invariant_5_what_a_silent_facade_let_through_is_waited_for(control: Control, estate: Estate) -> None:
    before, read_at, outside = standing_at(control, Stage.CANARY), [], estate.outside()

    def safe_position(timeout: float) -> Position:
        read_at.append(time.time())
        return outside.safe_position(timeout)

    silent(control, before, over_in=1.0)
    over_at = time.time() + 0.9
    with living(estate):
        switch = Switch(control, replace(outside, safe_position=safe_position), LIMIT)
        assert switch.run(intent(Stage.LIVE), before).owner is Side.NEW
    assert read_at[0] > over_at


def test_a_silent_facade_that_was_forgotten_is_not_waited_for(control: Control, estate: Estate) -> None:
    def forget(step: Step, done: bool) -> None:
        if step is Step.ACKNOWLEDGED and not done:
            assert facades.forget(control, "dead")

    before = standing_at(control, Stage.CANARY)
    silent(control, before, over_in=LIMIT - 2)
    began = time.monotonic()
    with living(estate):
        Switch(control, estate.outside(), LIMIT, watch=forget).run(intent(Stage.LIVE), before)
    assert time.monotonic() - began < LIMIT / 2


def test_a_silent_facade_whose_writes_outlast_the_time_limit_lets_no_switch_begin(
    control: Control, estate: Estate
) -> None:
    before = standing_at(control, Stage.CANARY)
    silent(control, before, over_in=25.0)
    until = datetime.fromtimestamp(facades.everyone(control)[0].over_at, UTC)
    words = f"isn't begun: .* in facade dead at http://dead .silent; until {until:%H:%M:%S} UTC"
    with living(estate), pytest.raises(Refused, match=words) as raised:
        Switch(control, estate.outside(), LIMIT).run(intent(Stage.LIVE), before)
    assert "a switch has 20 s" in raised.value.why
    assert standings.of(control, "party") == before
    assert ledger.entries(control) == []


def test_a_facade_that_falls_silent_in_the_middle_undoes_the_switch_at_its_time_limit(
    control: Control, estate: Estate
) -> None:
    def die(step: Step, done: bool) -> None:
        if step is Step.ACKNOWLEDGED and not done:
            silent(control, before, over_in=25.0)

    before = standing_at(control, Stage.CANARY)
    with living(estate), pytest.raises(Undone) as raised:
        Switch(control, estate.outside(), REACHED, watch=die).run(intent(Stage.LIVE), before)
    until = datetime.fromtimestamp(facades.everyone(control)[-1].over_at, UTC)
    assert f"dead at http://dead (silent; until {until:%H:%M:%S} UTC)" in raised.value.why
    assert_untouched(control, before)


def test_a_proxy_that_nobody_follows_lets_no_switch_begin(control: Control, estate: Estate) -> None:
    before = standing_at(control, Stage.CANARY)
    at, generation = time.time() - 3600, before.generation
    facades.seen(control, "n", generation=generation, address="nginx by /x", at=at, lasts=True)
    with living(estate), pytest.raises(Refused, match=r"n at nginx by /x .nobody follows it"):
        Switch(control, estate.outside(), LIMIT).run(intent(Stage.LIVE), before)
    assert standings.of(control, "party") == before


def test_a_function_that_went_back_to_the_start_is_untouched_again(control: Control) -> None:
    away = standing_at(control, Stage.SYNCING)
    assert away.left == away.generation
    further = standings.change(control, away, replace(away, stage=Stage.SHADOW), at=2.0)
    assert further.left == away.generation
    assert standings.change(control, further, replace(further, stage=Stage.LEGACY), at=3.0).left == 0
