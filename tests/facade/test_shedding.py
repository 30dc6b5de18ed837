"""Shedding: who gets in, who waits, who is refused, and how a late event loop makes the room smaller."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from strangler.facade.shedding import PERIOD, Lane, Shed, Shedding, Waiting
from strangler.settings.resilience import Limits


def shedding(**limits: object) -> Shedding:
    return Shedding(Limits.model_validate({"for_writes": 0, **limits}))


def entered(lane: Lane, times: int, write: bool = True) -> int:
    return sum(lane.enter(write) for _ in range(times))


def test_a_side_that_hangs_leaves_room_for_the_other() -> None:
    subject = shedding(calls=10, legacy=7, new=7)
    legacy, new = subject.lane("party", "legacy"), subject.lane("party", "new")
    assert entered(legacy, 20) == 7
    assert entered(new, 20) == 3, "there is room for 10 in all"
    assert entered(subject.lane("sale", "legacy"), 1) == 0, "the room of a side is for all of its functions"


def test_a_function_may_have_a_limit_of_its_own_on_each_side() -> None:
    subject = shedding(function=2)
    assert entered(subject.lane("party", "legacy"), 5) == 2
    assert entered(subject.lane("party", "new"), 5) == 2
    assert entered(subject.lane("sale", "legacy"), 5) == 2


def test_room_is_given_back() -> None:
    lane = shedding(calls=1, legacy=1).lane("party", "legacy")
    for _ in range(3):
        assert lane.enter(False)
        assert not lane.enter(False)
        assert lane.leave() is None
    assert lane.under == 0


def test_a_part_of_the_room_is_for_writes_alone() -> None:
    lane = shedding(calls=10, for_writes="20%").lane("party", "legacy")
    assert entered(lane, 20, write=False) == 8
    assert entered(lane, 20, write=True) == 2
    assert Shedding(Limits(calls=1, for_writes=1.0)).lane("party", "legacy").enter(False), (
        "a read is never shut out"
    )


def test_who_waits_is_let_in_in_turn_writes_before_reads() -> None:
    subject = shedding(calls=1, queue=3)
    lane = subject.lane("party", "legacy")
    lane.enter(False)
    for ticket, write in (("first read", False), ("second read", False), ("write", True)):
        assert subject.wait(lane, write, 0.0, ticket) is not None
    assert subject.wait(lane, True, 0.0, "too many") is None
    order = []
    while (waiting := lane.leave()) is not None:
        order.append(waiting.ticket)
    assert order == ["write", "first read", "second read"]
    assert (lane.under, subject.waiting) == (0, 0)


def test_who_waits_for_a_room_that_is_still_full_holds_nobody_up() -> None:
    subject = shedding(calls=2, legacy=1, new=2, queue=5)
    legacy, new = subject.lane("party", "legacy"), subject.lane("party", "new")
    assert legacy.enter(True)
    assert new.enter(True)
    subject.wait(legacy, True, 0.0, "legacy")
    subject.wait(new, True, 0.0, "new")
    waiting = new.leave()
    assert waiting is not None
    assert waiting.ticket == "new"


def test_waiting_has_an_end_which_a_short_budget_brings_nearer() -> None:
    subject = shedding(calls=1, queue=5, queue_time="2s")
    lane = subject.lane("party", "legacy")
    lane.enter(True)
    subject.wait(lane, True, 10.0, "patient")
    subject.wait(lane, True, 10.0, "hurried", patience=0.5)
    assert [waiting.ticket for waiting in subject.overdue(10.4)] == []
    assert [waiting.ticket for waiting in subject.overdue(10.5)] == ["hurried"]
    assert [waiting.ticket for waiting in subject.overdue(12.0)] == ["patient"]
    assert lane.leave() is None
    assert subject.shed == {Shed("party", "legacy", "write", "calls"): 2}


def test_a_caller_that_left_waits_no_more() -> None:
    subject = shedding(calls=1, queue=1)
    lane = subject.lane("party", "legacy")
    lane.enter(True)
    waiting = subject.wait(lane, False, 0.0, "gone")
    assert waiting is not None
    subject.withdraw(waiting)
    assert lane.leave() is None
    assert subject.wait(lane, False, 0.0, "the place is free again") is not None


def test_a_refusal_says_what_there_is_no_room_for_and_is_counted() -> None:
    subject = shedding(calls=10, legacy=5, for_writes="20%")
    lane = subject.lane("party", "legacy")
    entered(lane, 9, write=False)
    assert (
        subject.why(lane, False) == "4 calls are under way, as many as facade.limits.legacy allows for reads"
    )
    entered(lane, 9, write=True)
    assert subject.why(lane, True) == "5 calls are under way, as many as facade.limits.legacy allows"
    assert subject.wait(lane, True, 0.0, "no queue") is None
    assert subject.shed == {Shed("party", "legacy", "write", "legacy"): 1}


def test_those_who_are_refused_are_told_to_come_back_at_different_times() -> None:
    subject = shedding(retry_after="10s")
    assert [subject.retry_after(draw) for draw in (0.0, 0.5, 0.999)] == [10, 20, 30]
    assert shedding(retry_after="100ms").retry_after(0.0) == 1


def seconds(subject: Shedding, start: float, delays: list[float]) -> float:
    """Let time pass, with a look every period that is late by each of the delays in turn."""
    due = start
    for delay in delays:
        subject.tick(due, due + delay)
        due += max(PERIOD, delay)
    return due


def test_a_loop_that_is_late_for_a_second_takes_fewer_calls_until_it_is_not() -> None:
    subject = shedding(calls=100, legacy=100, lag="250ms")
    lane = subject.lane("party", "legacy")
    assert entered(lane, 50) == 50
    now = seconds(subject, 0.0, [0.3] * 6)
    assert subject.lag.late
    assert subject.all.limit == 40, "less than were under way"
    assert not lane.enter(True)
    assert subject.why(lane, True).startswith("the facade is 0.3 s late with its work, so it takes 40 calls")
    for _ in range(30):
        now = seconds(subject, now, [0.3] * 12)
    assert subject.all.limit == 5, "some room always stays"
    seconds(subject, now, [0.001] * 12)
    assert (subject.lag.late, subject.all.limit) == (False, 15)
    seconds(subject, now + 100, [0.001] * 1000)
    assert subject.all.limit == 100


@pytest.mark.parametrize(
    "delays",
    [[5.0, *[0.0] * 20], [1.5, 1.5, *[0.0] * 20], [0.4, 0.4, 0.0] * 20, [0.2] * 50],
    ids=["one long pause", "two", "late, and on time in between", "not late enough"],
)
def test_a_loop_that_is_on_time_now_and_then_is_not_late(delays: list[float]) -> None:
    subject = shedding(calls=100)
    seconds(subject, 0.0, delays)
    assert subject.all.limit == 100


def test_the_loop_may_be_as_late_as_it_likes_where_no_lag_is_configured() -> None:
    subject = shedding(calls=100, lag=None)
    seconds(subject, 0.0, [10.0] * 50)
    assert subject.all.limit == 100


class Rooms(RuleBasedStateMachine):
    """Whatever comes and goes, no room holds more than it may, none is lost, and nobody waits where there is room."""

    def __init__(self) -> None:
        super().__init__()
        limits = {"calls": 6, "legacy": 4, "new": 4, "function": 3, "for_writes": 0.34, "queue": 3}
        self.subject = Shedding(Limits.model_validate(limits))
        self.under: list[tuple[Lane, bool]] = []
        self.waiting: list[Waiting] = []
        self.now = 0.0

    @rule(
        function=st.sampled_from(["party", "sale"]),
        side=st.sampled_from(["legacy", "new"]),
        write=st.booleans(),
    )
    def a_call_comes(self, function: str, side: str, write: bool) -> None:
        lane = self.subject.lane(function, side)
        if lane.enter(write):
            self.under.append((lane, write))
            return
        assert lane.full(write) is not None
        waiting = self.subject.wait(lane, write, self.now, object())
        if waiting is not None:
            self.waiting.append(waiting)

    @precondition(lambda self: self.under)
    @rule(data=st.data())
    def a_call_ends(self, data: st.DataObject) -> None:
        lane, _ = self.under.pop(data.draw(st.integers(0, len(self.under) - 1)))
        let_in = lane.leave()
        if let_in is not None:
            self.waiting.remove(let_in)
            self.under.append((let_in.lane, let_in.write))
        assert all(waiting.lane.full(waiting.write) for waiting in self.waiting)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def a_caller_leaves(self, data: st.DataObject) -> None:
        self.subject.withdraw(self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1))))

    @rule(tenths=st.integers(1, 8))
    def time_passes(self, tenths: int) -> None:
        self.now += tenths / 10
        for waiting in self.subject.overdue(self.now):
            self.waiting.remove(waiting)

    @invariant()
    def nothing_is_lost(self) -> None:
        lanes = Counter(lane for lane, _ in self.under)
        assert {lane: lane.under for lane in self.subject.lanes() if lane.under} == dict(lanes)
        assert self.subject.all.under == len(self.under) <= 6
        assert max(lanes.values(), default=0) <= 3
        for side in ("legacy", "new"):
            assert sum(lane.side == side for lane, _ in self.under) <= 4
        assert sum(not write for _, write in self.under) <= 3
        assert self.subject.waiting == len(self.waiting) <= 3


Rooms.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
TestRooms = Rooms.TestCase
