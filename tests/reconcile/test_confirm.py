"""A difference is drift only if it is still there once the store has passed a position that was read after it was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from strangler.changes import ORIGIN, Position
from strangler.errors import Unavailable
from strangler.reconcile.confirm import ROUNDS, Feed, Verdict, confirm, judge
from strangler.reconcile.narrow import Pair, Suspects

from .landscape import Landscape


def feed(delivered: Callable[[], Position] = lambda: Position("1")) -> Feed:
    """A feed whose store has always passed position 1, with a clock that only sleeping moves."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return Feed(lambda timeout: Position("1"), delivered, 60.0, sleep, lambda: now[0])


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (Pair(1, 2), Pair(1, 1), Verdict.SETTLED),
        (Pair(1, None), Pair(None, None), Verdict.SETTLED),
        (Pair(1, 2), Pair(1, 2), Verdict.DRIFT),
        (Pair(1, None), Pair(1, None), Verdict.MOVING),
        (Pair(1, 2, Position("5")), Pair(1, 2, Position("5")), Verdict.DRIFT),
        (Pair(1, 2, Position("5")), Pair(1, 2, Position("6")), Verdict.MOVING),
        (Pair(None, 1), Pair(None, 1), Verdict.DRIFT),
        (Pair(1, 2), Pair(3, 2), Verdict.MOVING),
        (Pair(1, 2), Pair(1, 3), Verdict.MOVING),
        (Pair(1, None), Pair(None, 2), Verdict.MOVING),
    ],
)
def test_a_second_look_decides(before: Pair, after: Pair, verdict: Verdict) -> None:
    assert judge(before, after) is verdict


def test_what_the_store_lacks_is_drift_once_it_was_lacking_behind_two_positions() -> None:
    pair = Pair(1, None)
    assert judge(pair, pair, rests=0) is Verdict.MOVING
    assert judge(pair, pair, rests=1) is Verdict.DRIFT
    looks = iter([{1: pair}, {}, {}])
    assert confirm({1: pair}, lambda moving: next(looks), feed()).drift == {}
    assert confirm({1: pair}, lambda moving: {1: pair}, feed()).drift == {1: pair}


def test_what_rests_is_drift_and_what_settles_was_in_flight() -> None:
    found = confirm({1: Pair(1, 2), 2: Pair(5, 6)}, lambda moving: {1: Pair(1, 2)}, feed())
    assert found == ({1: Pair(1, 2)}, 1, Position("1"))


def test_a_key_that_never_rests_is_in_flight_and_asked_for_a_bounded_number_of_times() -> None:
    looks = iter(range(100, 200))
    found = confirm({1: Pair(1, 2)}, lambda moving: {1: Pair(next(looks), 2)}, feed())
    assert (found.drift, found.in_flight) == ({}, 1)
    assert next(looks) == 100 + ROUNDS


def test_a_key_that_moves_once_and_then_rests_is_drift() -> None:
    looks: Iterable[Suspects] = iter([{1: Pair(3, 2)}, {1: Pair(3, 2)}])
    found = confirm({1: Pair(1, 2)}, lambda moving: next(iter(looks)), feed())
    assert found.drift == {1: Pair(3, 2)}


def test_nothing_is_looked_at_again_before_the_store_has_passed_the_position() -> None:
    answers = iter([ORIGIN, Position("0"), Position("1")])
    found = confirm({1: Pair(1, 2)}, lambda moving: {}, feed(lambda: next(answers)))
    assert found.in_flight == 1
    assert next(answers, None) is None


def test_a_store_that_never_passes_the_position_is_an_error_and_no_verdict() -> None:
    with pytest.raises(Unavailable, match="hasn't come to position 1 within 60 s") as error:
        confirm({1: Pair(1, 2)}, lambda moving: {}, feed(lambda: ORIGIN))
    assert "worker" in error.value.do


def test_changes_on_their_way_are_not_drift(partnered: Landscape) -> None:
    partnered.legacy.run(
        "UPDATE partner SET name = 'new' WHERE id <= 30", "DELETE FROM partner WHERE id = 99"
    )

    def deliver() -> Position:
        partnered.new.run(
            "UPDATE partner SET name = 'new' WHERE id <= 30", "DELETE FROM partner WHERE id = 99"
        )
        return Position("1")

    outcome = partnered.compare(feed(deliver))
    assert (outcome.drift, outcome.in_flight) == (0, 31)
    assert outcome.position == Position("1")


def test_what_differs_beside_changes_on_their_way_is_drift(partnered: Landscape) -> None:
    partnered.legacy.run("UPDATE partner SET name = 'new' WHERE id <= 30")
    partnered.new.run("UPDATE partner SET name = 'wrong' WHERE id = 200")

    def deliver() -> Position:
        partnered.new.run("UPDATE partner SET name = 'new' WHERE id <= 30")
        return Position("1")

    outcome = partnered.compare(feed(deliver))
    assert (outcome.different, outcome.in_flight) == (1, 30)
    assert [each.key for each in outcome.differences] == ["[200]"]
