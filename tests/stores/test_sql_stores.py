"""What is particular to SQL stores: existing tables, the service's own additions, errors in words."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from strangler.errors import StoreError, Unavailable
from strangler.ports import ServiceStore
from strangler.settings import Database
from strangler.shapes import Field, FieldType, Shape, Under
from strangler.testing.aggregate_history import LINES, SALE, line, rows_of, sale
from strangler.testing.aggregate_store import BESIDE, FIRST, SECOND, gone, load_all, require_same
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
from tests.sync.landscape import until

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


REFERENCES = """
ALTER TABLE "Sale lines" ADD FOREIGN KEY (company, id) REFERENCES sale (company, id);
ALTER TABLE "Sale taxes" ADD FOREIGN KEY (company, id, line) REFERENCES "Sale lines" (company, id, line);
"""


def chunk(shape: Shape, rows: Iterable[Mapping[str, Any]]) -> Rows:
    return Rows(values(shape, rows))


def test_the_service_may_let_lines_refer_to_what_they_stand_under(
    postgres_one: tuple[ServiceStore, Execute],
) -> None:
    store, execute = postgres_one
    store.prepare([SALE, BESIDE])
    execute(REFERENCES)
    store.apply([saying(SALE, 1, FIRST), saying(SALE, 1, SECOND)], mark(1))
    newer = sale(1, "Newer", [line(2, "2", ("new", 0.5)), line(3)])
    store.apply([saying(SALE, 2, newer), gone(SECOND, 2)], mark(2))
    require_same(store, [newer])
    load_all(store, [SECOND], 3, chunk)
    load_all(store, [sale(1, "Newest", [line(3)])], 3, chunk)
    assert store.settle(SALE, at(3)) == 2
    require_same(store, [sale(1, "Newest", [line(3)]), SECOND])
    store.mark("party/0")
    store.apply([saying(BESIDE, 1, FIRST)], mark(1, "beside"))
    store.replace([(SALE, BESIDE)], [("beside", mark(5))], lambda: None)
    require_same(store, [FIRST])
    store.drop([SALE], [])


def test_invariant_3_a_removal_waits_for_lines_that_are_written_but_not_committed(postgres_url: str) -> None:
    def opened() -> ServiceStore:
        store = postgres_store.connect("sale", Database(url=SecretStr(postgres_url)))
        store.prepare([SALE])
        return store

    loading, removing = opened(), opened()
    loading.load(SALE, chunk(SALE, rows_of(SALE, [FIRST])), at(5), mark(5, "backfill"))
    rows = chunk(LINES, rows_of(LINES, [FIRST]))
    loader = threading.Thread(target=loading.load, args=(LINES, rows, at(5), mark(6, "backfill")))
    remover = threading.Thread(target=removing.apply, args=([gone(FIRST, 9)], mark(9)))
    with psycopg.connect(postgres_url) as blocker, psycopg.connect(postgres_url, autocommit=True) as watch:

        def waiting() -> int:
            sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            [found] = watch.execute(sql).fetchone() or (0,)
            return int(found)

        blocker.execute("SELECT 1 FROM strangler_mark FOR UPDATE")
        loader.start()
        until(lambda: waiting() == 1, "the chunk is written, and its mark isn't")
        remover.start()
        until(lambda: waiting() == 2 or not remover.is_alive(), "the removal waits, or is through")
    loader.join()
    remover.join()
    require_same(loading, [])
    loading.close()
    removing.close()


@pytest.mark.parametrize("kind", ["postgres_one", "sqlite_one"])
def test_a_line_may_take_over_what_the_service_keeps_unique(
    kind: str, request: pytest.FixtureRequest
) -> None:
    store, execute = request.getfixturevalue(kind)
    store.prepare([SALE])
    execute('CREATE UNIQUE INDEX due ON "Sale lines" (company, id, due)')
    for position in (1, 2):
        each = sale(1, "Acme", [line(position, due="2026-11-23")])
        store.apply([saying(SALE, position, each)], mark(position))
        require_same(store, [each])


@pytest.mark.parametrize("kind", ["postgres_one", "sqlite_one"])
def test_an_image_has_lines_of_more_fields_than_a_function_takes(
    kind: str, request: pytest.FixtureRequest
) -> None:
    store, _ = request.getfixturevalue(kind)
    id, names = Field("id", FieldType.INTEGER, False), [f"n{number}" for number in range(250)]
    fields = (id, *(Field(name, FieldType.INTEGER, name != "n0") for name in names))
    lines = Shape("wide", "wide.lines", "wide_lines", ("id", "n0"), fields, (), Under("wide", ("id",)))
    wide = Shape("wide", "wide", "wide", ("id",), (id,), (("lines", lines),))
    data = {"id": 1, "lines": [{name: number for number, name in enumerate(names)}]}
    store.prepare([wide])
    store.apply([saying(wide, 1, data)], mark(1))
    [event] = store.image([wide], [])
    assert event == saying(wide, 1, data)._replace(type="", time=0.0, mapping="")


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
