"""Polling by a column that grows: what a look reads, what the window catches, what only a comparison of keys finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from strangler.changes import ORIGIN, Change, Operation
from strangler.errors import SourceError, SourceLost
from strangler.ports import ChangeSource, Pressure, SqlSide
from strangler.settings import Source
from strangler.testing.change_source import read_until
from strangler_connectors.polling import connect, looking
from strangler_connectors.polling.looking import look, watch
from strangler_connectors.polling.memory import Memory
from strangler_connectors.polling.options import Options

LATE = "UPDATE item SET name = 'late', changed = 1 WHERE id = 1"
"""A write whose number was drawn long before it was committed."""


@pytest.fixture
def erp(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE item (client char(3), id integer, name text, changed integer, PRIMARY KEY (client, id))"
        )
        connection.execute(
            "INSERT INTO item SELECT '100', i, 'item ' || i, i * 10 FROM generate_series(1, 5) i"
        )
        yield connection


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "memory.db"


def open_source(erp: psycopg.Connection[Any], memory: Path, **options: Any) -> ChangeSource:
    info = erp.info
    url = f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"
    chosen = {
        "interval": "20ms",
        "column": "changed",
        "overlap_numbers": 10,
        "compare_every": "1h",
        **options,
    }
    section = Source(
        kind="polling", url=SecretStr(url), heartbeat=timedelta(minutes=5), state=memory, options=chosen
    )
    return connect("erp", section, {"item": ["name"]})


class Read:
    """What a side was asked."""

    def __init__(self, side: SqlSide) -> None:
        self._side, self.rows_read = side, 0

    @property
    def dialect(self) -> str:
        return self._side.dialect

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        for row in self._side.rows(sql):
            self.rows_read += 1
            yield row

    def copy_out(self, sql: str, into: Any) -> bool:
        return self._side.copy_out(sql, into)

    def pressure(self) -> Pressure:
        return self._side.pressure()

    def close(self) -> None:
        self._side.close()


def changes(source: ChangeSource, identity: str, count: int) -> Sequence[Change]:
    with source.stream(ORIGIN, identity) as stream:
        read = read_until(stream, lambda so_far: sum(len(t.changes) for t in so_far) >= count)
    return [change for transaction in read for change in transaction.changes]


def test_a_short_look_reads_the_window_and_not_the_table(erp: psycopg.Connection[Any], memory: Path) -> None:
    source = open_source(erp, memory)
    source.prepare()
    erp.execute("INSERT INTO item SELECT '200', i, 'more', 50 FROM generate_series(1, 3) i")
    options = Options(column="changed", overlap_numbers=10)
    with (
        closing(Memory("erp", memory, 5.0)) as remembered,
        remembered.writing(),
        closing(source.reader()) as side,
    ):
        counted = Read(side)
        watched = {"item": watch(source.describe(["item"])["item"], ["name"], "changed")}
        look(remembered, counted, options, watched, whole=False, silent=True)
    assert counted.rows_read == 2 + 3  # 40 and 50 of the old ones, and the new ones.


def test_a_look_is_as_old_as_its_beginning_and_between_two_of_them_nobody_knows_what_waits(
    erp: psycopg.Connection[Any], memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]

    class Slow(Read):
        def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
            now[0] += 60.0
            return super().rows(sql)

    source = open_source(erp, memory, interval="1h")
    identity = source.prepare()
    erp.execute("UPDATE item SET name = 'a', changed = 60 WHERE id = 5")
    monkeypatch.setattr(looking, "time", SimpleNamespace(time=lambda: now[0]))
    with (
        closing(Memory("erp", memory, 5.0)) as remembered,
        remembered.writing(),
        closing(source.reader()) as side,
    ):
        watched = {"item": watch(source.describe(["item"])["item"], ["name"], "changed")}
        options = Options(column="changed", overlap_numbers=10)
        look(remembered, Slow(side), options, watched, whole=False, silent=True)
    with source.stream(ORIGIN, identity) as stream:
        assert stream.behind() == 1
        (found,) = read_until(stream, lambda so_far: len(so_far) >= 1)
        assert stream.behind() is None
    assert (found.committed_at, now[0] > 1000.0) == (1000.0, True)


def test_what_the_window_covers_again_makes_no_second_change(
    erp: psycopg.Connection[Any], memory: Path
) -> None:
    source = open_source(erp, memory)
    identity = source.prepare()
    erp.execute("UPDATE item SET name = 'a', changed = 60 WHERE id = 5")
    erp.execute("UPDATE item SET changed = 61 WHERE id = 4")  # Nothing that was asked for.
    erp.execute("UPDATE item SET name = 'b', changed = 62 WHERE id = 3")
    found = changes(source, identity, 2)
    assert [(c.operation, c.after) for c in found] == [
        (Operation.UPDATE, {"client": "100", "id": 5, "name": "a"}),
        (Operation.UPDATE, {"client": "100", "id": 3, "name": "b"}),
    ]
    assert [c.after for c in changes(source, identity, 2)] == [c.after for c in found]


def test_what_came_too_late_for_the_window_is_found_by_comparison(
    erp: psycopg.Connection[Any], memory: Path
) -> None:
    source = open_source(erp, memory)
    identity = source.prepare()
    erp.execute(LATE)
    erp.execute("DELETE FROM item WHERE id = 2")
    safe = source.safe_position(5)  # Compares all keys, wherever the window stands.
    found = changes(source, identity, 2)
    assert [(c.operation, c.before, c.after) for c in found] == [
        (Operation.UPDATE, None, {"client": "100", "id": 1, "name": "late"}),
        (Operation.DELETE, {"client": "100", "id": 2}, None),
    ]
    assert found[-1].position < safe


def test_comparisons_come_by_themselves(erp: psycopg.Connection[Any], memory: Path) -> None:
    source = open_source(erp, memory, compare_every="100ms")
    identity = source.prepare()
    with source.stream(ORIGIN, identity) as stream:
        assert stream.read(0.2) is None
        erp.execute("DELETE FROM item WHERE id = 2")
        (last,) = read_until(stream, lambda so_far: any(t.changes for t in so_far))[-1].changes
    assert last.before == {"client": "100", "id": 2}


def test_a_row_without_a_value_in_the_column_is_looked_at_every_time(
    erp: psycopg.Connection[Any], memory: Path
) -> None:
    erp.execute("UPDATE item SET changed = NULL WHERE id = 1")
    source = open_source(erp, memory)
    identity = source.prepare()
    with source.stream(ORIGIN, identity) as stream:
        assert stream.read(0) is None
        erp.execute("UPDATE item SET name = 'x' WHERE id = 1")
        (change,) = read_until(stream, lambda so_far: any(t.changes for t in so_far))[-1].changes
    assert change.after is not None
    assert change.after["name"] == "x"


def test_what_changed_while_nobody_looked_is_found_at_once(
    erp: psycopg.Connection[Any], memory: Path
) -> None:
    source = open_source(erp, memory, interval="1h")
    identity = source.prepare()
    erp.execute("DELETE FROM item WHERE id = 4")
    (gone,) = changes(source, identity, 1)
    assert (gone.operation, gone.before) == (Operation.DELETE, {"client": "100", "id": 4})


def test_a_memory_put_back_from_a_copy_is_noticed(erp: psycopg.Connection[Any], memory: Path) -> None:
    source = open_source(erp, memory)
    identity = source.prepare()
    copy = memory.read_bytes()
    erp.execute("DELETE FROM item WHERE id = 4")
    after = source.safe_position(5)
    memory.write_bytes(copy)
    for beside in ("-wal", "-shm"):
        memory.with_name(memory.name + beside).unlink(missing_ok=True)
    with pytest.raises(SourceLost, match="missing"):
        source.stream(after, identity)


def test_a_column_that_is_not_there_is_refused_with_the_option_to_set(
    erp: psycopg.Connection[Any], memory: Path
) -> None:
    source = open_source(erp, memory, columns={"item": "chnaged"})
    with pytest.raises(SourceError, match="chnaged") as refused:
        source.prepare()
    assert "options.columns.item" in refused.value.do
    assert not memory.exists()


def test_it_says_what_it_cannot_see(erp: psycopg.Connection[Any], memory: Path) -> None:
    source = open_source(erp, memory)
    assert source.examine(3600.0) == []
    assert any("one transaction" in what for what in source.blind_spots())


def test_it_says_where_looks_do_not_overlap(erp: psycopg.Connection[Any], memory: Path) -> None:
    def told(source: ChangeSource) -> bool:
        return any("column is a text" in what for what in source.blind_spots())

    assert told(open_source(erp, memory))
    assert told(open_source(erp, memory, column=None, columns={"item": "changed"}))
    assert not told(open_source(erp, memory, column=None, columns={"item": None}))


def test_a_late_commit_is_seen_by_comparison_only_where_the_column_is_a_text(
    erp: psycopg.Connection[Any], memory: Path
) -> None:
    erp.execute("ALTER TABLE item ALTER changed TYPE text USING to_char(changed, 'FM000')")
    source = open_source(erp, memory)
    identity = source.prepare()
    with source.stream(ORIGIN, identity) as stream:
        assert stream.read(0) is None  # The first look compares all.
        erp.execute("UPDATE item SET name = 'late', changed = '049' WHERE id = 1")
        erp.execute("UPDATE item SET name = 'in time', changed = '051' WHERE id = 2")
        (read,) = read_until(stream, lambda so_far: bool(so_far))
    assert [change.after for change in read.changes] == [{"client": "100", "id": 2, "name": "in time"}]
    source.safe_position(5.0)
    found = changes(source, identity, 2)
    assert [change.after["name"] for change in found if change.after] == ["in time", "late"]


@pytest.mark.parametrize(("table", "told"), [("itm", "did you mean item?"), ("order", "take it out")])
def test_a_table_in_the_options_that_no_mapping_names_is_refused(
    erp: psycopg.Connection[Any], memory: Path, table: str, told: str
) -> None:
    source = open_source(erp, memory, columns={table: None})
    (finding,) = source.examine(3600.0)
    assert (finding.blocks, table in finding.what, told in finding.do) == (True, True, True)
    with pytest.raises(SourceError, match=table) as refused:
        source.prepare()
    assert told in refused.value.do


def test_a_table_that_may_not_be_read_is_said_with_the_grant(
    erp: psycopg.Connection[Any], memory: Path
) -> None:
    role = f"polled_{erp.info.dbname}"
    erp.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'pw'".encode())
    try:
        section = Source(
            kind="polling",
            url=SecretStr(f"postgresql://{role}:pw@{erp.info.host}:{erp.info.port}/{erp.info.dbname}"),
            state=memory,
        )
        source = connect("erp", section, {"item": ["name"]})
        (finding,) = source.examine(3600.0)
        assert finding.blocks
        assert "permission denied" in finding.what
        assert finding.do.startswith("GRANT SELECT ON item")
        erp.execute(f"GRANT SELECT ON item TO {role}".encode())
        assert source.examine(3600.0) == []
        erp.execute(f"REVOKE ALL ON item FROM {role}".encode())
    finally:
        erp.execute(f"DROP ROLE {role}".encode())


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"colunm": "x"}, "colunm"),
        ({"interval": "5 lightyears"}, "interval"),
        ({"interval": "0s"}, "interval"),
    ],
)
def test_a_wrong_option_is_named(
    erp: psycopg.Connection[Any], memory: Path, options: Any, named: str
) -> None:
    with pytest.raises(SourceError, match="options are wrong") as refused:
        open_source(erp, memory, **options)
    assert named in refused.value.why
