"""Who writes late in legacy, in databases with users of their own: told by triggers (`fence: {by: tell}`), or as far as the log tells."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest
from click.testing import CliRunner

from strangler import assembly, doctor
from strangler.changes import ORIGIN
from strangler.cli.main import root
from strangler.control import backfills, fences, late_writes, standings
from strangler.control.late_writes import LateWrite
from strangler.control.store import Control
from strangler.cutover.conductor import Acting
from strangler.cutover.journal import Intent
from strangler.cutover.kept import Kept
from strangler.cutover.outside import outside
from strangler.cutover.stages import EVERYONE, Stage
from strangler.errors import Refused
from strangler.fencing import definers, telling
from strangler.fencing.fence import LegacyFence
from strangler.fencing.measures import Guarded
from strangler.ports import Finding, Hand
from strangler.settings import Fence
from strangler.sync.authors import Authors
from strangler.testing.mariadb import server as private
from tests.fencing.legacies import Legacy, made
from tests.sync.landscape import until, working

Read = Callable[[], list[tuple[str, list[Any]]]]

JOB = "nightly prices"
"""The program that nobody knew of."""


@pytest.fixture
def job(server: Legacy) -> Iterator[str]:
    """A user of the ERP who may write its tables, and nothing of ours."""
    name = f"etl_{abs(hash(server.url)) % 10**8}"
    if server.kind == "postgres":
        who, made = f'"{name}"', f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'secret'"
        drop = [f"DROP OWNED BY {who}", f"DROP ROLE {who}"]
    else:
        who, made = f"'{name}'@'%'", f"CREATE USER '{name}'@'%' IDENTIFIED BY 'secret'"
        drop = [f"DROP USER {who}"]
    server.run(made, f"GRANT SELECT, INSERT, UPDATE, DELETE ON party TO {who}")
    yield name
    server.run(*drop)


def connected(server: Legacy, job: str, password: str = "secret") -> Any:
    """As that user, with the name of a program."""
    parts = urlsplit(server.url)
    known = {"host": parts.hostname, "port": parts.port, "user": job, "password": password}
    if server.kind == "postgres":
        return psycopg.connect(**known, dbname=parts.path[1:], application_name=JOB)
    return pymysql.connect(**known, database=parts.path[1:], program_name=JOB)


def write(server: Legacy, job: str, *statements: str) -> str:
    """What the job does, in one transaction; how the database names that."""
    with closing(connected(server, job)) as connection, closing(connection.cursor()) as cursor:
        for statement in statements:
            cursor.execute(statement)
        if server.kind == "postgres":
            cursor.execute("SELECT txid_current()")
            connection.commit()
        else:
            connection.commit()
            cursor.execute("SELECT @@last_gtid")
        [(transaction,)] = cursor.fetchall()
        return str(transaction)


def expected(server: Legacy, job: str) -> str:
    """What the triggers tell of it."""
    if server.kind == "postgres":
        return f"user {job}, program {JOB}, from 127.0.0.1"
    [(has_programs, host)] = server.run("SELECT @@performance_schema, SUBSTRING_INDEX(USER(), '@', -1)")
    return f"user {job}@{host}" + (f", program {JOB}" if has_programs else "")


class Moved:
    """The function, moved to new by a real switch while a worker reads legacy."""

    def __init__(self, server: Legacy, **function: Any) -> None:
        self.settings = server.settings(**function)
        self._file = server.home / "strangler.yaml"
        self.control = assembly.control(self.settings)
        self._hand = Acting(self.control, "eva@host", 30.0, partial(outside, self.settings, self.control))

    def go_live(self) -> None:
        self._put(Stage.SYNCING)
        until(self._filled, "the backfill is finished", 60)
        self._put(Stage.CANARY)
        self.switch(Stage.LIVE)

    def switch(self, stage: Stage, accepted: int = 0) -> None:
        intent = Intent("party", EVERYONE, stage, 0, "eva@host", "", [], accepted)
        self._hand.switch(intent, standings.of(self.control, "party"))

    def late(self, count: int) -> list[LateWrite]:
        until(lambda: len(late_writes.newest(self.control)) >= count, "the late writes are recorded", 60)
        return late_writes.newest(self.control)

    def said(self, *command: str) -> str:
        result = CliRunner(env={"COLUMNS": "200"}).invoke(root, ["--config", str(self._file), *command])
        assert result.exit_code == 0, result.output
        return result.output

    def _put(self, stage: Stage) -> None:
        standing = standings.of(self.control, "party")
        standings.change(self.control, standing, replace(standing, stage=stage), at=time.time())

    def _filled(self) -> bool:
        record = backfills.get(self.control, "party", "party")
        return record is not None and record.finished_at is not None


def test_who_writes_past_the_facades_is_told_with_table_key_and_transaction(server: Legacy, job: str) -> None:
    moved = Moved(server, fence={"by": "tell"})
    with working(moved.settings, moved.control):
        moved.go_live()
        transaction = write(server, job, "UPDATE party SET name = 'late' WHERE id = 1")
        server.run("UPDATE party SET name = 'later' WHERE id = 2")
        [owner, late] = moved.late(2)
        assert (late.function, late.entity, late.key) == ("party", "party", "[1]")
        assert (late.table, late.operation, late.pending) == ("party", "update", False)
        assert late.transaction == transaction
        assert late.author == expected(server, job)
        assert owner.author.startswith("user ")
        assert job not in owner.author

        assert f"by {late.author}" in moved.said("late-writes")
        assert "2 late writes in legacy, by " in (status := moved.said("status"))
        assert late.author in status
        [function] = json.loads(moved.said("report", "--format", "json"))["functions"]
        assert late.author in function["late_authors"]

        moved.switch(Stage.SYNCING, accepted=2)
        write(server, job, "UPDATE party SET name = 'legacy again' WHERE id = 1")
    assert objects(server) == []
    assert server.run("SELECT * FROM strangler_author") == []
    moved.control.close()


def objects(server: Legacy) -> list[tuple[Any, ...]]:
    if server.kind == "postgres":
        return server.run("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'strangler%'")
    return server.run(
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    )


@pytest.mark.nightly
def test_without_triggers_it_is_said_as_far_as_the_log_tells(server: Legacy, job: str) -> None:
    moved = Moved(server)
    with working(moved.settings, moved.control):
        moved.go_live()
        transaction = write(server, job, "UPDATE party SET name = 'late' WHERE id = 1")
        [late] = moved.late(1)
    assert (late.key, late.table, late.transaction) == ("[1]", "party", transaction)
    assert late.author == ("" if server.kind == "postgres" else "server 1")
    shown = moved.said("late-writes")
    assert job not in shown
    assert ("by server 1" in shown) == bool(late.author)
    moved.control.close()


def tell(hand: Hand, *tables: str) -> None:
    """Who writes to these is told from now on."""
    guarded, schema = [Guarded(table) for table in tables], telling.place(hand).schema
    hand.do(telling.telling(hand.dialect, "party", EVERYONE, guarded, schema).install)


@pytest.fixture
def told(server: Legacy) -> Iterator[Read]:
    with capturing(server) as read:
        yield read


@contextmanager
def capturing(server: Legacy) -> Iterator[Read]:
    """The triggers are there, and the source is captured: what it tells by now, (author, names written) of each transaction."""
    settings = server.settings(fence={"by": "tell"})
    tables = {"party": ["id", "name"], **assembly.marks(settings, "erp")}
    with (
        closing(Kept(settings, "party")) as kept,
        closing(assembly.source(settings, "erp", tables)) as source,
    ):
        identity = source.prepare(anew=True)
        tell(kept.opened.legacy_hand, "party")

        def read() -> list[tuple[str, list[Any]]]:
            safe, found, authors = source.safe_position(20), [], Authors()
            with source.stream(ORIGIN, identity) as stream:
                while not found or found[-1].position < safe:
                    transaction = stream.read(5)
                    assert transaction is not None
                    found += authors.told(transaction)
            assert [each.position for each in found] == sorted({each.position for each in found})
            return [
                (each.author, [change.after["name"] for change in each.changes if change.after])
                for each in found
                if each.changes
            ]

        yield read
        source.drop()


def test_a_transaction_in_several_statements_is_told_of_its_author_alone(
    server: Legacy, job: str, told: Read
) -> None:
    write(
        server,
        job,
        "UPDATE party SET name = 'a'",
        "SAVEPOINT s",
        "UPDATE party SET name = 'b' WHERE id = 1",
        "ROLLBACK TO SAVEPOINT s",
        "UPDATE party SET name = 'c' WHERE id = 2",
    )
    write(server, job, "INSERT INTO party VALUES (3, 'd', 1)", "DELETE FROM party WHERE id = 3")
    author = expected(server, job)
    assert told() == [(author, ["a", "a", "c"]), (author, ["d"])]


def test_who_writes_is_refused_nothing_when_it_cannot_be_told(server: Legacy, job: str, told: Read) -> None:
    server.run("ALTER TABLE strangler_author ADD COLUMN more INTEGER NOT NULL")
    write(server, job, "UPDATE party SET name = 'e' WHERE id = 1")
    assert server.run("SELECT name FROM party WHERE id = 1") == [("e",)]


def test_a_role_taken_on_the_way_is_told_apart(postgres_url: str, tmp_path: Path) -> None:
    """In MySQL and MariaDB a session keeps its user for as long as a transaction."""
    server = made("postgres", postgres_url, tmp_path)
    with capturing(server) as read:
        server.run(
            "UPDATE party SET name = 'own'",
            "SET ROLE pg_write_all_data",
            "INSERT INTO party VALUES (3, 'taken', 1000)",
        )
        (own, _), (taken, names) = read()
    assert names == ["taken"]
    assert taken == own.replace(", from", " as pg_write_all_data, from")


@pytest.mark.nightly
def test_the_program_is_told_where_the_server_knows_it(tmp_path: Path) -> None:
    with private(tmp_path / "server", performance_schema="ON") as running:
        legacy = made("mysql", running.create_database("erp"), tmp_path)
        with capturing(legacy) as read:
            with closing(
                connected(legacy, urlsplit(legacy.url).username or "", urlsplit(legacy.url).password or "")
            ) as connection:
                connection.cursor().execute("UPDATE party SET name = 'x' WHERE id = 1")
                connection.commit()
            [(author, _)] = read()
    assert author.endswith(f", program {JOB}")


def test_where_nobody_has_a_name_it_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    legacy = made("sqlite", f"sqlite:///{tmp_path}/erp.db", tmp_path)
    settings = legacy.settings(fence={"by": "tell"})
    assert assembly.marks(settings, "erp") == {}
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        with (
            legacy.moving(control, fence={"by": "tell"}) as moving,
            pytest.raises(Refused, match="no trigger tells who writes"),
        ):
            LegacyFence(moving, Fence(by="tell")).put_up()
        assert fences.of_function(control, "party") == []


@pytest.fixture
def parted(postgres_url: str, tmp_path: Path) -> Legacy:
    """One with tables of which it is told who writes."""
    server = made("postgres", postgres_url, tmp_path)
    server.run(*(f"CREATE TABLE part_{each} (id integer PRIMARY KEY)" for each in "abc"))
    with closing(Kept(server.settings(fence={"by": "tell"}), "party")) as kept:
        tell(kept.opened.legacy_hand, "party", "part_a", "part_b", "part_c")
    server.run("UPDATE party SET name = 'told'", "ANALYZE strangler_author")
    return server


def test_nobody_gets_the_rights_of_the_triggers_owner_by_a_table_of_the_same_name(parted: Legacy) -> None:
    role = f"lowly_{abs(hash(parted.url)) % 10**8}"
    parted.run(
        f"CREATE ROLE {role}", f"GRANT SELECT, UPDATE ON party TO {role}", "CREATE TABLE loot (who text)"
    )
    evil = "BEGIN INSERT INTO public.loot VALUES (current_user); RETURN NEW; END"
    parted.run(
        "CREATE TEMP TABLE strangler_author (number numeric, said text)",
        f"CREATE FUNCTION pg_temp.evil() RETURNS trigger LANGUAGE plpgsql AS $$ {evil} $$",
        "CREATE TRIGGER t BEFORE INSERT ON strangler_author FOR EACH ROW EXECUTE FUNCTION pg_temp.evil()",
        "UPDATE party SET name = 'x' WHERE id = 1",
        user=role,
    )
    assert parted.run("SELECT name FROM party WHERE id = 1") == [("x",)]
    assert parted.run("SELECT * FROM loot") == []
    may = f"SELECT bool_or(has_function_privilege('{role}', oid, 'EXECUTE')) FROM pg_proc WHERE proname LIKE 'strangler_%'"
    assert parted.run(may) == [(False,)], "nor by a trigger on a table of their own"
    parted.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_serializable_transactions_on_different_tables_stay_independent(parted: Legacy) -> None:
    with ExitStack() as stack:
        sessions = [stack.enter_context(parted.connection()) for _ in range(3)]
        for part, session in zip("abc", sessions, strict=True):
            session.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
            session.execute(f"INSERT INTO part_{part} VALUES (1)")
        for session in reversed(sessions):
            session.commit()
    assert parted.run("SELECT count(*) FROM part_a, part_b, part_c") == [(1,)]
    assert parted.run("SELECT * FROM strangler_author") == []


def test_triggers_of_another_account_than_the_configured_one_are_named(
    mariadb_url: str, tmp_path: Path
) -> None:
    """They would fail every write once that is dropped."""
    legacy = made("mysql", mariadb_url, tmp_path)
    parts, name = urlsplit(legacy.url), f"old_{abs(hash(legacy.url)) % 10**8}"
    legacy.run(f"CREATE USER '{name}'@'%' IDENTIFIED BY 'secret'", f"GRANT ALL ON *.* TO '{name}'@'%'")
    old = replace(legacy, url=parts._replace(netloc=f"{name}:secret@{parts.hostname}:{parts.port}").geturl())
    with closing(Kept(old.settings(fence={"by": "tell"}), "party")) as kept:
        tell(kept.opened.legacy_hand, "party")
        assert list(definers.examine(kept.opened.legacy_hand)) == []
    [found] = [
        part for part in doctor.examine(legacy.settings(fence={"by": "tell"})) if part.part == "source erp"
    ]
    [warned] = [each for each in found.findings if "run as" in each.what]
    assert f"on party run as {name}@%" in warned.what
    assert not warned.blocks
    assert all("run as" not in each.what for each in _source_without_fence(legacy))
    legacy.run(f"DROP USER '{name}'@'%'")
    assert "definer" in legacy.refusal("UPDATE party SET name = 'x' WHERE id = 1"), "as it was said"


def _source_without_fence(legacy: Legacy) -> tuple[Finding, ...]:
    return next(part.findings for part in doctor.examine(legacy.settings()) if part.part == "source erp")
