"""A source whose capture is lost: the worker refuses to go on, a reset begins anew, and what can't be mended is shown."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import psycopg
import pytest
import yaml
from click.testing import CliRunner, Result

from strangler import assembly
from strangler.boundary import Boundary
from strangler.changes import Position
from strangler.cli.main import root
from strangler.configuration import load
from strangler.control import backfills, ledger, sources, standings
from strangler.control.store import Control
from strangler.cutover.stages import RULES, Stage
from strangler.errors import SourceError
from strangler.ports import ChangeSource, ChangeStream
from strangler.reconcile.jobs import Job
from strangler.reconcile.narrow import Kind
from strangler.reconcile.runs import reconcile
from strangler.settings import Settings
from strangler.sync.backfill import Backfill
from strangler.sync.schema import Schema
from strangler.sync.stream import Stream
from strangler.testing.memory_log import MemoryLog
from strangler.testing.memory_source import MemoryDatabase, MemorySource
from strangler.worker import Worker
from tests.sync.landscape import Landscape, until
from tests.sync.partners import TABLE, mapping, settings

Given = TypeVar("Given")


class Migration:
    """One function `partners`, from a legacy database of either kind into a SQLite store, under `home`."""

    def __init__(self, home: Path, kind: str, url: str) -> None:
        self.home, self.kind, self.url = home, kind, url
        entity = {"table": "partner", "key": "id", "fields": {"id": "id", "name": "name"}}
        document = {
            "sources": {"erp": {"kind": kind, "url": url}},
            "stores": {"service": {"url": f"sqlite:///{home}/service.db"}},
            "functions": {"partners": {"source": "erp", "store": "service", "entities": {"partner": entity}}},
        }
        self.path = home / "strangler.yaml"
        self.path.write_text(yaml.safe_dump(document))
        self.settings: Settings = load(self.path)
        self.control: Control = assembly.control(self.settings)

    def write(self, *statements: str) -> None:
        """Write to the legacy database."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.home / "legacy.db", timeout=30)) as file:
                for statement in statements:
                    file.execute(statement)
                file.commit()
        else:
            with psycopg.connect(self.url, autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement.encode())

    def lose_capture(self) -> None:
        """Take away from under a stopped worker what its capture lives by."""
        if self.kind == "sqlite":
            names = ("journal", "layout", "capture")
            drops = [f"DROP TABLE strangler_{self.settings.name}_erp_{name}" for name in names]
            triggers = [
                f'DROP TRIGGER "strangler_{self.settings.name}_erp_on_{operation}_partner"'
                for operation in ("insert", "update", "delete")
            ]
            self.write(*triggers, *drops)
        else:
            slots = "FROM pg_replication_slots WHERE database = current_database()"
            self.write(f"SELECT pg_drop_replication_slot(slot_name) {slots}")

    def stored(self) -> dict[int, str]:
        with closing(sqlite3.connect(self.home / "service.db", timeout=30)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'partner'").fetchone():
                return {}
            return dict(connection.execute("SELECT id, name FROM partner"))

    def put(self, stage: Stage) -> None:
        standing = standings.of(self.control, "partners")
        standings.change(
            self.control, standing, replace(standing, stage=stage, owner=RULES[stage].owner), at=1.0
        )

    def error(self) -> str | None:
        record = sources.get(self.control, "erp")
        return record.error if record else None

    def filled(self) -> bool:
        return bool(backfills.all_backfills(self.control)) and not backfills.unfinished(
            self.control, "partners"
        )

    def strangler(self, *arguments: str, input: str | None = None) -> Result:
        environment = {"COLUMNS": "200"}
        result = CliRunner(env=environment).invoke(root, ["-c", str(self.path), *arguments], input=input)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    @contextmanager
    def worker(self) -> Iterator[None]:
        worker = Worker(self.settings, self.control)
        worker.start()
        try:
            yield
        finally:
            worker.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def migration(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Migration]:
    on_file = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/legacy.db" if on_file else request.getfixturevalue("postgres_url")
    made = Migration(tmp_path, request.param, url)
    made.write("CREATE TABLE partner (id bigint PRIMARY KEY NOT NULL, name text)")
    yield made
    with closing(assembly.source(made.settings, "erp")) as source:
        source.drop()
    made.control.close()


def synced(migration: Migration) -> None:
    """Three rows in the store, by backfill and by the stream, and the worker stopped."""
    migration.write("INSERT INTO partner VALUES (1, 'a'), (2, 'b')")
    with migration.worker():
        migration.put(Stage.SYNCING)
        until(migration.filled, "the backfill is done")
        migration.write("INSERT INTO partner VALUES (3, 'c')")
        until(lambda: 3 in migration.stored(), "the stream is at work")


def test_a_lost_capture_is_refused_then_reset_and_only_rows_removed_in_the_gap_remain(
    migration: Migration,
) -> None:
    synced(migration)
    migration.lose_capture()
    migration.write(
        "UPDATE partner SET name = 'in the gap' WHERE id = 1",
        "DELETE FROM partner WHERE id = 2",
        "INSERT INTO partner VALUES (4, 'in the gap')",
    )
    with migration.worker():
        until(migration.error, "the worker refuses to go on")
        error = migration.error()
        assert error is not None
        assert "changes may be missing" in error
        assert error.endswith("do: strangler source reset erp")
        assert "strangler source reset erp" in migration.strangler("status").output
        assert migration.strangler("source", "reset", "erp", "--yes").exit_code == 0
        until(lambda: 4 in migration.stored() and migration.filled(), "everything is filled again")
        migration.write("INSERT INTO partner VALUES (5, 'after')", "DELETE FROM partner WHERE id = 3")
        until(lambda: 5 in migration.stored() and 3 not in migration.stored(), "the stream goes on")
        found = reconcile(migration.settings, migration.control, Job("partners"))
    assert migration.stored() == {1: "in the gap", 2: "b", 4: "in the gap", 5: "after"}
    assert [(d.key, d.kind) for each in found.outcomes for d in each.differences] == [("[2]", Kind.EXTRA)]


def test_a_reset_under_a_worker_that_reads_begins_anew_and_loses_nothing(migration: Migration) -> None:
    synced(migration)
    with migration.worker():
        until(lambda: (r := sources.get(migration.control, "erp")) and r.seen_at, "the worker reads")
        migration.write("INSERT INTO partner VALUES (4, 'd')")
        migration.strangler("source", "reset", "erp", "--yes")
        migration.write("INSERT INTO partner VALUES (5, 'e')", "DELETE FROM partner WHERE id = 1")
        until(lambda: sources.identity(migration.control, "erp"), "it is captured again")
        until(migration.filled, "everything is filled again")
        migration.write("INSERT INTO partner VALUES (6, 'f')")
        until(lambda: 6 in migration.stored(), "the stream goes on")
    assert {2, 3, 4, 5, 6} <= set(migration.stored())


@pytest.fixture
def landscape(tmp_path: Path) -> Iterator[Landscape]:
    made = Landscape(tmp_path)
    yield made
    made.control.close()


def test_a_function_that_was_rolled_back_to_legacy_is_filled_again_too(landscape: Landscape) -> None:
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(landscape.filled, "it is filled")
    landscape.put(Stage.LEGACY)
    path = str(landscape.home / "strangler.yaml")
    output = CliRunner().invoke(root, ["-c", path, "source", "reset", "erp", "--yes"]).output
    assert "partners.partner is filled again" in output
    assert [record.run for record in backfills.unfinished(landscape.control, "partners")] == [2]


def test_a_backfill_does_not_begin_before_the_source_is_captured(tmp_path: Path) -> None:
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        backfills.request(control, "partners", "partner")
        untouched = cast(Any, None)
        backfill = Backfill(mapping(), untouched, untouched, control, 5, 1000, captured=lambda: False)
        assert not backfill.run(threading.Event())


def test_a_backfill_that_began_before_a_newer_was_asked_for_does_not_begin_that(tmp_path: Path) -> None:
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        backfills.request(control, "partners", "partner")
        backfills.request(control, "partners", "partner")
        backfills.begin(control, "partners", "partner", run=1, stamp=Position("5"), estimate=1)
        record = backfills.get(control, "partners", "partner")
    assert record is not None
    assert (record.run, record.stamp) == (2, "")


def stream_of(source: MemorySource, log: MemoryLog, control: Control) -> Stream:
    def nothing() -> None: ...

    schema = Schema("erp", settings(), control)
    boundary = Boundary([mapping()])
    return Stream("erp", cast(ChangeSource, source), schema, boundary, log, control, 20, {}, nothing, nothing)


def test_a_database_behind_the_log_is_refused_with_what_to_do_and_not_remembered(tmp_path: Path) -> None:
    log = MemoryLog()
    log.append("erp", [], Position("F" * 16))
    source = MemorySource("x_erp", MemoryDatabase([TABLE]), {"partner": ["name"]})
    stop = threading.Event()
    stop.set()
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        with pytest.raises(SourceError, match="behind what the log has") as raised:
            stream_of(source, log, control).run(stop)
        assert sources.identity(control, "erp") is None
    assert "empty log" in raised.value.do
    assert log.position("erp") == "F" * 16


class Killed(BaseException):
    """The process is gone at this step."""


class Dying(MemorySource):
    """A source whose process dies when it has done `left` of the calls that a new capture makes."""

    left = 100

    def prepare(self, anew: bool = False) -> str:
        return self._after(super().prepare(anew))

    def safe_position(self, timeout: float) -> Position:
        return self._after(super().safe_position(timeout))

    def stream(self, after: Position, identity: str) -> Any:
        stream = super().stream(after, identity)
        try:
            return self._after(stream)
        except Killed:
            stream.close()  # As the end of the process would.
            raise

    def _after(self, result: Given) -> Given:
        self.left -= 1
        if not self.left:
            raise Killed
        return result


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_new_capture_that_was_killed_at_any_step_is_begun_again(tmp_path: Path, step: int) -> None:
    database, log = MemoryDatabase([TABLE]), MemoryLog()
    log.append("erp", [], Position("0" * 16))
    source = Dying("x_erp", database, {"partner": ["name", "number", "active", "note"]})
    source.left = step
    stop = threading.Event()
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        with pytest.raises(Killed):
            stream_of(source, log, control).run(stop)
        assert sources.identity(control, "erp") is None
        stop.set()
        stream_of(source, log, control).run(stop)
        identity = sources.identity(control, "erp")
        assert identity is not None
        with closing(cast(ChangeStream, source.stream(log.position("erp"), identity))):
            assert log.position("erp") > "0" * 16


def test_invariant_4_what_new_owns_is_not_filled_from_legacy_again(landscape: Landscape) -> None:
    sources.remember(landscape.control, "erp", "this one")
    path = str(landscape.home / "strangler.yaml")
    for stage in (Stage.LIVE, Stage.RETIRED):
        landscape.put(stage, owner=RULES[stage].owner)
        refused = CliRunner().invoke(root, ["-c", path, "source", "reset", "erp", "--yes"])
        assert (refused.exit_code, f"while partners is {stage}" in refused.output) == (1, True)
    assert sources.identity(landscape.control, "erp") == "this one"
    assert ledger.entries(landscape.control) == []


def test_reset_asks_first_and_leaves_its_decision_on_the_ledger(migration: Migration) -> None:
    sources.remember(migration.control, "erp", "this one")
    migration.put(Stage.SYNCING)
    asked = migration.strangler("source", "reset", "erp", input="n\n")
    assert asked.exit_code == 1
    assert "weren't seen" in asked.output
    assert "as extra" in asked.output
    assert sources.identity(migration.control, "erp") == "this one"
    assert migration.strangler("source", "reset", "erp", "--as", "eva@office", input="y\n").exit_code == 0
    (entry,) = ledger.entries(migration.control)
    assert (entry.actor, entry.kind, entry.body["identity"]) == (
        "eva@office (claimed)",
        "source reset",
        "this one",
    )
    assert entry.body["filled again"] == ["partners.partner"]
    mistyped = migration.strangler("source", "reset", "epr", "--yes")
    assert (mistyped.exit_code, "did you mean 'erp'?" in mistyped.output) == (2, True)


def test_list_shows_each_source_without_its_password(migration: Migration) -> None:
    assert "never" in migration.strangler("source", "list").output
    sources.remember(migration.control, "erp", "this one")
    sources.seen(migration.control, "erp", Position("00AB"), seen_at=0.5, committed_at=0.5)
    sources.fail(migration.control, "erp", "the slot is gone")
    (found,) = json.loads(migration.strangler("source", "list", "--json").output)
    shown = (found["source"], found["kind"], found["identity"], found["position"], found["error"])
    assert shown == ("erp", migration.kind, "this one", "00AB", "the slot is gone")
    listed = migration.strangler("source", "list").output
    assert "1970-01-01 00:00:00" in listed
    if migration.kind == "postgres":
        password = migration.url.split(":")[2].split("@")[0]
        assert password not in listed
        assert password not in json.dumps(found)
