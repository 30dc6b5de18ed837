"""What is particular to SQLite: values of any type in any column, and what happens to a file."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from strangler.changes import ORIGIN
from strangler.errors import SourceError, SourceLost, Unavailable
from strangler.ports import ChangeSource
from strangler.settings import Source
from strangler.testing.change_source import read_changes
from strangler_connectors.sqlite import connect
from strangler_connectors.sqlite.connection import immediate, open_connection


def _source(path: Path, tables: Mapping[str, Sequence[str]]) -> ChangeSource:
    return connect("erp", Source(kind="sqlite", url=SecretStr(f"sqlite:///{path}")), tables)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "erp.db"


@pytest.fixture
def erp(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def test_values_are_those_of_the_declared_types_and_others_stay_as_they_are(
    erp: sqlite3.Connection, path: Path
) -> None:
    erp.execute(
        """
        CREATE TABLE every (id integer PRIMARY KEY, big bigint, amount decimal(9,2), ratio double, yes boolean,
            name varchar(9), day date, stamp datetime, instant "timestamp with time zone", raw blob, wrong date)
        """
    )
    asked = [row[1] for row in erp.execute("PRAGMA table_info(every)")]
    source = _source(path, {"every": asked})
    identity = source.prepare()
    erp.execute(
        "INSERT INTO every VALUES (1, 9223372036854775807, '4904.49', ?, 1, ?, '2026-11-23',"
        " '2026-11-23 23:59:59.5', '2026-11-23T23:59:59Z', X'00FF', '0000-00-00')",
        [0.1 + 0.2, "O'N,\0\n日本"],
    )
    with source.stream(ORIGIN, identity) as stream:
        (change,) = read_changes(stream, 1)
    assert change.after == {
        "id": 1,
        "big": 9223372036854775807,
        "amount": Decimal("4904.49"),
        "ratio": 0.1 + 0.2,
        "yes": True,
        "name": "O'N,\0\n日本",
        "day": date(2026, 11, 23),
        "stamp": datetime(2026, 11, 23, 23, 59, 59, 500000),
        "instant": datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC),
        "raw": b"\x00\xff",
        "wrong": "0000-00-00",
    }


def test_an_update_carries_the_old_row_so_that_a_changed_business_key_is_seen(
    erp: sqlite3.Connection, path: Path
) -> None:
    erp.execute("CREATE TABLE orders (id integer PRIMARY KEY, ref text)")
    source = _source(path, {"orders": ["ref"]})
    identity = source.prepare()
    erp.execute("INSERT INTO orders VALUES (1, '(PROV1)')")
    erp.execute("UPDATE orders SET ref = 'CO2611-0161'")
    with source.stream(ORIGIN, identity) as stream:
        _, renamed = read_changes(stream, 2)
    assert renamed.before == {"id": 1, "ref": "(PROV1)"}


def test_a_table_made_anew_is_a_gap(erp: sqlite3.Connection, path: Path) -> None:
    erp.execute("CREATE TABLE party (id integer PRIMARY KEY, name text)")
    source = _source(path, {"party": ["name"]})
    identity = source.prepare()
    erp.execute("DROP TABLE party")
    erp.execute("CREATE TABLE party (id integer PRIMARY KEY, name text)")
    with pytest.raises(SourceLost, match="triggers"):
        source.stream(ORIGIN, identity)
    assert source.prepare() != identity


def test_a_file_put_back_from_a_copy_is_noticed(erp: sqlite3.Connection, path: Path) -> None:
    erp.execute("CREATE TABLE party (id integer PRIMARY KEY)")
    source = _source(path, {"party": []})
    identity = source.prepare()
    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    erp.execute("INSERT INTO party VALUES (1)")
    with source.stream(ORIGIN, identity) as stream:
        after = read_changes(stream, 1)[-1].position
    erp.close()
    shutil.copy(copy, path)
    with pytest.raises(SourceLost, match="older"):
        source.stream(after, identity)


def test_acknowledged_rows_are_pruned_and_numbers_are_never_given_again(
    erp: sqlite3.Connection, path: Path
) -> None:
    erp.execute("CREATE TABLE party (id integer PRIMARY KEY)")
    source = _source(path, {"party": []})
    identity = source.prepare()
    after = ORIGIN
    for i in range(3):
        erp.execute("INSERT INTO party VALUES (?)", [i])
        with source.stream(after, identity) as stream:
            (change,) = read_changes(stream, 1)
            assert change.position > after
            after = change.position
            stream.acknowledge(after)
        assert erp.execute("SELECT count(*) FROM strangler_erp_journal").fetchone() == (1,)


def test_a_killed_reader_leaves_the_stream_free(erp: sqlite3.Connection, path: Path) -> None:
    erp.execute("CREATE TABLE party (id integer PRIMARY KEY)")
    source = _source(path, {"party": []})
    identity = source.prepare()
    program = (
        "import sys; from strangler.settings import Source; from strangler_connectors.sqlite import connect\n"
        "source = connect('erp', Source(kind='sqlite', url='sqlite:///' + sys.argv[1]), {'party': []})\n"
        "stream = source.stream('', sys.argv[2]); print('open', flush=True); sys.stdin.read()"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", program, str(path), identity], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == b"open\n"
    with pytest.raises(Unavailable):
        source.stream(ORIGIN, identity)
    reader.kill()
    reader.communicate()
    source.stream(ORIGIN, identity).close()


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("sqlite:///nowhere/erp.db", "there is no file"),
        ("sqlite://", "in memory"),
        ("postgresql://h/d", "not a SQLite URL"),
    ],
)
def test_a_wrong_url_is_one_clear_message(url: str, what: str) -> None:
    with pytest.raises(SourceError, match=what):
        connect("erp", Source(kind="sqlite", url=SecretStr(url)), {}).describe(["x"])


def test_a_file_that_is_no_database_is_one_clear_message(path: Path) -> None:
    path.write_text("not a database, however long it may be read" * 10)
    with pytest.raises(SourceError, match="not a database"):
        _source(path, {}).describe(["x"])


@pytest.mark.parametrize("statement", ["DROP TABLE party", "ALTER TABLE party RENAME TO party_old"])
def test_a_table_that_goes_while_it_is_read_is_a_gap(
    erp: sqlite3.Connection, path: Path, statement: str
) -> None:
    erp.execute("CREATE TABLE party (id integer PRIMARY KEY, name text)")
    source = _source(path, {"party": ["name"]})
    identity = source.prepare()
    with source.stream(ORIGIN, identity) as stream:
        erp.execute("INSERT INTO party VALUES (1, 'a')")
        assert len(read_changes(stream, 1)) == 1
        erp.execute(statement)
        with pytest.raises(SourceLost, match="changes may be missing") as lost:
            stream.read(0)
        assert "the table party was dropped, renamed or made anew" in lost.value.why
    with pytest.raises(SourceLost):
        source.stream(ORIGIN, identity)


def test_what_was_journalled_before_a_column_was_asked_for_has_in_it_what_the_row_has_now(
    erp: sqlite3.Connection, path: Path
) -> None:
    erp.execute("CREATE TABLE party (id integer PRIMARY KEY, name text)")
    identity = _source(path, {"party": ["name"]}).prepare()
    erp.execute("INSERT INTO party VALUES (1, 'a'), (2, 'b')")
    erp.execute("ALTER TABLE party ADD COLUMN email text DEFAULT 'none'")
    erp.execute("UPDATE party SET email = 'e' WHERE id = 1")
    erp.execute("DELETE FROM party WHERE id = 2")
    source = _source(path, {"party": ["name", "email"]})
    assert source.prepare() == identity
    erp.execute("INSERT INTO party VALUES (3, 'c', 'f')")
    with source.stream(ORIGIN, identity) as stream:
        changes = read_changes(stream, 5)
    assert [(c.after["id"], c.after["email"]) for c in changes if c.after] == [
        (1, "e"),
        (2, None),
        (1, "e"),
        (3, "f"),
    ]
    assert changes[3].before == {"id": 2, "name": "b"}


def test_a_transaction_that_can_t_be_committed_for_a_reader_keeps_nobody_out(
    erp: sqlite3.Connection, path: Path
) -> None:
    erp.execute("PRAGMA journal_mode = DELETE")
    erp.execute("CREATE TABLE read (id INTEGER)")
    erp.executemany("INSERT INTO read VALUES (?)", [(1,), (2,)])
    erp.commit()
    with (
        closing(open_connection(path, "erp", wait=0.0)) as writer,
        closing(open_connection(path, "erp", "ro", wait=0.0)) as reader,
        closing(open_connection(path, "erp", "ro", wait=0.0)) as another,
    ):
        rows = reader.execute("SELECT id FROM read")
        rows.fetchone()
        with pytest.raises(sqlite3.OperationalError, match="locked"), immediate(writer):
            writer.execute("DELETE FROM read")
        assert len(another.execute("SELECT id FROM read").fetchall()) == 2
