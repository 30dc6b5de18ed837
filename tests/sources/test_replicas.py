"""Reading a replica: a safe position is safe there too, and lag, a stop and a wrong server are told in words. Real standbys."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from strangler.errors import SourceError, Unavailable
from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler.testing.mariadb import Standing, server
from strangler.testing.postgres import Server
from strangler.testing.postgres import server as another
from strangler_connectors import debezium, mysql, polling, sqlite
from strangler_connectors import postgres as pg
from tests.sources.test_mysql import ask
from tests.sources.test_mysql_contract import erp, execute
from tests.sync.landscape import until

ROUNDS = 8


def source_of(kind: str, url: str, replica: str) -> ChangeSource:
    section = Source(kind=kind, url=SecretStr(url), replica=SecretStr(replica))
    connect = pg.connect if kind == "postgres" else mysql.connect
    return connect("erp", section, {"item": ["name"]})


@pytest.fixture(scope="module")
def standby(postgres: Server) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="strangler-standby-") as home:
        Path(home).chmod(0o755)
        made = postgres.standby(Path(home) / "standby")
        made.start()
        yield made
        made.stop()


def databases(running: Server) -> list[str]:
    with psycopg.connect(running.url()) as connection:
        return [name for (name,) in connection.execute("SELECT datname FROM pg_database")]


@pytest.fixture
def item(postgres: Server, standby: Server) -> Iterator[str]:
    """A database with a table, whose name it is."""
    url = postgres.create_database("item")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE item (id integer PRIMARY KEY, name text)")
    until(lambda: "item" in databases(standby), "the standby has it")
    yield "item"
    with psycopg.connect(standby.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_wal_replay_resume()")
    postgres.drop_database("item")


def count(source: ChangeSource) -> int:
    with closing(source.reader()) as side:
        ((found,),) = side.rows("SELECT count(*) FROM item")
    return int(found)


def test_a_read_of_a_standby_sees_what_is_before_a_safe_position(
    postgres: Server, standby: Server, item: str
) -> None:
    source = source_of("postgres", postgres.url(item), standby.url(item))
    with psycopg.connect(postgres.url(item), autocommit=True) as legacy:
        for number in range(ROUNDS):
            legacy.execute("INSERT INTO item VALUES (%s, 'x')", [number])
            source.safe_position(10)
            assert count(source) == number + 1
    assert [each.what for each in source.examine(60.0) if "replica" in each.what] == []


def test_a_standby_that_does_not_replay_is_waited_for_and_then_named_with_its_lag(
    postgres: Server, standby: Server, item: str
) -> None:
    source = source_of("postgres", postgres.url(item), standby.url(item))
    source.safe_position(10)
    with (
        psycopg.connect(standby.url(), autocommit=True) as there,
        psycopg.connect(postgres.url(item), autocommit=True) as legacy,
    ):
        there.execute("SELECT pg_wal_replay_pause()")
        legacy.execute("INSERT INTO item VALUES (1, 'x')")
        with pytest.raises(Unavailable) as raised:
            source.safe_position(0.3)
        assert "127.0.0.1" in raised.value.what
        assert "password" not in str(raised.value)
        assert "s behind: it has replayed up to" in raised.value.why
        with closing(source.reader()) as side:
            until(lambda: (side.pressure().lag or 0) > 0.5, "it lags")
        there.execute("SELECT pg_wal_replay_resume()")
        source.safe_position(10)
    assert count(source) == 1
    with closing(source.reader()) as side:
        assert side.pressure().lag == 0.0


def test_a_primary_tells_how_far_its_standbys_are(postgres: Server, standby: Server, item: str) -> None:
    section = Source(kind="postgres", url=SecretStr(postgres.url(item)))
    source = pg.connect("erp", section, {"item": ["name"]})
    with (
        psycopg.connect(postgres.url(item), autocommit=True) as legacy,
        closing(source.reader()) as side,
    ):

        def told() -> bool:  # By the standby's next answer.
            legacy.execute("INSERT INTO item SELECT coalesce(max(id), 0) + 1, 'x' FROM item")
            return side.pressure().lag is not None

        until(told, "the primary knows")


def require_refused(source: ChangeSource, words: str) -> None:
    with pytest.raises(SourceError) as raised:
        source.safe_position(5)
    assert words in raised.value.what
    assert [each for each in source.examine(60.0) if words in each.what and each.blocks]


def test_a_server_that_was_promoted_is_no_replica_any_more(postgres: Server, item: str) -> None:
    require_refused(source_of("postgres", postgres.url(item), postgres.url(item)), "is no replica any more")


@pytest.mark.nightly
def test_a_server_of_its_own_is_no_replica(postgres: Server, item: str) -> None:
    with another() as other:
        source = source_of("postgres", postgres.url(item), other.url())
        require_refused(source, "is no replica of its database")


@pytest.fixture(scope="module")
def pair(mariadb: Standing) -> Iterator[tuple[Standing, Standing]]:
    """A MariaDB and one that follows it from now on, with a database `item`."""
    leader = make_url(mariadb.url())
    with server(server_id="2") as follower:
        ((logged,),) = ask(mariadb.url(), "SELECT @@global.gtid_binlog_pos")
        execute(
            follower.url(),
            f"SET GLOBAL gtid_slave_pos = '{logged}'",
            f"CHANGE MASTER TO MASTER_HOST = '{leader.host}', MASTER_PORT = {leader.port},"
            f" MASTER_USER = '{leader.username}', MASTER_PASSWORD = '{leader.password}', MASTER_USE_GTID = slave_pos",
            "START SLAVE",
        )
        mariadb.create_database("item")
        execute(mariadb.url("item"), "CREATE TABLE item (id integer PRIMARY KEY, name varchar(9))")
        yield mariadb, follower
        mariadb.drop_database("item")


def test_a_read_of_a_mariadb_replica_sees_what_is_before_a_safe_position(
    pair: tuple[Standing, Standing],
) -> None:
    leader, follower = pair
    with closing(mysql.connect("erp", Source(kind="mysql", url=SecretStr(leader.url("item"))), {})) as direct:
        direct.safe_position(10)
    source = source_of("mysql", leader.url("item"), follower.url("item"))
    for number in range(ROUNDS):
        execute(leader.url("item"), f"INSERT INTO item VALUES ({number}, 'x')")
        source.safe_position(10)
        assert count(source) == number + 1
    with closing(source.reader()) as side:
        assert side.pressure().lag == 0.0


def test_a_mariadb_replica_that_has_stopped_is_waited_for_and_then_named(
    pair: tuple[Standing, Standing],
) -> None:
    leader, follower = pair
    source = source_of("mysql", leader.url("item"), follower.url("item"))
    source.safe_position(10)
    before = count(source)
    execute(follower.url(), "STOP SLAVE")
    execute(leader.url("item"), "INSERT INTO item VALUES (1000, 'x')")
    with pytest.raises(Unavailable) as raised:
        source.safe_position(0.5)
    assert "the replica mariadb" in raised.value.what
    assert "its replication has stopped" in raised.value.why
    with closing(source.reader()) as side:
        assert side.pressure().lag == float("inf")
    execute(follower.url(), "START SLAVE")
    source.safe_position(20)
    assert count(source) == before + 1


@pytest.mark.parametrize(
    ("connect", "section"),
    [
        (sqlite.connect, {"kind": "sqlite", "url": "sqlite:///legacy.db"}),
        (polling.connect, {"kind": "polling", "url": "postgresql://host/erp"}),
        (
            debezium.connect,
            {"kind": "debezium", "url": "postgresql://host/erp", "options": {"kafka": "host:9092"}},
        ),
    ],
)
def test_other_kinds_refuse_a_replica_in_words(connect: Any, section: dict[str, Any]) -> None:
    settings = Source.model_validate(section | {"replica": "postgresql://other/erp"})
    with pytest.raises(SourceError) as raised:
        connect("erp", settings, {})
    assert f"a source of kind {section['kind']} reads no replica" in raised.value.what


def test_the_binlog_is_still_read_from_the_server(pair: tuple[Standing, Standing]) -> None:
    leader, follower = pair
    source = source_of("mysql", leader.url("item"), follower.url("item"))
    identity = source.prepare()
    with (
        source.stream(source.safe_position(10), identity) as stream,
        closing(erp(leader.url("item"))) as legacy,
    ):
        with legacy.cursor() as cursor:
            cursor.execute("INSERT INTO item VALUES (2000, 'x')")
        legacy.commit()
        deadline = time.monotonic() + 10
        read: Any = None
        while not (read and read.changes):
            read = stream.read(0.2)
            assert time.monotonic() < deadline
    assert read.changes[0].after["id"] == 2000
