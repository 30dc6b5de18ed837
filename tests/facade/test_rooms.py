"""Room for calls that are to be compared: bounded for each lane and each candidate, and only as large as the candidate answers."""

from __future__ import annotations

from strangler.facade.lane import ALTOGETHER, AT_FIRST, AT_LEAST, LaneKey, Rooms

LANES: list[LaneKey] = [(f"f{number}", "read") for number in range(200)]
ELSEWHERE: LaneKey = ("sale", "read")


def made() -> Rooms:
    return Rooms([*((lane, "http://new:8000/x", 20) for lane in LANES), (ELSEWHERE, "http://other:8000", 20)])


def fill(rooms: Rooms) -> list[LaneKey]:
    """Put calls of all lanes in, until there is no room for any; those that went in."""
    inside = []
    for lane in LANES:
        while rooms.has(lane):
            rooms.enter(lane)
            inside.append(lane)
    return inside


def test_a_candidate_that_answers_gets_more_and_more_room_up_to_a_limit() -> None:
    rooms, filled = made(), list[int]()
    for _ in range(8):
        inside = fill(rooms)
        filled.append(len(inside))
        for lane in inside:
            rooms.leave(lane, answered=True)
    assert filled[:3] == [AT_FIRST, 2 * AT_FIRST, 4 * AT_FIRST]
    assert filled[-1] == ALTOGETHER


def test_one_that_begins_to_hang_is_asked_a_few_times_at_once_when_its_time_is_over_and_not_a_thousand() -> (
    None
):
    rooms = made()
    for _ in range(8):
        for lane in fill(rooms):
            rooms.leave(lane, answered=True)
    hanging = fill(rooms)
    asked = 0
    for lane in hanging:  # one after the other as their time is over, and callers fill what room there is
        rooms.leave(lane, answered=False)
        asked += len(fill(rooms))
    assert len(hanging) == ALTOGETHER
    assert asked == AT_LEAST


def test_one_that_answers_again_has_its_room_again() -> None:
    rooms = made()
    for answered in (*[False] * 100, *[True] * 100):
        rooms.enter(LANES[0])
        rooms.leave(LANES[0], answered)
    assert len(fill(rooms)) == AT_LEAST + 100


def test_what_wasnt_asked_says_nothing_of_a_candidate() -> None:
    rooms = made()
    for lane in fill(rooms):
        rooms.leave(lane, None)
    assert len(fill(rooms)) == AT_FIRST


def test_a_full_candidate_takes_no_room_from_another_one() -> None:
    rooms = made()
    fill(rooms)
    assert rooms.has(ELSEWHERE)


def test_a_lane_has_its_own_bound() -> None:
    rooms = made()
    for _ in range(20):
        rooms.enter(ELSEWHERE)
    assert not rooms.has(ELSEWHERE)


def test_when_all_are_gone_it_begins_anew() -> None:
    rooms = made()
    inside = fill(rooms)
    assert sum(rooms.clear().values()) == len(inside)
    assert rooms.clear() == {}
    assert len(fill(rooms)) == AT_FIRST
