"""What an upgrade of the ERP does to captured tables while Debezium reads on: it is said before a row is read otherwise than it was
written, and a table that is another one is never read on as if it were the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest

from strangler.changes import ORIGIN, Operation, Position, Transaction
from strangler.errors import SourceLost
from strangler.ports import ChangeStream
from strangler.testing.change_source import Alteration, commit, insert, read_to, read_until
from strangler.testing.connect import Standing as StandingConnect
from strangler.testing.kafka import Standing as StandingKafka
from tests.debezium.landscape import Landscape, MariadbLandscape, PostgresLandscape

TABLES = {"customer": ["name", "seen"]}
PATIENCE = 60.0
TO_TIMESTAMP = "ALTER TABLE customer ALTER seen TYPE timestamp USING to_timestamp(seen)"


def _with_seen(landscape: Landscape) -> Iterator[Any]:
    landscape.alter(Alteration("add", "customer", "seen", "bigint"))
    yield landscape
    landscape.source(TABLES).drop()


@pytest.fixture
def postgres(
    postgres_url: str, kafka: StandingKafka, connect: StandingConnect, prefix: str
) -> Iterator[PostgresLandscape]:
    yield from _with_seen(PostgresLandscape(postgres_url, kafka.bootstrap, connect.url, prefix))


@pytest.fixture
def mariadb(
    mariadb_url: str, kafka: StandingKafka, connect: StandingConnect, prefix: str
) -> Iterator[MariadbLandscape]:
    yield from _with_seen(MariadbLandscape(mariadb_url, kafka.bootstrap, connect.url, prefix))


def with_changes(so_far: list[Transaction]) -> bool:
    return any(transaction.changes for transaction in so_far)


def do(legacy: Landscape, *statements: str) -> None:
    with legacy.cursor() as execute:
        for statement in statements:
            execute(statement, [])


def read_on(stream: ChangeStream) -> None:
    """Read until an error comes."""
    read_until(stream, lambda _: False, PATIENCE)


def test_rows_of_another_type_come_behind_the_alteration_and_are_read_by_the_new_one(
    postgres: PostgresLandscape,
) -> None:
    with closing(postgres.source(TABLES)) as source:
        identity = source.prepare()
        with source.stream(ORIGIN, identity) as stream:
            commit(postgres, insert("customer", id=1, seen=1_795_425_961))
            before = read_until(stream, with_changes, PATIENCE)
            do(postgres, TO_TIMESTAMP)
            commit(postgres, insert("customer", id=2, seen="2026-11-23 12:00:00"))
            after = read_until(stream, with_changes, PATIENCE)
        with source.stream(before[-1].position, identity) as stream:
            again = read_until(stream, with_changes, PATIENCE)
    assert [t.altered for t in before if t.altered] == []
    assert [t.altered for t in after if t.altered] == [("customer",)]
    assert after[-1].altered, "the core stops before it reads this row"
    (change,) = again[-1].changes
    assert change.after == {"id": 2, "name": None, "seen": datetime(2026, 11, 23, 12)}


def test_a_row_of_before_an_alteration_that_says_how_it_was_written_is_not_read_as_something_else(
    postgres: PostgresLandscape,
) -> None:
    with_schemas = {"value.converter.schemas.enable": "true"}
    with closing(postgres.source(TABLES, config=with_schemas)) as source:
        identity = source.prepare()
        commit(postgres, insert("customer", id=1, seen=1_795_425_961))
        safe = source.safe_position(30)
        do(postgres, TO_TIMESTAMP)
        with source.stream(ORIGIN, identity) as stream:
            read = read_to(stream, safe)
    (change,) = (change for transaction in read for change in transaction.changes)
    assert change.after == {"id": 1, "name": None, "seen": "1795425961"}


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        (("DROP TABLE customer", "CREATE TABLE customer (id integer PRIMARY KEY, name text, seen bigint)"), "made anew"),
        (("ALTER PUBLICATION {} DROP TABLE customer",), "taken out of the publication"),
        (("ALTER TABLE customer RENAME TO client",), "dropped or renamed"),
    ],
    ids=["made anew", "taken out", "renamed"],
)  # fmt: skip
def test_a_table_that_is_not_captured_any_more_is_a_loss_though_heartbeats_come(
    postgres: PostgresLandscape, statements: tuple[str, ...], why: str
) -> None:
    with closing(postgres.source(TABLES, heartbeat=0.5)) as source:
        identity = source.prepare()
        with source.stream(ORIGIN, identity) as stream:
            commit(postgres, insert("customer", id=1))
            read_until(stream, with_changes, PATIENCE)
            do(postgres, *(each.format(f'"{postgres.slot}"') for each in statements))
            with pytest.raises(SourceLost, match=why):
                read_on(stream)


def altered_behind(legacy: Landscape, act: Callable[[], Any]) -> tuple[list[Transaction], Position]:
    """What is read of `act` behind a first row, to the row with id 2; and the position of the first."""
    with closing(legacy.source(TABLES, heartbeat=1.0)) as source:
        identity = source.prepare()
        with source.stream(ORIGIN, identity) as stream:
            commit(legacy, insert("customer", id=1))
            first = read_until(stream, with_changes, PATIENCE)[-1].position
            act()
            commit(legacy, insert("customer", id=2))
            read = read_until(stream, lambda so_far: 2 in ids(so_far), PATIENCE)
        with source.stream(first, identity) as stream:
            again = read_until(stream, lambda so_far: 2 in ids(so_far), PATIENCE)
    changes = [change for transaction in read for change in transaction.changes]
    assert [change for transaction in again for change in transaction.changes] == changes
    return read, first


def ids(read: list[Transaction]) -> list[int]:
    return [change.after["id"] for t in read for change in t.changes if change.after]


def test_a_table_of_mariadb_that_is_dropped_and_made_anew_is_emptied(mariadb: MariadbLandscape) -> None:
    def anew() -> None:
        do(
            mariadb,
            'DROP TABLE "customer", scribble',
            'CREATE TABLE "customer" (id integer PRIMARY KEY, name text, note text, credit numeric(12,2), seen bigint)',
        )

    read, first = altered_behind(mariadb, anew)
    found = [(change.table, change.operation) for t in read for change in t.changes]
    assert found == [("customer", Operation.TRUNCATE), ("customer", Operation.INSERT)]
    assert ("customer",) in [tuple(t.altered) for t in read]
    assert first < read[0].position


def test_a_table_of_mariadb_that_is_replaced_is_emptied(mariadb: MariadbLandscape) -> None:
    columns = "id integer PRIMARY KEY, name text, note text, credit numeric(12,2), seen bigint"
    read, _ = altered_behind(mariadb, lambda: do(mariadb, f"CREATE OR REPLACE TABLE customer ({columns})"))
    found = [(change.table, change.operation) for t in read for change in t.changes]
    assert found == [("customer", Operation.TRUNCATE), ("customer", Operation.INSERT)]


def test_a_table_of_mariadb_that_is_renamed_is_a_loss(mariadb: MariadbLandscape) -> None:
    with closing(mariadb.source(TABLES, heartbeat=1.0)) as source:
        identity = source.prepare()
        with source.stream(ORIGIN, identity) as stream:
            commit(mariadb, insert("customer", id=1))
            read_until(stream, with_changes, PATIENCE)
            do(mariadb, "RENAME TABLE customer TO other, scribble TO customer")
            with pytest.raises(SourceLost, match="renamed"):
                read_on(stream)
