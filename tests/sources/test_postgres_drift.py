"""What becomes of a PostgreSQL table while it is captured, and how large a transaction may be."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from strangler.changes import ORIGIN, PART, Operation, Transaction
from strangler.errors import SourceLost
from strangler.ports import ChangeSource, ChangeStream
from strangler.settings import Source
from strangler.testing.change_source import read_changes, read_until
from strangler_connectors.postgres import connect
from strangler_connectors.postgres.positions import confirmed, parse_lsn

Connection = psycopg.Connection[Any]

ROWS, WIDTH = 200_000, 500


def _source(url: str, tables: Mapping[str, Sequence[str]], heartbeat: float = 30.0) -> ChangeSource:
    options = {"slot": "strangler_" + url.rsplit("/", 1)[1]}
    settings = Source(
        kind="postgres", url=SecretStr(url), heartbeat=timedelta(seconds=heartbeat), options=options
    )
    return connect("erp", settings, tables)


@pytest.fixture
def erp(postgres_url: str) -> Iterator[Connection]:
    """The ERP's own connection to a fresh database with one table; what was captured there is removed at the end."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE party (id int PRIMARY KEY, name text)")
        yield connection
    _source(postgres_url, {}).drop()


def _next(stream: ChangeStream) -> Transaction:
    return read_until(stream, lambda so_far: any(t.changes for t in so_far))[-1]


def _read_until_lost(stream: ChangeStream) -> SourceLost:
    with pytest.raises(SourceLost) as lost:
        _read_for_long(stream)
    return lost.value


def _read_for_long(stream: ChangeStream, meanwhile: Callable[[], object] = lambda: None) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        meanwhile()
        stream.read(0.01)


def test_the_memory_of_a_huge_transaction_is_that_of_a_part(erp: Connection, postgres_url: str) -> None:
    source = _source(postgres_url, {"party": ["name"]})
    identity = source.prepare()
    many = "INSERT INTO party SELECT i, repeat(md5(i::text), %s) FROM generate_series(%s::int, %s::int) AS i"
    erp.execute(
        many, [WIDTH // 32, 1, 3 * PART]
    )  # To be at the size that a part needs before it is measured.
    with source.stream(ORIGIN, identity) as stream:
        read = _count(stream, 3 * PART)
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        erp.execute(many, [WIDTH // 32, 3 * PART + 1, 3 * PART + ROWS])
        read += _count(stream, ROWS)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert read == 3 * PART + ROWS
    assert grown < ROWS * WIDTH / 10, f"the process grew by {grown / 2**20:.0f} MiB"


def _count(stream: ChangeStream, rows: int) -> int:
    """Read so many rows, keeping none."""
    seen, deadline = 0, time.monotonic() + 60
    while seen < rows:
        assert time.monotonic() < deadline
        transaction = stream.read(0.2)
        if transaction is not None:
            assert len(transaction.changes) <= PART
            seen += len(transaction.changes)
    return seen


def test_invariant_1_acknowledged_in_the_middle_nothing_past_it_is_confirmed(
    erp: Connection, postgres_url: str
) -> None:
    source = _source(postgres_url, {"party": ["name"]})
    identity = source.prepare()
    erp.execute("INSERT INTO party SELECT i FROM generate_series(1, %s::int) AS i", [PART + 5])
    with source.stream(ORIGIN, identity) as stream:
        part = _next(stream)
        assert len(part.changes) == PART
        stream.acknowledge(part.position)
    slot = "SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE database = current_database()"
    row = erp.execute(slot).fetchone()
    assert row is not None
    assert parse_lsn(row[0]) <= confirmed(part.position)
    with source.stream(part.position, identity) as stream:
        rest = _next(stream)
    assert [c.after["id"] for c in rest.changes if c.after] == list(range(PART + 1, PART + 6))
    assert rest.id == part.id


def test_positions_within_a_transaction_stay_when_other_tables_are_captured(
    erp: Connection, postgres_url: str
) -> None:
    erp.execute("CREATE TABLE other (id int PRIMARY KEY)")
    both = _source(postgres_url, {"party": ["name"], "other": []})
    identity = both.prepare()
    with erp.transaction():
        erp.execute("INSERT INTO other VALUES (1)")
        erp.execute("INSERT INTO party VALUES (1, 'a')")
    with both.stream(ORIGIN, identity) as stream:
        _, expected = read_changes(stream, 2)
    with _source(postgres_url, {"party": ["name"]}).stream(ORIGIN, identity) as stream:
        assert read_changes(stream, 1) == [expected]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE party ADD COLUMN email text",
        "ALTER TABLE party DROP COLUMN age",
        "ALTER TABLE party ALTER COLUMN age TYPE bigint",
        "ALTER TABLE party ALTER COLUMN code TYPE varchar(20)",
        "ALTER TABLE party RENAME COLUMN age TO years",
        "ALTER TABLE party REPLICA IDENTITY FULL",
        "ALTER TABLE party DROP CONSTRAINT party_pkey, ADD PRIMARY KEY (id, code)",
    ],
)
def test_every_kind_of_alteration_is_named_with_the_first_row_after_it(
    erp: Connection, postgres_url: str, statement: str
) -> None:
    erp.execute("ALTER TABLE party ADD COLUMN age int, ADD COLUMN code varchar(10) NOT NULL DEFAULT 'x'")
    source = _source(postgres_url, {"party": ["name"]})
    identity = source.prepare()
    with source.stream(ORIGIN, identity) as stream:
        erp.execute("INSERT INTO party (id) VALUES (1)")
        assert _next(stream).altered == ()
        erp.execute(statement.encode())
        erp.execute("INSERT INTO party (id) VALUES (2)")
        assert _next(stream).altered == ("party",)
        erp.execute("INSERT INTO party (id) VALUES (3)")
        erp.execute("ANALYZE party")
        erp.execute("INSERT INTO party (id) VALUES (4)")
        assert [_next(stream).altered, _next(stream).altered] == [(), ()]


def test_altered_just_after_the_stream_was_opened_and_before_its_first_row(
    erp: Connection, postgres_url: str
) -> None:
    source = _source(postgres_url, {"party": ["name"]})
    identity = source.prepare()
    with source.stream(ORIGIN, identity) as stream:
        erp.execute("ALTER TABLE party ADD COLUMN email text")
        erp.execute("INSERT INTO party (id) VALUES (1)")
        assert _next(stream).altered == ("party",)


def test_rows_from_before_a_column_was_added_have_in_it_what_the_table_says(
    erp: Connection, postgres_url: str
) -> None:
    identity = _source(postgres_url, {"party": ["name"]}).prepare()
    erp.execute("INSERT INTO party VALUES (1, 'a')")
    erp.execute("ALTER TABLE party ADD COLUMN rank int DEFAULT 7, ADD COLUMN email text")
    erp.execute("INSERT INTO party VALUES (2, 'b', 8, 'e')")
    with _source(postgres_url, {"party": ["rank", "email"]}).stream(ORIGIN, identity) as stream:
        old, new = read_changes(stream, 2)
    assert old.after == {"id": 1, "rank": 7, "email": None}
    assert new.after == {"id": 2, "rank": 8, "email": "e"}


def test_rows_from_before_a_column_was_retyped_are_read_as_the_cast_would_have_it_or_stay_what_they_were(
    erp: Connection, postgres_url: str
) -> None:
    erp.execute("ALTER TABLE party ADD COLUMN amount int, ADD COLUMN code int, ADD COLUMN day text")
    source = _source(postgres_url, {"party": ["amount", "code", "day"]})
    identity = source.prepare()
    erp.execute("INSERT INTO party VALUES (1, 'a', 5, 6, '2026-01-01')")
    erp.execute(
        "ALTER TABLE party ALTER amount TYPE numeric(9,2), ALTER code TYPE text, ALTER day TYPE date USING day::date"
    )
    with source.stream(ORIGIN, identity) as stream:
        (change,) = read_changes(stream, 1)
    assert change.after is not None
    row = dict(change.after)
    assert (str(row["amount"]), type(row["amount"]).__name__) == ("5", "Decimal")
    assert (row["code"], row["day"]) == ("6", "2026-01-01")


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DROP TABLE party CASCADE", "party isn't there any more"),
        ("ALTER TABLE party RENAME TO party_old", "party isn't there any more"),
        ("DROP TABLE party CASCADE; CREATE TABLE party (id int PRIMARY KEY, name text)", "made anew"),
        ("ALTER PUBLICATION {slot} DROP TABLE party", "taken out of the publication"),
        ("ALTER PUBLICATION {slot} SET (publish = 'insert')", "leaves out operations"),
        ("ALTER PUBLICATION {slot} SET TABLE ONLY party WHERE (id > 5)", "leaves out operations or rows"),
        ("CREATE TABLE child () INHERITS (party)", "another table inherits from party"),
        ("DROP TABLE party_1", "were dropped or taken away"),
    ],
)
def test_a_table_that_capture_no_longer_sees_whole_is_noticed_within_a_heartbeat_and_at_opening(
    erp: Connection, postgres_url: str, statement: str, why: str
) -> None:
    erp.execute("CREATE TABLE party_1 () INHERITS (party); ALTER TABLE party_1 ADD PRIMARY KEY (id)")
    erp.execute("CREATE TABLE busy (id int PRIMARY KEY)")
    tables = {"party": ["name"], "busy": []}
    source = _source(postgres_url, tables, heartbeat=0.3)
    identity = source.prepare()
    slot = "strangler_" + postgres_url.rsplit("/", 1)[1]
    if "WHERE" in statement:
        statement += ", ONLY party_1, ONLY busy"
    with source.stream(ORIGIN, identity) as stream:
        erp.execute(statement.format(slot=slot).encode())
        assert why in _read_until_lost(stream).why
    with pytest.raises(SourceLost):
        source.stream(ORIGIN, identity)


def test_a_busy_source_is_looked_after_too(erp: Connection, postgres_url: str) -> None:
    erp.execute("CREATE TABLE busy (id serial PRIMARY KEY)")
    source = _source(postgres_url, {"party": ["name"], "busy": []}, heartbeat=0.3)
    identity = source.prepare()
    with source.stream(ORIGIN, identity) as stream:
        erp.execute("ALTER TABLE party RENAME TO party_old")
        with pytest.raises(SourceLost, match="changes may be missing"):
            _read_for_long(stream, lambda: erp.execute("INSERT INTO busy DEFAULT VALUES"))


def test_renamed_back_it_is_whole_again(erp: Connection, postgres_url: str) -> None:
    source = _source(postgres_url, {"party": ["name"]})
    identity = source.prepare()
    erp.execute("ALTER TABLE party RENAME TO party_old")
    erp.execute("INSERT INTO party_old VALUES (1, 'a')")
    with pytest.raises(SourceLost):
        source.stream(ORIGIN, identity)
    erp.execute("ALTER TABLE party_old RENAME TO party")
    with source.stream(ORIGIN, identity) as stream:
        (change,) = read_changes(stream, 1)
    assert (change.table, change.operation, change.after) == (
        "party",
        Operation.INSERT,
        {"id": 1, "name": "a"},
    )
