"""What a switch asks before the fence, so that writers wait for little: Vitess's guards in words, and the look at what changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from strangler.control import backfills, deliveries
from strangler.cutover.delta import Delta
from strangler.cutover.kept import Kept
from strangler.cutover.outside import outside
from strangler.cutover.readiness import refuse_behind
from strangler.cutover.stages import EVERYONE, Stage
from strangler.errors import Refused
from tests.cutover.estate import position
from tests.sync.landscape import Landscape, until


@pytest.fixture
def landscape(tmp_path: Path) -> Iterator[Landscape]:
    made = Landscape(tmp_path)
    yield made
    made.control.close()


def test_a_backfill_that_is_in_progress_lets_no_switch_begin(landscape: Landscape) -> None:
    section = landscape.settings.functions["partners"]
    backfills.request(landscape.control, "partners", "partner")
    with pytest.raises(Refused, match=r"the backfill of partners\.partner is still in progress"):
        refuse_behind(landscape.control, "partners", section)
    backfills.finish(landscape.control, "partners", "partner", run=1)
    refuse_behind(landscape.control, "partners", section)


def test_a_store_that_is_behind_lets_no_switch_begin(landscape: Landscape) -> None:
    section = landscape.settings.functions["partners"]
    said = {"position": position(1), "generation": 1, "rows": 1, "late_writes": 0}
    deliveries.report(landscape.control, "partners", lag=12.0, **said)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="the store of partners is 12 s behind, more than 5 s"):
        refuse_behind(landscape.control, "partners", section)
    deliveries.report(landscape.control, "partners", lag=4.0, **said)  # type: ignore[arg-type]
    refuse_behind(landscape.control, "partners", section)


def test_what_differs_beforehand_and_what_changes_later_is_looked_at_behind_the_fence(
    landscape: Landscape,
) -> None:
    with landscape.worker():
        until(landscape.captured, "the source is captured")
        landscape.put(Stage.SYNCING)
        until(landscape.filled, "the backfill is finished")
        landscape.write(*(f"INSERT INTO partner VALUES ({i}, 'p{i}', '{i}')" for i in range(1, 1201)))
        until(lambda: len(landscape.stored()) == 1200, "all have arrived")
    with closing(Kept(landscape.settings, "partners")) as kept:
        delta = Delta(kept, landscape.control, "partners", EVERYONE)
        assert delta.drift() == 0
        # The first of 1,200 events is among what is looked at, and is looked at again.
        spoil(landscape, 1)
        delta.look()
        assert delta.drift() == 1
        spoil(landscape, 1, name="p1")
        assert delta.drift() == 0
        # What was equal at the look, and had no event since, isn't read again.
        spoil(landscape, 2)
        assert delta.drift() == 0
        assert Delta(kept, landscape.control, "partners", EVERYONE).drift() == 1


def spoil(landscape: Landscape, id: int, name: str = "otherwise") -> None:
    """Let the store have something else, or the right thing again, of which no event says anything."""
    with closing(sqlite3.connect(landscape.home / "service.db")) as store:
        store.execute("UPDATE partner SET name = ?, _position = _position WHERE id = ?", (name, id))
        store.commit()


def test_a_function_that_is_not_configured_any_more_has_nothing_outside(landscape: Landscape) -> None:
    """Its abandoned switch can still be ended."""
    reached = outside(landscape.settings, landscape.control, "gone", EVERYONE)
    assert (reached.fence_legacy, reached.lift_legacy, reached.hand_over, reached.deactivate) == (None,) * 4
