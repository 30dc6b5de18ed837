"""A call that goes on beyond a switch: whether its side is still the right one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.control.pins import Pin
from strangler.cutover.stages import EVERYONE, Side, Stage, Standing
from strangler.facade.pins import PinBoard
from strangler.routing import Asked, Decision, Pins, Standings, Trust, picture, still_answers
from strangler.routing.decision import UNROUTED
from tests.routing.tables import ask, standing, table

ROUTES = table(
    {
        "chat": [
            {"kind": "read", "match": {"path": "/listen"}},
            {"kind": "write", "match": {"path": "/talk"}},
        ]
    }
)


def at(stage: Stage, *more: Standing, trust: Trust = Trust.SURE, **fields: Any) -> Standings:
    return picture(1, [standing("chat", stage, **fields), *more], trust)


def decided(path: str, standings: Standings) -> Decision:
    return ask(ROUTES, Asked("GET", path, {}), at=standings)


@pytest.mark.parametrize(
    ("path", "then", "now", "right"),
    [
        ("/talk", at(Stage.CANARY), at(Stage.CANARY), True),
        ("/talk", at(Stage.CANARY), at(Stage.CANARY, fenced=True), False),
        ("/talk", at(Stage.CANARY), at(Stage.LIVE), False),
        ("/talk", at(Stage.LIVE), at(Stage.LIVE), True),
        ("/talk", at(Stage.LIVE), at(Stage.SYNCING), False),
        ("/talk", at(Stage.SHADOW), at(Stage.CANARY), True),
        ("/talk", at(Stage.CANARY), at(Stage.CANARY, trust=Trust.LOST), False),
        ("/talk", at(Stage.LEGACY), at(Stage.LEGACY, trust=Trust.LOST), True),
        ("/listen", at(Stage.CANARY), at(Stage.CANARY, fenced=True), True),
        ("/listen", at(Stage.CANARY), at(Stage.LIVE), False),
        ("/listen", at(Stage.CANARY, weight=10_000), at(Stage.LIVE), True),
        ("/listen", at(Stage.CANARY, weight=10_000), at(Stage.CANARY, weight=1), True),
        ("/listen", at(Stage.CANARY, weight=10_000), at(Stage.CANARY, weight=0), False),
        ("/listen", at(Stage.CANARY, weight=10_000), at(Stage.SHADOW), False),
        ("/other", at(Stage.CANARY), at(Stage.LIVE, fenced=True), True),
    ],
)
def test_a_side_is_right_as_long_as_it_may_answer(
    path: str, then: Standings, now: Standings, right: bool
) -> None:
    assert still_answers(now, decided(path, then)) is right


def test_only_the_fence_of_its_own_cohort_ends_it_and_any_where_it_shows_none() -> None:
    write = decided("/talk", at(Stage.CANARY))
    fenced = standing("chat", Stage.CANARY, "7", fenced=True)
    now = at(Stage.CANARY, fenced)
    assert still_answers(now, write.about("8", None, EVERYONE))
    assert not still_answers(now, write.about("7", None, EVERYONE))
    assert not still_answers(now, write)
    assert still_answers(at(Stage.LIVE), UNROUTED)


def test_invariant_4_one_that_may_be_about_any_function_ends_with_every_fence() -> None:
    unclear = Decision(None, "write", None, Side.LEGACY, False, None, "it doesn't show what it asks for")
    assert still_answers(at(Stage.CANARY), unclear)
    assert not still_answers(at(Stage.CANARY, fenced=True), unclear)
    assert not still_answers(at(Stage.CANARY, standing("chat", Stage.CANARY, "7", fenced=True)), unclear)
    assert not still_answers(at(Stage.CANARY, trust=Trust.LOST), unclear)


class Remembered:
    """One document that was begun in legacy."""

    def __init__(self) -> None:
        self._board = PinBoard(10)
        self._board.learn(0, [Pin("chat", "room", Side.LEGACY, 9e9)])

    def pins(self, function: str) -> Pins | None:
        return self._board.of(function)

    def wrote(self, function: str, key: str | None, caller: str, asked: Asked) -> bool:
        return False


def test_what_is_about_a_document_stays_where_that_was_begun() -> None:
    write = decided("/talk", at(Stage.CANARY)).about(None, "room", EVERYONE)
    live = at(Stage.LIVE)
    assert still_answers(live, write, Remembered())
    assert not still_answers(at(Stage.LIVE, fenced=True), write, Remembered())
    assert not still_answers(live, write.about(None, "another", EVERYONE), Remembered())
    assert not still_answers(at(Stage.RETIRED), write, Remembered())


pictures = st.builds(
    lambda stage, cohort, weight, fenced, trust: at(
        stage, *cohort, trust=trust, weight=weight, fenced=fenced
    ),
    st.sampled_from(Stage),
    st.sampled_from(Stage).map(lambda stage: [standing("chat", stage, "7")]) | st.just([]),
    st.sampled_from([0, 5_000, 10_000]),
    st.booleans(),
    st.sampled_from([Trust.SURE, Trust.LOST]),
)


@given(st.sampled_from(["/talk", "/listen"]), pictures, pictures)
def test_invariant_4_it_is_right_only_where_the_same_call_would_be_let_through_to_that_side_now(
    path: str, then: Standings, now: Standings
) -> None:
    before, anew = decided(path, then), decided(path, now)
    if before.status is None and still_answers(now, before):
        assert anew.status is None
        weighted = now.of("chat").stage is Stage.CANARY and now.of("chat").weight
        assert anew.side is before.side or (anew.kind == "read" and weighted)


@given(st.sampled_from(["/talk", "/listen"]), pictures)
def test_as_long_as_nothing_changes_it_goes_on(path: str, then: Standings) -> None:
    alone = replace(then, cohorts={})
    decision = decided(path, alone)
    if decision.status is None:
        assert still_answers(alone, decision)
