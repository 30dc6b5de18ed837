"""Repair on real databases with a real worker: what differs comes to what legacy has, by events that newer ones win over."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strangler.control import quarantine, reconciliations, repairs, standings
from strangler.control.reconciliations import Status
from strangler.control.repairs import State
from strangler.cutover.stages import Side, Stage
from strangler.errors import ExitCode, Refused
from strangler.events import Effect
from strangler.reconcile import following, repair
from strangler.sync import repairing
from tests.reconcile.landscape import file_url
from tests.reconcile.repairs import Migration
from tests.sync.landscape import until


@pytest.fixture(params=["sqlite-sqlite"])
def migration(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Migration]:
    """Between two databases; parametrized by `on`."""
    legacy, store = (_url(request, kind, name, tmp_path) for kind, name in
                     zip(request.param.split("-"), ("legacy", "store"), strict=True))  # fmt: skip
    made = Migration(tmp_path, legacy, store)
    yield made
    made.close()
    for kind, url in zip(request.param.split("-"), (legacy, store), strict=True):
        if kind != "sqlite":
            _server(request, kind).drop_database(url.rsplit("/", 1)[1])


def _server(request: pytest.FixtureRequest, kind: str) -> Any:
    return request.getfixturevalue("mariadb" if kind == "mysql" else "postgres")


def _url(request: pytest.FixtureRequest, kind: str, name: str, home: Path) -> str:
    if kind == "sqlite":
        return file_url(home / f"{name}.db")
    database = re.sub(r"\W", "_", f"{name}_{os.getpid()}_{home.name}".lower())[-50:]
    return str(_server(request, kind).create_database(database))


def on(*kinds: str, nightly: tuple[str, ...] = ()) -> Any:
    """Between these databases, and at night between others."""
    also = [pytest.param(each, marks=pytest.mark.nightly) for each in nightly]
    return pytest.mark.parametrize("migration", [*kinds, *also], indirect=True)


@on("postgresql-postgresql", nightly=("sqlite-sqlite", "mysql-sqlite"))
def test_every_kind_of_drift_comes_to_what_legacy_has(migration: Migration) -> None:
    with migration.worker():
        migration.fill()
        position = migration.rows("SELECT _position FROM partner WHERE id = 3")[0][0]
        migration.damage("partner", "name = 'wrong'", "id = 2")  # As the stream wrote it.
        migration.damage("partner", "name = 'wrong'", "id = 4")  # As the backfill did.
        migration.damage("sale", "buyer = 'nobody'", "code = 's5'")
        migration.damage("sale_lines", "quantity = 7", "code = 's4' AND position = 1")
        migration.new.run(
            "DELETE FROM partner WHERE id IN (5, 6)",
            f"INSERT INTO partner (id, name, number, _position) VALUES (99, 'nobody', 1, '{position}')",
            "DELETE FROM sale_lines WHERE code = 's1' AND position = 2",
            "INSERT INTO sale_lines (code, position, quantity, state, _position)"
            f" VALUES ('s3', 9, 1, 'open', '{position}'), ('s77', 1, 1, 'open', '{position}')",
        )
        # A lost insert behind which a tombstone was left.
        migration.new.run(
            "INSERT INTO strangler_tombstone (entity, key, position) VALUES "
            f"('sales/partner', '[6]', '{position}')"
        ) if migration.rows("SELECT entity FROM strangler_tombstone LIMIT 1") == [
            ("sales/partner",)
        ] else None
        assert len(migration.drift()) == 10
        planned = migration.repair("sales")
        assert planned.return_value is ExitCode.OK, planned.output
        assert migration.noted("repair asked for") == []
        assert re.search(r"partner +\[5\] +missing +PartnerRegistered +id, name, number", planned.output)
        assert re.search(r"partner +\[99\] +extra +PartnerRemoved", planned.output)
        assert re.search(r"partner +\[2\] +different +PartnerNamed +name", planned.output)
        assert re.search(r'sale +\["s4"\] +different +SaleChanged +lines: quantity', planned.output)
        done = migration.repair("sales", "--apply", "--as", "ann")
        assert done.return_value is ExitCode.OK, done.output
        assert "10 keys of 10 mended" in done.output
        assert migration.status() is Status.CLEAN
        # Once more, by the other command: nothing of legacy has changed since, so that nothing but the repair moves a position.
        migration.damage("partner", "name = 'wrong again'", "id = 2")
        told = migration.strangler("reconcile", "run", "sales", "--repair")
        assert told.exit_code == ExitCode.FAILED
        assert "1 key would be said anew" in told.output
        assert (
            "1 key of 1 mended"
            in migration.strangler("reconcile", "run", "sales", "--repair", "--apply").output
        )
        assert migration.status() is Status.CLEAN
    (asked, again), (said, _) = migration.noted("repair asked for"), migration.noted("keys re-emitted")
    assert (asked.actor, asked.body["keys"], len(asked.body["which"])) == ("ann (claimed)", 10, 10)
    assert (said.body["emitted"], said.body["left"], again.body["keys"]) == (10, [], 1)
    assert migration.events("partner", "[99]")[-1].effect is Effect.REMOVE
    assert [line["position"] for line in migration.events("sale", '["s1"]')[-1].data["lines"]] == [1, 2, 3]


@on("postgresql-postgresql", nightly=("sqlite-sqlite", "mysql-sqlite"))
def test_invariant_3_what_legacy_writes_after_it_was_read_wins_over_a_repair(
    migration: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, go_on, done = threading.Event(), threading.Event(), repairing._Reading.is_done

    def held_back(reading: repairing._Reading) -> bool:
        if done(reading):
            read.set()
        return done(reading) and go_on.is_set()

    monkeypatch.setattr(repairing._Reading, "is_done", held_back)
    with migration.worker():
        migration.fill()
        migration.damage("partner", "name = 'wrong'", "id IN (2)")
        migration.new.run("DELETE FROM partner WHERE id = 5")
        migration.drift()
        answer = []
        asking = threading.Thread(target=lambda: answer.append(migration.repair("sales", "--apply")))
        asking.start()
        assert read.wait(20)
        migration.legacy.run(
            "UPDATE partner SET name = 'newer' WHERE id = 2", "DELETE FROM partner WHERE id = 5"
        )
        until(
            lambda: migration.rows("SELECT name FROM partner WHERE id = 2") == [("newer",)], "it is delivered"
        )
        go_on.set()
        until(lambda: len(migration.noted("keys re-emitted")) == 1, "the repair is said")
        until(lambda: migration.status() is Status.CLEAN, "it is clean")
        assert migration.rows("SELECT id, name FROM partner WHERE id IN (2, 5)") == [(2, "newer")]
        asking.join()
    assert migration.events("partner", "[2]")[-1].data["name"] == "changed"


@pytest.mark.slow
@on("sqlite-sqlite", nightly=("postgresql-postgresql", "mysql-sqlite"))
def test_a_worker_killed_between_the_log_and_the_mark_repeats_it_and_changes_nothing(
    migration: Migration,
) -> None:
    with migration.worker():
        migration.fill()
        migration.new.run("DELETE FROM partner WHERE id = 5", "DELETE FROM sale_lines WHERE code = 's1'")
        migration.drift()
    command = [sys.executable, "-m", "tests.reconcile.repairs", str(migration.path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as victim:
        assert victim.stdout is not None
        asked = _ask(migration)
        assert victim.stdout.readline() == "said\n"
        os.kill(victim.pid, signal.SIGKILL)
    assert {each.state for each in repairs.of(migration.control, asked)} == {State.ASKED}
    with migration.worker():
        until(
            lambda: {each.state for each in repairs.of(migration.control, asked)} == {State.EMITTED},
            "it is carried out",
        )
        assert migration.status() is Status.CLEAN
    said = [each for each in migration.events("partner", "[5]") if "~" in each.position]
    assert len(said) == 2
    assert said[0].data == said[1].data


def _ask(migration: Migration) -> list[int]:
    run = reconciliations.latest(migration.control, "sales")
    assert run is not None
    planned = repair.plan(migration.settings, migration.control, run, max_keys=100)
    return repair.ask(migration.control, planned, actor="test", at=1.0)


def test_without_a_worker_it_says_so_and_the_next_one_carries_it_out(
    migration: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "READ_WITHIN", 1.5)
    with migration.worker():
        migration.fill()
        migration.new.run("DELETE FROM partner WHERE id = 5")
        migration.drift()
    until(lambda: following._unread(migration.control, "erp"), "nobody reads the source", patience=30)
    answered = migration.repair("sales", "--apply")
    assert answered.return_value is ExitCode.INCOMPLETE
    assert "start `strangler worker`, which carries it out" in answered.output
    migration.legacy.run("UPDATE partner SET name = 'meanwhile' WHERE id = 5")
    with migration.worker():
        until(lambda: migration.rows("SELECT name FROM partner WHERE id = 5") == [("meanwhile",)], "it came")
        assert migration.status() is Status.CLEAN


def test_invariant_4_what_the_service_wrote_is_refused_with_the_way_out(migration: Migration) -> None:
    with migration.worker():
        migration.fill()
        migration.new.run(
            "UPDATE partner SET name = 'mine' WHERE id = 3",
            "UPDATE sale_lines SET quantity = 3 WHERE code = 's1' AND position = 1",
            "DELETE FROM partner WHERE id = 5",
        )
        migration.drift()
        answered = migration.repair("sales", "--apply")
        assert answered.return_value is ExitCode.FAILED
        assert (
            "partner [3] can't be repaired so: its row in partner was written by the service"
            in answered.output
        )
        assert "its row in sale_lines was written by the service itself" in answered.output
        assert "1 key of 3 mended" in answered.output
        (advice,) = re.findall(r"partner \[3\].*(UPDATE .* WHERE)", answered.output)
        migration.new.run(f"{advice} id = 3", "UPDATE sale_lines SET _position = '' WHERE code = 's1'")
        migration.drift()
        assert migration.repair("sales", "--apply").return_value is ExitCode.OK
        assert migration.status() is Status.CLEAN


def test_invariant_7_what_waits_in_quarantine_is_refused(migration: Migration) -> None:
    with migration.worker():
        migration.fill()
        migration.damage("partner", "name = 'wrong'", "id = 3")
        migration.drift()
        migration.legacy.run("UPDATE partner SET number = 'none' WHERE id = 3")
        until(lambda: quarantine.keys(migration.control, "sales", "partner"), "it waits")
        answered = migration.repair("sales")
    assert answered.return_value is ExitCode.FAILED
    assert "partner [3] can't be repaired so: it waits in quarantine" in answered.output


def test_a_row_that_cant_be_translated_by_now_is_left_alone(migration: Migration) -> None:
    with migration.worker():
        migration.fill()
        migration.damage("partner", "name = 'wrong'", "id = 3")
        migration.drift()
    asked = _ask(migration)
    migration.legacy.run("UPDATE partner SET number = 'none' WHERE id = 3")
    with migration.worker():
        until(lambda: repairs.of(migration.control, asked)[0].state is State.LEFT, "it was left alone")
    words = repairs.of(migration.control, asked)[0].words or ""
    assert "can't be translated" in words or "waits in quarantine" in words


def test_more_keys_than_asked_for_are_refused_and_one_can_be_chosen(migration: Migration) -> None:
    with migration.worker():
        migration.fill()
        migration.new.run("DELETE FROM partner WHERE id IN (5, 6, 7)")
        migration.drift()
        refused = migration.repair("sales", "--apply", "--max-keys", "2")
        assert isinstance(refused.exception, Refused)
        assert "--max-keys 3" in refused.exception.do
        absent = migration.repair("sales", "--apply", "--key", "[8]")
        assert isinstance(absent.exception, Refused)
        chosen = migration.repair("sales", "--apply", "--max-keys", "2", "--key", "[6]")
        assert chosen.return_value is ExitCode.OK
        assert {key for _, key in migration.drift()} == {"[5]", "[7]"}


def test_invariant_4_a_function_that_new_owns_is_refused(migration: Migration) -> None:
    with migration.worker():
        migration.fill()
        migration.new.run("DELETE FROM partner WHERE id = 5")
        migration.drift()
    asked = _ask(migration)
    standing = standings.of(migration.control, "sales")
    live = replace(standing, stage=Stage.LIVE, owner=Side.NEW, sync_until="0")
    standings.change(migration.control, standing, live, at=1.0)
    refused = migration.repair("sales")
    assert isinstance(refused.exception, Refused)
    with migration.worker():  # Asked for before it moved.
        until(lambda: repairs.of(migration.control, asked)[0].state is State.LEFT, "it was left alone")
    assert not [each for each in migration.events("partner", "[5]") if "~" in each.position]


def test_a_run_that_isnt_there_is_named(migration: Migration) -> None:
    for name in ("17", "sales"):
        refused = migration.repair(name)
        assert isinstance(refused.exception, Refused)
        assert name in refused.exception.what
