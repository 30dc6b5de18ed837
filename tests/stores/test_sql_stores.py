"""What is particular to SQL stores: existing tables, the service's own additions, errors in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from strangler.errors import StoreError, Unavailable
from strangler.ports import ServiceStore
from strangler.settings import Database
from strangler.testing.service_store import (
    DOCUMENT,
    PARTY,
    CopiedRows,
    Rows,
    at,
    contents,
    mark,
    party,
    saying,
    texts,
    values,
)
from strangler_adapters import postgres_store, sqlite_store

Execute = Callable[[str], None]

GOOD = 'id bigint PRIMARY KEY, name text, notes text, credit numeric, "order" boolean, _position text COLLATE "C"'


@pytest.fixture
def postgres_one(postgres_url: str) -> Iterator[tuple[ServiceStore, Execute]]:
    def execute(sql: str) -> None:
        with psycopg.connect(postgres_url) as connection:
            connection.execute(sql.encode())

    with closing(postgres_store.connect("party", Database(url=SecretStr(postgres_url)))) as store:
        yield store, execute


@pytest.fixture
def sqlite_one(tmp_path: Path) -> Iterator[tuple[ServiceStore, Execute]]:
    def execute(sql: str) -> None:
        with closing(sqlite3.connect(tmp_path / "store.db")) as file, file:
            file.execute(sql)

    with closing(
        sqlite_store.connect("party", Database(url=SecretStr(f"sqlite:///{tmp_path}/store.db")))
    ) as store:
        yield store, execute


@pytest.mark.parametrize(
    ("old", "new", "complaint", "mends"),
    [
        ("name text,", "", "no column name", 'ADD COLUMN "name" text'),
        ("credit numeric", "credit numeric(16,2)", "credit as numeric(16,2)", "TYPE numeric"),
        ("name text", "name varchar(40)", "name as character varying(40)", "TYPE text"),
        ("name text", "name text NOT NULL", "name as NOT NULL", "DROP NOT NULL"),
        ("notes text", "notes text, tax text NOT NULL", "a value for tax", "SET DEFAULT"),
        ("PRIMARY KEY", "", "keep id unique", "CREATE UNIQUE INDEX"),
        (', _position text COLLATE "C"', "", "no column _position", 'COLLATE "C"'),
        (' COLLATE "C"', "", "_position as text", 'TYPE text COLLATE "C"'),
    ],
)
def test_a_table_in_postgres_that_does_not_fit_is_refused_with_what_mends_it(
    postgres_one: tuple[ServiceStore, Execute], old: str, new: str, complaint: str, mends: str
) -> None:
    store, execute = postgres_one
    execute(f"CREATE TABLE party ({GOOD.replace(old, new, 1)})")
    with pytest.raises(StoreError) as raised:
        store.prepare([PARTY])
    assert complaint in str(raised.value)
    assert mends in raised.value.do


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("name TEXT,", "", "no column name"),
        ("credit TEXT", "credit REAL", "credit as REAL"),
        ("name TEXT", "name TEXT NOT NULL", "name as NOT NULL"),
        ("notes TEXT", "notes TEXT, tax TEXT NOT NULL", "a value for tax"),
        ("PRIMARY KEY", "", "keep id unique"),
    ],
)
def test_a_table_in_sqlite_that_does_not_fit_is_refused(
    sqlite_one: tuple[ServiceStore, Execute], old: str, new: str, complaint: str
) -> None:
    store, execute = sqlite_one
    good = 'id INTEGER PRIMARY KEY, name TEXT, notes TEXT, credit TEXT, "order" INTEGER, _position TEXT'
    execute(f"CREATE TABLE party ({good.replace(old, new, 1)})")
    with pytest.raises(StoreError) as raised:
        store.prepare([PARTY])
    assert complaint in str(raised.value)


@pytest.mark.parametrize("kind", ["postgres_one", "sqlite_one"])
def test_the_service_may_add_columns_and_indexes_of_its_own(
    kind: str, request: pytest.FixtureRequest
) -> None:
    store, execute = request.getfixturevalue(kind)
    store.prepare([PARTY])
    execute("ALTER TABLE party ADD COLUMN rating integer NOT NULL DEFAULT 3")
    execute("CREATE UNIQUE INDEX party_name ON party (name)")
    store.prepare([PARTY])
    store.apply([saying(PARTY, 1, party(1, "a"))], mark(1))
    store.load(PARTY, Rows(values(PARTY, [party(2, "b")])), at(1), mark(2))
    assert contents(store, PARTY) == texts(PARTY, [party(1, "a"), party(2, "b")])
    with pytest.raises(StoreError):
        store.load(PARTY, Rows(values(PARTY, [party(3, "a")])), at(1), mark(3))


@pytest.mark.parametrize("kind", ["postgres_one", "sqlite_one"])
def test_a_row_can_be_handed_back_to_legacy(kind: str, request: pytest.FixtureRequest) -> None:
    store, execute = request.getfixturevalue(kind)
    store.prepare([PARTY])
    execute("INSERT INTO party (id, name) VALUES (1, 'Service')")
    with pytest.raises(StoreError) as raised:
        store.apply([saying(PARTY, 1, party(1))], mark(1))
    execute(raised.value.do.split(": ", 1)[1].split(";")[0].replace("…", "1"))
    assert store.apply([saying(PARTY, 1, party(1))], mark(1)) == 1


def test_copy_goes_on_straight_after_a_chunk_that_met_rows(
    postgres_one: tuple[ServiceStore, Execute],
) -> None:
    store, _ = postgres_one
    store.prepare([PARTY, DOCUMENT])
    store.apply([saying(PARTY, 9, party(2, "Streamed"))], mark(9))
    for first in (1, 4):
        rows = [party(n) for n in range(first, first + 3)]
        assert store.load(PARTY, CopiedRows(values(PARTY, rows)), at(5), mark(first)) == 3
    expected = [party(2, "Streamed"), *(party(n) for n in (1, 3, 4, 5, 6))]
    assert contents(store, PARTY) == texts(PARTY, expected)


@pytest.mark.parametrize(
    "url", ["postgresql://me:hunter2@127.0.0.1:1/nowhere", "postgresql://me:hunter2@[broken/x?oops"]
)
def test_errors_show_no_password(url: str) -> None:
    store = postgres_store.connect("party", Database(url=SecretStr(url)))
    with pytest.raises((Unavailable, StoreError)) as raised:
        store.mark("x")
    assert "hunter2" not in str(raised.value) + repr(raised.value.__cause__)


def test_a_file_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = sqlite_store.connect(
        "party", Database(url=SecretStr(f"sqlite:///{tmp_path}/file/below/store.db"))
    )
    with pytest.raises(StoreError, match="store party"):
        store.mark("x")


def test_a_store_in_memory_is_refused() -> None:
    with pytest.raises(StoreError, match="memory"):
        sqlite_store.connect("party", Database(url=SecretStr("sqlite://")))


def test_a_reader_of_a_store_that_was_never_filled_says_so(tmp_path: Path) -> None:
    store = sqlite_store.connect("party", Database(url=SecretStr(f"sqlite:///{tmp_path}/store.db")))
    with pytest.raises(Unavailable, match="store party"):
        store.reader()
