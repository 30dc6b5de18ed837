"""How busy real servers say that they are: statements of others count, Strangler's own don't; who may not know says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg
from pydantic import SecretStr
from sqlalchemy import make_url

from strangler.ports import ChangeSource, SqlSide
from strangler.settings import Database, Source
from strangler_adapters import postgres_store
from strangler_connectors.mysql import connect as connect_mysql
from strangler_connectors.postgres import connect as connect_postgres
from tests.sources.test_mysql_contract import execute
from tests.sync.landscape import until


def postgres(url: str) -> ChangeSource:
    return connect_postgres("erp", Source(kind="postgres", url=SecretStr(url)), {})


def mysql(url: str) -> ChangeSource:
    return connect_mysql("erp", Source(kind="mysql", url=SecretStr(url)), {})


@contextmanager
def running(act: Callable[[], object]) -> Iterator[None]:
    """While something runs in a thread of its own."""
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def run(side: SqlSide, statements: int) -> None:
    """Wait until so many statements of others run."""
    until(lambda: side.pressure().running == statements, f"{statements} statements run")


def test_a_postgres_counts_what_others_run_and_not_what_strangler_runs(postgres_url: str) -> None:
    source = postgres(postgres_url)
    with (
        closing(source.reader()) as side,
        closing(source.reader()) as ours,
        psycopg.connect(postgres_url) as theirs,
    ):
        run(side, 0)
        with running(lambda: list(ours.rows("SELECT pg_sleep(1.5)"))):
            with running(lambda: theirs.execute("SELECT pg_sleep(1)")):
                run(side, 1)
            assert side.pressure().running == 0


def test_a_postgres_tells_nothing_to_who_may_not_know(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as erp:
        erp.execute("CREATE ROLE looker LOGIN PASSWORD 'secret'")
        url = make_url(postgres_url).set(username="looker", password="secret")
        try:
            with closing(postgres(url.render_as_string(False)).reader()) as side:
                assert side.pressure() == (None, None)
            erp.execute("GRANT pg_read_all_stats TO looker")
            with closing(postgres(url.render_as_string(False)).reader()) as side:
                run(side, 0)
        finally:
            erp.execute("DROP ROLE looker")


def test_a_mariadb_counts_what_other_users_run(mariadb_url: str) -> None:
    execute(
        mariadb_url,
        "CREATE USER mover@'%' IDENTIFIED BY 'secret'",
        f"GRANT SELECT ON `{make_url(mariadb_url).database}`.* TO mover@'%'",
    )
    source = mysql(make_url(mariadb_url).set(username="mover", password="secret").render_as_string(False))
    try:
        with closing(source.reader()) as side, closing(source.reader()) as ours:
            run(side, 0)
            with running(lambda: list(ours.rows("SELECT SLEEP(1.5)"))):
                with running(lambda: execute(mariadb_url, "DO SLEEP(1)")):
                    run(side, 1)
                run(side, 0)
    finally:
        execute(mariadb_url, "DROP USER mover@'%'")


def test_a_store_in_postgres_tells_it_too(postgres_url: str) -> None:
    store = postgres_store.connect("new", Database(url=SecretStr(postgres_url)))
    with closing(store.reader()) as side, psycopg.connect(postgres_url) as theirs:
        run(side, 0)
        with running(lambda: theirs.execute("SELECT pg_sleep(0.7)")):
            run(side, 1)
