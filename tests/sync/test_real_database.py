"""The sync on a real PostgreSQL, where SQLite can't show it: keys of other types, replica identities, tables that join later."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from strangler.boundary import Boundary, Translation
from strangler.changes import ORIGIN
from strangler.control import backfills
from strangler.control.store import Control
from strangler.errors import MappingError
from strangler.mapping import EntityMapping, compile_entity
from strangler.ports import ChangeSource, ChangeStream
from strangler.settings import Database, Entity, EventName, Events, Source
from strangler.sync.backfill import Backfill
from strangler_adapters import sqlite_store
from strangler_connectors import postgres
from tests.sync.landscape import until

COLUMNS = {"partner": ["code", "id", "note"], "measure": ["day", "id", "name"]}

CREATE = """
    CREATE TABLE partner (id bigint PRIMARY KEY, code text NOT NULL UNIQUE, note text);
    CREATE TABLE measure (id numeric(12, 2), day date, name text, PRIMARY KEY (id, day));
"""

LONG = "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i)"
"""A text that PostgreSQL keeps apart from its row, even compressed."""


def write(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def source_of(url: str) -> ChangeSource:
    return postgres.connect("erp", Source(kind="postgres", url=url), COLUMNS)


def mapping(source: ChangeSource, table: str, key: str | list[str], **more: Events) -> EntityMapping:
    keys = [key] if isinstance(key, str) else key
    fields = {name: name for name in COLUMNS[table]}
    entity = Entity(table=table, key=keys, fields=fields, **more)
    return compile_entity("f", table, entity, source.describe([table])[table])


@pytest.fixture
def legacy(postgres_url: str) -> Iterator[str]:
    write(postgres_url, CREATE)
    yield postgres_url
    with closing(source_of(postgres_url)) as source:
        source.drop()


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control.open(f"sqlite:///{tmp_path}/control.db") as opened:
        yield opened


def translated(stream: ChangeStream, boundary: Boundary) -> Translation:
    """What the next transaction with changes becomes."""
    result = Translation([], [])

    def came() -> bool:
        transaction = stream.read(0.2)
        if transaction is not None:
            boundary.translate(transaction, result)
        return bool(result.events or result.held)

    until(came, "a change came")
    return result


def test_a_backfill_goes_on_behind_a_key_of_any_type(legacy: str, control: Control, tmp_path: Path) -> None:
    write(
        legacy,
        "INSERT INTO measure SELECT i / 2 + 0.25, date '2026-01-01' + i, 'm' FROM generate_series(1, 20) i",
    )
    backfills.request(control, "f", "measure")
    url = f"sqlite:///{tmp_path}/store.db"
    stop = threading.Event()
    with (
        closing(source_of(legacy)) as source,
        closing(sqlite_store.connect("s", Database(url=url))) as store,
    ):
        compiled = mapping(source, "measure", ["id", "day"])
        store.prepare([compiled.shape])
        assert Backfill(compiled, source, store, control, 3, 1000).run(stop)
        with closing(store.reader()) as reader:
            assert [tuple(row) for row in reader.rows("SELECT count(*), min(day) FROM measure")] == [
                (20, "2026-01-02")
            ]


@pytest.mark.parametrize("where", ["key", "condition"])
def test_what_a_removal_does_not_tell_is_refused_with_the_statement_that_mends_it(
    legacy: str, where: str
) -> None:
    removed = Events(removed=[EventName(name="PartnerRemoved", when="code <> 'x'")])
    with closing(source_of(legacy)) as source:

        def compiled() -> EntityMapping:
            if where == "key":
                return mapping(source, "partner", "code")
            return mapping(source, "partner", "id", events=removed)

        with pytest.raises(MappingError) as raised:
            compiled()
        (problem,) = raised.value.problems
        assert "doesn't tell code" in problem.what
        write(legacy, problem.instead)
        compiled()


def test_a_key_that_is_not_the_primary_key_is_followed_with_the_whole_old_row(legacy: str) -> None:
    write(
        legacy,
        "ALTER TABLE partner REPLICA IDENTITY FULL",
        f"INSERT INTO partner VALUES (1, 'a', {LONG})",
    )
    with closing(source_of(legacy)) as source:
        boundary = Boundary([mapping(source, "partner", "code")])
        with source.stream(ORIGIN, source.prepare()) as stream:
            write(legacy, "UPDATE partner SET code = 'b'")
            result = translated(stream, boundary)
    assert [(event.type, event.key, "note" in event.data) for event in result.events] == [
        ("PartnerRemoved", '["a"]', False),
        ("PartnerCreated", '["b"]', True),
    ]


def test_a_transition_has_a_name_of_its_own_once_the_table_tells_what_a_row_was(legacy: str) -> None:
    moved = Events(
        changed=[EventName(name="PartnerMoved", when="code <> before.code AND note = before.note")]
    )
    write(legacy, f"INSERT INTO partner VALUES (1, 'a', {LONG})")
    with closing(source_of(legacy)) as source:
        with pytest.raises(MappingError) as raised:
            mapping(source, "partner", "id", events=moved)
        (problem,) = raised.value.problems
        assert "doesn't tell what code, note was" in problem.what
        write(legacy, problem.instead)
        boundary = Boundary([mapping(source, "partner", "id", events=moved)])
        with source.stream(ORIGIN, source.prepare()) as stream:
            write(legacy, "UPDATE partner SET code = 'b'", "UPDATE partner SET note = 'short'")
            first, second = translated(stream, boundary), translated(stream, boundary)
    assert [event.type for event in (*first.events, *second.events)] == ["PartnerMoved", "PartnerChanged"]


def test_a_transition_whose_old_row_is_no_longer_sent_is_held(legacy: str) -> None:
    moved = Events(changed=[EventName(name="PartnerMoved", when="code <> before.code")])
    write(
        legacy,
        "ALTER TABLE partner REPLICA IDENTITY FULL",
        "INSERT INTO partner VALUES (1, 'a', 'n')",
    )
    with closing(source_of(legacy)) as source:
        boundary = Boundary([mapping(source, "partner", "id", events=moved)])
        with source.stream(ORIGIN, source.prepare()) as stream:
            write(legacy, "ALTER TABLE partner REPLICA IDENTITY DEFAULT", "UPDATE partner SET code = 'b'")
            result = translated(stream, boundary)
    assert result.events == []
    assert "before.code of partner wasn't sent" in result.held[0].reason


def test_invariant_7_a_new_key_without_its_long_values_is_held(legacy: str) -> None:
    write(legacy, f"INSERT INTO partner VALUES (1, 'a', {LONG})")
    with closing(source_of(legacy)) as source:
        boundary = Boundary([mapping(source, "partner", "id")])
        with source.stream(ORIGIN, source.prepare()) as stream:
            write(legacy, "UPDATE partner SET id = 2")
            result = translated(stream, boundary)
    assert [(event.type, event.key) for event in result.events] == [("PartnerRemoved", "[1]")]
    assert [held.key.key for held in result.held] == ["[2]"]
    assert "ALTER TABLE partner REPLICA IDENTITY FULL" in result.held[0].reason


def test_a_table_that_joins_a_running_capture_is_seen_from_then_on(legacy: str, control: Control) -> None:
    with closing(source_of(legacy)) as whole:
        first = mapping(whole, "partner", "id")
        second = mapping(whole, "measure", ["id", "day"])
    earlier = postgres.connect("erp", Source(kind="postgres", url=legacy), {"partner": COLUMNS["partner"]})
    with closing(earlier), earlier.stream(ORIGIN, earlier.prepare()) as stream:
        write(legacy, "INSERT INTO partner VALUES (1, 'a', 'b')")
        identity = earlier.prepare()
        translated(stream, Boundary([first]))
    write(legacy, "INSERT INTO measure VALUES (1, '2026-01-01', 'before')")
    with closing(source_of(legacy)) as source, source.stream(ORIGIN, identity) as stream:
        assert source.prepare() == identity
        write(legacy, "INSERT INTO measure VALUES (2, '2026-01-01', 'after')")
        boundary = Boundary([first, second])
        seen = [*translated(stream, boundary).events, *translated(stream, boundary).events]
    assert [(event.entity, event.data.get("name")) for event in seen] == [
        ("partner", None),
        ("measure", "after"),
    ]
