"""What can't be checked is said, with the reason, and never reads as clean (invariant 7)."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import update

from strangler.control import backfills, reconciliations, tables
from strangler.control.holders import SILENT_AFTER
from strangler.control.reconciliations import Status
from strangler.reconcile.jobs import Job, Mode, Progress
from strangler.reconcile.runs import Reconciliation, reconcile

from .conftest import Make
from .landscape import Landscape, partners
from .test_runs import strangler


def filled(make: Make, pair: str) -> Landscape:
    legacy, store = pair.split("-")
    landscape = make(legacy, store)
    landscape.legacy.insert("partner", partners(50, legacy))
    landscape.fill()
    return landscape


def run(landscape: Landscape, mode: Mode = Mode.FULL, confirm: bool = False) -> Reconciliation:
    return reconcile(landscape.settings, landscape.control, Job("partners", mode, confirm=confirm))


@pytest.mark.parametrize("mode", list(Mode))
def test_a_missing_privilege_is_named(make: Make, mode: Mode) -> None:
    landscape = filled(make, "postgresql-postgresql")
    name = "reader_without_rights"
    with psycopg.connect(landscape.new.url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {name}".encode())
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'".encode())
    try:
        scheme, _, rest = landscape.new.url.partition("://")
        url = f"{scheme}://{name}:x@{rest.rpartition('@')[2]}"
        landscape.path.write_text(landscape.path.read_text().replace(landscape.new.url, url))
        result = strangler(landscape, "reconcile", "run", "partners", "--mode", mode.value, "--no-confirm")
        if mode is Mode.RECENT:  # Nothing was touched, so nothing has to be read.
            assert result.exit_code == 0, result.output
            return
        assert result.exit_code == 2, result.output
        assert "could not check" in result.output
        assert "permission denied for table partner" in result.output
    finally:
        with psycopg.connect(landscape.legacy.url, autocommit=True) as connection:
            connection.execute(f"DROP ROLE {name}".encode())


@pytest.mark.parametrize("pair", ["postgresql-sqlite", "mysql-postgresql", "sqlite-sqlite"])
@pytest.mark.parametrize("mode", [Mode.FULL, Mode.QUICK, Mode.SAMPLE])
def test_a_legacy_table_that_vanished_is_named(make: Make, pair: str, mode: Mode) -> None:
    landscape = filled(make, pair)
    landscape.legacy.run("DROP TABLE partner")
    found = run(landscape, mode)
    assert found.status is Status.FAILED
    assert found.reason is not None
    assert "partner" in found.reason


def test_a_store_that_is_being_filled_is_not_compared(make: Make) -> None:
    landscape = filled(make, "sqlite-sqlite")
    landscape.new.run("DELETE FROM partner WHERE id > 25")
    backfills.request(landscape.control, "partners", "partner")
    found = run(landscape, confirm=True)
    assert found.status is Status.FAILED
    assert found.reason is not None
    assert "is being filled: partner" in found.reason
    assert run(landscape, confirm=False).status is Status.DRIFT


def test_a_run_that_waits_gives_signs_of_life(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It isn't taken for abandoned while it waits for the store, or for one long statement."""
    landscape = filled(make, "sqlite-sqlite")
    monkeypatch.setattr("strangler.control.holders.SIGN_OF_LIFE", 0.01)
    seen: list[float] = []

    def told(progress: Progress) -> None:
        (running,) = reconciliations.listed(landscape.control)
        before = running.updated_at
        while running.updated_at == before:
            (running,) = reconciliations.listed(landscape.control)
            time.sleep(0.01)
        seen.append(running.updated_at)
        reconciliations.mark_abandoned(landscape.control, now=running.updated_at + SILENT_AFTER - 1)

    found = reconcile(landscape.settings, landscape.control, Job("partners", confirm=False), told=told)
    assert found.status is Status.CLEAN
    assert seen == sorted(seen)
    assert seen


def test_a_run_that_was_taken_over_writes_nothing_more(make: Make) -> None:
    landscape = filled(make, "sqlite-sqlite")
    taken: list[str | None] = []

    def told(progress: Progress) -> None:
        if not taken:
            with landscape.control.begin() as connection:
                connection.execute(update(tables.reconciliation).values(holder="elsewhere:1"))
            taken.append(None)

    with pytest.raises(reconciliations.Taken, match="another process's"):
        reconcile(landscape.settings, landscape.control, Job("partners", confirm=False), told=told)
    (running,) = reconciliations.listed(landscape.control)
    assert running.status is Status.RUNNING


def test_an_interrupted_run_is_not_gone_on_with_for_ever(make: Make) -> None:
    landscape = filled(make, "sqlite-sqlite")
    job = Job("partners", confirm=False, resume=True)
    stopped = reconcile(landscape.settings, landscape.control, job, stop=lambda: True)
    assert stopped.status is Status.INCOMPLETE
    later = time.time() + reconciliations.RESUMABLE + 1
    found = reconcile(landscape.settings, landscape.control, job, clock=lambda: later)
    assert found.run != stopped.run
    assert found.status is Status.CLEAN


def test_a_store_that_moved_to_another_database_is_read_from_the_beginning(make: Make) -> None:
    landscape = filled(make, "sqlite-sqlite")
    job = Job("partners", confirm=False, resume=True)
    asked = iter(range(3))
    stopped = reconcile(landscape.settings, landscape.control, job, stop=lambda: next(asked, None) is None)
    assert stopped.status is Status.INCOMPLETE
    landscape.new.run("DELETE FROM partner WHERE id = 7")
    other = landscape.path.parent / "other.db"
    with (
        closing(sqlite3.connect(landscape.path.parent / "store.db")) as one,
        closing(sqlite3.connect(other)) as copy,
    ):
        one.backup(copy)
    landscape.path.write_text(landscape.path.read_text().replace("store.db", "other.db"))
    landscape.open()
    found = reconcile(landscape.settings, landscape.control, job)
    assert found.run == stopped.run
    assert found.outcomes[0].missing == 1
