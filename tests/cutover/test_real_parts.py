"""A function moved to live and back with a real worker, source, log and store, on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest

from strangler.control import standings
from strangler.cutover.conductor import Acting, Conductor
from strangler.cutover.evidence import Health
from strangler.cutover.outside import outside
from strangler.cutover.stages import Side, Stage
from strangler.errors import Refused
from strangler.reconcile.jobs import Job
from strangler.reconcile.runs import reconcile
from strangler.settings import Service
from tests.sync.landscape import Landscape, until


@pytest.fixture
def landscape(tmp_path: Path) -> Iterator[Landscape]:
    made = Landscape(tmp_path)
    section = made.settings.functions["partners"]
    served = section.model_copy(update={"service": Service(url="http://new", health="/")})
    made.settings = made.settings.model_copy(update={"functions": {"partners": served}})
    yield made
    made.control.close()


def conductor(landscape: Landscape) -> Conductor:
    settings, control = landscape.settings, landscape.control
    hand = Acting(control, "eva@host", 20.0, partial(outside, settings, control))
    return Conductor(settings, control, hand, actor="eva@host", probe=lambda service: Health(True, "well"))


def write_new(landscape: Landscape, statement: str) -> None:
    """What the new service does."""
    with closing(sqlite3.connect(landscape.home / "service.db", timeout=30)) as connection:
        connection.execute(statement)
        connection.commit()


def allowed(landscape: Landscape) -> bool:
    """Advance, unless something is still in the way."""
    with suppress(Refused):
        conductor(landscape).advance("partners")
        return True
    return False


def test_to_live_and_back_without_losing_a_row(landscape: Landscape) -> None:
    landscape.write(*(f"INSERT INTO partner VALUES ({i}, 'p{i}', '{i}')" for i in range(1, 21)))
    with landscape.worker():
        conductor(landscape).advance("partners")
        until(landscape.filled, "the backfill is finished")
        until(lambda: allowed(landscape), "the gates let it into shadow")
        assert reconcile(landscape.settings, landscape.control, Job("partners")).drift == 0
        while standings.of(landscape.control, "partners").weight < 10_000:
            until(lambda: allowed(landscape), "the gates let it go on in canary")
        landscape.write("UPDATE partner SET name = 'at the last moment' WHERE id = 7")
        until(lambda: allowed(landscape), "the gates let it go live")
        live = standings.of(landscape.control, "partners")
        assert (live.stage, live.owner, live.fenced) == (Stage.LIVE, Side.NEW, False)
        assert landscape.stored()[7][0] == "at the last moment"

        write_new(landscape, "INSERT INTO partner (id, name, number) VALUES (100, 'only here', 1)")
        write_new(landscape, "UPDATE partner SET name = 'changed here' WHERE id = 1")
        with pytest.raises(Refused, match="2 documents exist only in the new store or differ there"):
            conductor(landscape).rollback("partners")
        assert standings.of(landscape.control, "partners") == live

        write_new(landscape, "DELETE FROM partner WHERE id = 100")
        write_new(landscape, "UPDATE partner SET name = 'p1' WHERE id = 1")
        back = conductor(landscape).rollback("partners")
        assert (back.stage, back.owner, back.fenced) == (Stage.SYNCING, Side.LEGACY, False)
        landscape.write("UPDATE partner SET name = 'legacy again' WHERE id = 2")
        until(lambda: landscape.stored()[2][0] == "legacy again", "delivery goes on from its mark")


def test_invariant_4_a_late_write_is_counted_and_not_applied(landscape: Landscape) -> None:
    landscape.write("INSERT INTO partner VALUES (1, 'a', '1')")
    with landscape.worker():
        conductor(landscape).advance("partners")
        until(landscape.filled, "the backfill is finished")
        until(lambda: allowed(landscape), "the gates let it into shadow")
        assert reconcile(landscape.settings, landscape.control, Job("partners")).drift == 0
        while standings.of(landscape.control, "partners").stage is not Stage.LIVE:
            until(lambda: allowed(landscape), "the gates let it go on")
        landscape.write("UPDATE partner SET name = 'late' WHERE id = 1")
        until(
            lambda: (found := landscape.delivered()) and found.late_writes == 1, "the late write is counted"
        )
        assert landscape.stored()[1][0] == "a"
