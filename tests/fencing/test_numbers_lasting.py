"""How long numbers last: measured between two looks, and told as far as it is known."""

from __future__ import annotations

import pytest

from strangler.cli.worries import worries
from strangler.control import ledger, paces, standings, stretches
from strangler.control.paces import Look, Pace
from strangler.control.store import Control
from strangler.control.stretches import Stretch
from strangler.cutover.assessment import assess
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.numbering.apart import DOUBLE
from strangler.numbering.lasting import lasting, running_low
from strangler.numbering.watching import Watching
from strangler.settings import Numbers
from tests.fencing.legacies import Legacy
from tests.fencing.test_numbers import counting as counting
from tests.fencing.test_numbers import draw_legacy, draw_new

NUMBERS = Numbers.model_validate({"legacy": "a", "new": "b", "gap": 1000})
DAY = 86400.0


def lasts(legacy: int, new: int) -> dict[Side, int]:
    return {Side.LEGACY: legacy, Side.NEW: new}


def look(control: Control, at: float, legacy: int, new: int) -> None:
    paces.looked(control, "party", "a / b", Look(at, lasts(legacy, new)))


def pace(control: Control, now: float) -> Pace:
    return paces.of(control, "party", "a / b", now=now)


def test_what_is_drawn_is_measured_between_two_looks(control: Control) -> None:
    look(control, 3600.0, 100, 7)
    assert pace(control, 3600.0) == Pace()
    look(control, 6000.0, 160, 7)
    look(control, 9000.0, 200, 10)
    assert pace(control, 9000.0) == Pace(5400.0, lasts(100, 3), lasts(60, 3))


def test_a_jump_isn_t_drawn_and_a_counter_that_was_set_back_tells_nothing(control: Control) -> None:
    look(control, 0.0, 100, 0)
    paces.jump(control, "party")
    look(control, 60.0, 100, 2000)
    look(control, 120.0, 105, 2001)
    look(control, 180.0, 50, 2001)
    assert pace(control, 180.0) == Pace(60.0, lasts(5, 1), lasts(5, 1))


def test_what_is_older_than_a_week_counts_no_more(control: Control) -> None:
    for day in range(10):
        look(control, day * DAY, day * 100, 0)
    assert pace(control, 9 * DAY).drawn == lasts(800, 0)
    assert pace(control, 9 * DAY).busiest == lasts(0, 0), "no hour was measured by itself"


def test_a_gap_that_lasts_as_long_as_no_worker_may_run_is_enough() -> None:
    told = lasting(NUMBERS, Pace(DAY, lasts(400, 20), lasts(90, 3)), DAY)
    assert (
        told.words
        == "legacy 400 a day and new 20 a day, measured over 1 d: half of a gap of 1,000 lasts 1 d 6 h"
    )
    assert told.warning == ""


@pytest.mark.parametrize(
    ("drawn", "busiest", "gap"),
    [(lasts(6000, 0), lasts(300, 0), 12000), (lasts(480, 0), lasts(0, 507), 1100)],
)
def test_one_that_lasts_less_is_warned_of_and_the_one_that_would_do_is_named(
    drawn: dict[Side, int], busiest: dict[Side, int], gap: int
) -> None:
    told = lasting(NUMBERS, Pace(DAY, drawn, busiest), DAY)
    assert f"set gap: {gap}" in told.warning
    assert not lasting(NUMBERS.model_copy(update={"gap": gap}), Pace(DAY, drawn, busiest), DAY).warning


def test_what_is_not_known_is_said_to_be_so() -> None:
    for known in (Pace(), Pace(3599.0, lasts(10**6, 0), lasts(10**6, 0))):
        told = lasting(NUMBERS, known, DAY)
        assert "isn't known" in told.words
        assert (told.lasts, told.per_day, told.warning) == (None, None, "")
    assert "nothing is used up" in lasting(NUMBERS, Pace(DAY, lasts(0, 0), lasts(0, 0)), DAY).words


def test_a_gap_that_runs_low_is_told_and_so_is_that_nobody_looks() -> None:
    stretch = Stretch(Side.NEW, 1000)
    assert running_low(NUMBERS, stretch, Look(0.0, lasts(750, 1200)), 60.0) == ""
    assert "legacy has 249 numbers left of a gap of 1,000" in running_low(
        NUMBERS, stretch, Look(0.0, lasts(751, 1200)), 60.0
    )
    assert "nobody has looked for 10 m" in running_low(NUMBERS, stretch, Look(0.0, lasts(0, 1200)), 601.0)
    assert "nobody has looked lately" in running_low(NUMBERS, stretch, None, 601.0)


def test_a_side_that_was_not_looked_after_in_time_is_on_the_ledger(
    counting: Legacy, control: Control
) -> None:
    """And the numbers are kept apart from then on."""
    configured = counting.settings(
        numbers=[{"legacy": "party_code", "new": "party_code", "gap": 10}],
        cohorts={"from": [{"header": "X-Company"}], "of": {"party": "company"}},
    )
    for cohort, side, stage in ((EVERYONE, Side.LEGACY, Stage.SYNCING), ("1", Side.NEW, Stage.LIVE)):
        standings.amend(control, "party", cohort, at=1.0, stage=stage, owner=side)
    stretches.keep(control, "party", "sequence party_code / sequence party_code", Stretch(Side.LEGACY, 3))
    given = [draw_new(counting) for _ in range(3)]
    Watching(configured, control).look()
    (entry,) = ledger.entries(control, function="party", kind=DOUBLE)
    assert (entry.body["first"], entry.body["before"]) == (4, given[-1])
    told = " ".join(line.plain for line in worries([assess(control, configured, "party")], control))
    assert (
        f"sequence party_code of new has given 4 to {given[-1]}, which the other side may have given, too"
        in told
    )
    assert draw_new(counting) == 51
    assert draw_legacy(counting) == 41


def test_numbers_that_nothing_keeps_apart_are_warned_of(counting: Legacy, control: Control) -> None:
    configured = counting.settings(
        numbers=[{"legacy": "party_code", "new": "party_code"}],
        cohorts={"from": [{"header": "X-Company"}], "of": {"party": "company"}},
    )

    def told() -> str:
        return " ".join(line.plain for line in worries([assess(control, configured, "party")], control))

    standings.amend(control, "party", at=1.0, stage=Stage.SYNCING)
    assert "nothing keeps their numbers apart" not in told()
    standings.amend(control, "party", "1", at=1.0, stage=Stage.LIVE, owner=Side.NEW)
    assert (
        "party: numbers sequence party_code / sequence party_code: both sides draw, and nothing keeps"
        in told()
    )
    Watching(configured, control).look()
    assert "nothing keeps their numbers apart" not in told()
