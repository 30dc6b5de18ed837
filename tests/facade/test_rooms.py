"""Room for calls that are to be compared: bounded for each lane and each candidate, and only as large as the candidate answers."""

from __future__ import annotations

import pytest

from strangler.facade.rooms import ALTOGETHER, AT_FIRST, AT_LEAST, Drops, LaneKey, Rooms, Space
from strangler.facade.rooms import LANES as SHARES

LANES: list[LaneKey] = [(f"f{number}", "read") for number in range(200)]
ELSEWHERE: LaneKey = ("sale", "read")


def made() -> Rooms:
    return Rooms([*((lane, "http://new:8000/x", 20) for lane in LANES), (ELSEWHERE, "http://other:8000", 20)])


def space_in(rooms: Rooms, lane: LaneKey = LANES[0]) -> Space:
    space = rooms.space(lane)
    assert space is not None
    return space


def fill(rooms: Rooms) -> list[Space]:
    """Put calls of all lanes in, until there is no room for any; the spaces of those that went in."""
    inside = []
    for space in (space_in(rooms, lane) for lane in LANES):
        while space.free:
            space.enter()
            inside.append(space)
    return inside


def answer(space: Space, answers: int) -> None:
    """A call is done with, which the candidate answered (1) or didn't (-1)."""
    space.heard(answers)
    space.leave()


def test_a_candidate_that_answers_gets_more_and_more_room_up_to_a_limit() -> None:
    rooms, filled = made(), list[int]()
    for _ in range(8):
        inside = fill(rooms)
        filled.append(len(inside))
        for space in inside:
            answer(space, 1)
    assert filled[:3] == [AT_FIRST, 2 * AT_FIRST, 4 * AT_FIRST]
    assert filled[-1] == ALTOGETHER


def test_one_that_begins_to_hang_is_asked_a_few_times_at_once_when_its_time_is_over_and_not_a_thousand() -> (
    None
):
    rooms = made()
    for _ in range(8):
        for space in fill(rooms):
            answer(space, 1)
    hanging = fill(rooms)
    asked = 0
    for space in hanging:  # one after the other as their time is over, and callers fill what room there is
        answer(space, -1)
        asked += len(fill(rooms))
    assert len(hanging) == ALTOGETHER
    assert asked == AT_LEAST


def test_one_that_answers_again_has_its_room_again() -> None:
    rooms = made()
    for answers in (*[-1] * 100, *[1] * 100):
        space_in(rooms).enter()
        answer(space_in(rooms), answers)
    assert len(fill(rooms)) == AT_LEAST + 100


def test_what_wasnt_asked_says_nothing_of_a_candidate() -> None:
    rooms = made()
    for space in fill(rooms):
        space.leave()
    assert len(fill(rooms)) == AT_FIRST


def test_a_full_candidate_takes_no_room_from_another_one() -> None:
    rooms = made()
    fill(rooms)
    assert space_in(rooms, ELSEWHERE).free


def test_a_lane_has_its_own_bound() -> None:
    space = space_in(made(), ELSEWHERE)
    space.heard(ALTOGETHER)
    for _ in range(20):
        assert space.free
        space.enter()
    assert not space.free


@pytest.mark.parametrize("answers", [0, -ALTOGETHER, ALTOGETHER])
def test_no_lane_takes_the_room_of_the_others(answers: int) -> None:
    rooms = Rooms([(lane, "http://new:8000", ALTOGETHER) for lane in LANES])
    space_in(rooms).heard(answers)
    inside = 0
    while space_in(rooms).free:
        space_in(rooms).enter()
        inside += 1
    assert inside == {0: AT_FIRST, -ALTOGETHER: AT_LEAST, ALTOGETHER: ALTOGETHER}[answers] // SHARES
    assert space_in(rooms, LANES[1]).free


def test_when_all_are_gone_it_begins_anew() -> None:
    rooms = made()
    inside = fill(rooms)
    assert sum(rooms.clear().values()) == len(inside)
    assert rooms.clear() == {}
    assert len(fill(rooms)) == AT_FIRST


def test_where_nobody_compares_there_is_no_place() -> None:
    assert made().space(("nobody", "read")) is None


def test_what_found_no_room_is_told_once() -> None:
    drops = Drops()
    for lane, cohort in ((LANES[0], "*"), (LANES[0], "1000"), (LANES[0], "*")):
        drops.of(lane, cohort).calls += 1
    drops.of(ELSEWHERE, "*")
    assert drops.take() == [(LANES[0], "*", 2), (LANES[0], "1000", 1)]
    assert drops.take() == []
