"""Every outbox passes the suite of its port."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from strangler.changes import Position
from strangler.errors import StoreError
from strangler.ports import Outbox, ReturningStore
from strangler.settings import Database
from strangler.testing.outbox import OutboxSuite, Run, ServiceConnection
from strangler.testing.service_store import PARTY, mark, party, saying
from strangler_adapters import postgres_store, sqlite_store
from tests.sync.landscape import until

_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


class Outboxes(OutboxSuite):
    @pytest.fixture
    def run(self, open_service: Callable[[], ServiceConnection]) -> Run:
        def run(*statements: str) -> None:
            with closing(open_service()) as service:
                for statement in statements:
                    service.execute(statement)
                service.commit()

        return run


class TestSqliteOutbox(Outboxes):
    CONCURRENT = False

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "store.db"

    @pytest.fixture
    def store(self, path: Path) -> Iterator[ReturningStore]:
        with closing(sqlite_store.connect("test", Database(url=SecretStr(f"sqlite:///{path}")))) as store:
            yield store

    @pytest.fixture
    def open_service(self, path: Path) -> Callable[[], Any]:
        return lambda: sqlite3.connect(path)

    def test_a_row_that_is_replaced_was_what_it_was(
        self, store: ReturningStore, outbox: Outbox, run: Run
    ) -> None:
        store.apply([saying(PARTY, 1, party(1))], mark(1))
        run("INSERT OR REPLACE INTO party (id, name, notes) VALUES (1, 'B', 'n')")
        [told] = outbox.outgoing(10)
        assert told.before == party(1)
        assert told.now == party(1, "B") | {"credit": None, "order": None}


class TestPostgresOutbox(Outboxes):
    @pytest.fixture
    def store(self, postgres_url: str) -> Iterator[ReturningStore]:
        with closing(postgres_store.connect("test", Database(url=SecretStr(postgres_url)))) as store:
            yield store

    @pytest.fixture
    def open_service(self, postgres_url: str) -> Callable[[], Any]:
        def connected() -> Any:
            service = psycopg.connect(postgres_url)
            # A service's session is set up as it likes.
            service.execute("SET TimeZone TO 'Asia/Kathmandu'")
            service.execute("SET DateStyle TO 'German'")
            service.execute("SET bytea_output TO 'escape'")
            return service

        return connected

    def test_a_table_is_not_emptied_behind_its_back(self, outbox: Outbox, run: Run) -> None:
        with pytest.raises(psycopg.errors.RaiseException, match="TRUNCATE of party would not be returned"):
            run("TRUNCATE party")

    def test_nobody_gets_the_rights_of_its_owner_by_a_table_of_the_same_name(
        self, outbox: Outbox, run: Run, postgres_url: str
    ) -> None:
        evil = "BEGIN INSERT INTO public.loot VALUES (current_user); RETURN NEW; END"
        role = f"lowly_{abs(hash(postgres_url)) % 10**8}"
        run("CREATE TABLE loot (who text)", f"CREATE ROLE {role}", f"GRANT SELECT, INSERT ON party TO {role}")
        run(
            f"SET ROLE {role}",
            "CREATE TEMP TABLE strangler_outbox (root text, part text, key text, line text, image text)",
            f"CREATE FUNCTION pg_temp.evil() RETURNS trigger LANGUAGE plpgsql AS $$ {evil} $$",
            "CREATE TRIGGER t BEFORE INSERT ON strangler_outbox FOR EACH ROW EXECUTE FUNCTION pg_temp.evil()",
            "INSERT INTO party (id, name) VALUES (1, 'A')",
        )
        with psycopg.connect(postgres_url) as service:
            assert service.execute("SELECT who FROM loot").fetchall() == []
            may = f"SELECT bool_or(has_function_privilege('{role}', oid, 'EXECUTE')) FROM pg_proc WHERE proname LIKE 'strangler_out_%'"
            assert service.execute(may).fetchone() == (False,), "nor by a trigger on a table of their own"
        assert outbox.waiting().keys == 1
        run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")

    def test_invariant_4_what_commits_while_rows_are_adopted_is_not(
        self,
        store: ReturningStore,
        outbox: Outbox,
        run: Run,
        open_service: Callable[[], Any],
        postgres_url: str,
    ) -> None:
        run("INSERT INTO party (id, name) VALUES (1, 'A'), (2, 'B')")
        outbox.done([entry for each in outbox.outgoing(10) for entry in each.entries])
        adopted: list[int] = []
        adopting = threading.Thread(target=lambda: adopted.append(outbox.adopt(Position("5"))))
        with closing(open_service()) as service, psycopg.connect(postgres_url, autocommit=True) as watcher:
            service.execute("UPDATE party SET name = 'at the last moment' WHERE id = 1")
            adopting.start()
            until(lambda: watcher.execute(_WAITING).fetchone() == (1,), "it waits for the service")
            service.commit()
        adopting.join()
        assert adopted == [1]
        store.apply([saying(PARTY, 6, party(2, "legacy"))], mark(1))
        with pytest.raises(StoreError, match="written by the service itself"):
            store.apply([saying(PARTY, 6, party(1, "legacy"))], mark(2))

    def test_writers_at_once_are_told_whole(self, outbox: Outbox, run: Run) -> None:
        """Entries come while others are taken; what is told chains and ends in what the table has."""

        def write(number: int) -> None:
            for step in range(25):
                run(
                    f"INSERT INTO party (id, name) VALUES ({step % 3}, 'w{number}-{step}') ON CONFLICT (id)"
                    " DO UPDATE SET name = excluded.name"
                )

        writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
        for writer in writers:
            writer.start()
        returned: dict[str, Any] = {}
        while any(writer.is_alive() for writer in writers) or outbox.waiting().keys:
            for told in outbox.outgoing(2):
                assert told.before == returned.get(told.key)
                returned[told.key] = told.now
                outbox.done(told.entries)
        assert sorted(returned) == ["[0]", "[1]", "[2]"]
