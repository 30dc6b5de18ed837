"""When a schedule is due: in its time zone, once however often it was missed, and not while somebody is at it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from strangler.control.schedules import Slot
from strangler.schedules import cron
from strangler.schedules.due import due

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("expression", "after", "following"),
    [
        ("0 3 * * *", "2026-11-30 02:59:59", "2026-11-30 03:00"),
        ("0 3 * * *", "2026-11-30 03:00", "2026-12-01 03:00"),
        ("*/15 * * * *", "2026-11-30 03:07", "2026-11-30 03:15"),
        ("0 22 * * MON-FRI", "2026-11-28 00:00", "2026-11-30 22:00"),
        ("0 0 L * *", "2026-02-01 00:00", "2026-02-28 00:00"),
        ("30 2 * * *", "2026-03-28 12:00", "2026-03-29 03:00"),
        ("30 2 * * *", "2026-10-25 02:30", "2026-10-26 02:30"),
    ],
)
def test_a_slot_comes_when_the_clocks_of_its_zone_say_so(expression: str, after: str, following: str) -> None:
    assert cron.following(expression, BERLIN, at(after)) == at(following)


def test_the_last_slot_is_this_very_second_if_it_is_one() -> None:
    assert cron.latest("0 3 * * *", BERLIN, at("2026-11-30 03:00") + 0.5) == at("2026-11-30 03:00")
    assert cron.latest("0 3 * * *", BERLIN, at("2026-11-30 03:00") - 0.5) == at("2026-11-29 03:00")


def slot(when: str, holder: str | None = None) -> Slot:
    return Slot("partners", "full 0 3 * * *", at(when), holder, at(when), None)


@pytest.mark.parametrize(
    ("known", "now", "expected"),
    [
        (slot("2026-11-29 03:00"), "2026-11-30 02:59", None),
        (slot("2026-11-29 03:00"), "2026-11-30 03:00", "2026-11-30 03:00"),
        (slot("2026-11-20 03:00"), "2026-11-30 12:00", "2026-11-30 03:00"),
        (slot("2026-11-29 03:00", "alive"), "2026-11-30 12:00", None),
        (slot("2026-11-29 03:00", "gone"), "2026-11-29 03:10", "2026-11-29 03:00"),
        (slot("2026-03-28 02:30"), "2026-03-29 12:00", "2026-03-29 03:00"),
    ],
)
def test_a_slot_is_due_once_and_what_was_begun_by_who_is_gone_is_due_again(
    known: Slot, now: str, expected: str | None
) -> None:
    found = due("0 3 * * *", BERLIN, known, at(now), lambda holder, seen, now: holder == "gone")
    assert found == (None if expected is None else at(expected))


@pytest.mark.parametrize("expression", ["30 2 * * *", "0 3 * * *", "*/30 * * * *", "15 */6 * * *"])
@pytest.mark.parametrize("day", ["2026-03-27", "2026-10-23"])
def test_where_the_clock_is_put_forward_or_back_no_slot_is_due_twice(expression: str, day: str) -> None:
    begin, days = at(f"{day} 12:00"), 4
    known, taken = Slot("partners", "", begin, None, begin, None), []
    for now in range(int(begin), int(begin) + days * 86_400, 900):
        found = due(expression, BERLIN, known, now, lambda *_: False)
        if found is not None:
            taken.append(found)
            known = Slot("partners", "", found, None, found, None)
    assert taken == sorted(set(taken))
    dates = {datetime.fromtimestamp(each, BERLIN).date() for each in taken}
    assert len(dates) >= days, "no day is left out"
    if "/" not in expression:
        assert len(taken) == len(dates), "what is at a certain hour is done once a day"
