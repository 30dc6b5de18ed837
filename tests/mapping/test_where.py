"""The filter of an entity: which rows are its own is the same for the stream and for every database, and leaving it is a removal."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
import pymysql
import pytest
from sqlalchemy.engine import make_url

from strangler.boundary import Boundary, Translation
from strangler.changes import Change, Operation, Position, Transaction
from strangler.errors import MappingError, Untranslatable
from strangler.events import Effect
from strangler.mapping import EntityMapping, compile_entity, mysql_session, translated
from strangler.mapping.sqlite_functions import register
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Table

WHOLE = "ALTER TABLE item REPLICA IDENTITY FULL"
COLUMNS = (
    Column("id", FieldType.INTEGER, False, "integer"),
    Column("kind", FieldType.TEXT, True, "varchar(10)"),
    Column("since", FieldType.TEXT, True, "varchar(10)"),
)
ROWS: list[tuple[int, str | None, str | None]] = [
    (1, "sold", "20260101"),
    (2, "bought", "20260101"),
    (3, None, "20260101"),
    (4, "sold", "00000000"),
    (5, "bought", "00000000"),
    (6, "sold", None),
    (7, "Sold", "20260101"),
    (8, "sold ", "20260101"),
]
TRIMMED = "TRIM(kind) = 'sold'"

FILTERS = {
    "kind = 'sold'": {1, 4, 6},
    "NOT kind = 'sold'": {2, 5, 7, 8},
    "kind IS NULL OR kind <> 'bought'": {1, 3, 4, 6, 7, 8},
    "TO_DATE(since, 'YYYYMMDD') > TO_DATE('20250101', 'YYYYMMDD')": {1, 2, 3, 4, 5, 7, 8},
}
"""Condition → the rows of which it holds, or can't be asked."""


def table(removal: tuple[str, ...] | None = None, whole: str = "") -> Table:
    return Table("item", COLUMNS, ("id",), removal, whole)


def mapping(where: str | None, legacy: Table | None = None) -> EntityMapping:
    fields = {"id": "id", "kind": "TRIM(kind)", "since": "TO_DATE(since, 'YYYYMMDD')"}
    entity = Entity.model_validate({"table": "item", "key": "id", "fields": fields, "where": where})
    return compile_entity("stock", "item", entity, legacy or table())


def in_sqlite() -> Any:
    connection = sqlite3.connect(":memory:")
    register(connection)
    return connection


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def database(request: pytest.FixtureRequest) -> Any:
    """A dialect, and what asks a database of it that holds the rows."""
    dialect = request.param
    if dialect == "sqlite":
        connection: Any = in_sqlite()
    elif dialect == "postgres":
        connection = psycopg.connect(request.getfixturevalue("postgres_url"), autocommit=True)
    else:
        url = make_url(request.getfixturevalue("mariadb_url"))
        connection = pymysql.connect(
            host=url.host, port=url.port or 3306, user=url.username, password=str(url.password or ""),
            database=url.database, charset="utf8mb4", autocommit=True,
        )  # fmt: skip
        with connection.cursor() as cursor:
            for statement in mysql_session.STATEMENTS:
                cursor.execute(statement)
    with closing(connection):
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE item (id integer PRIMARY KEY, kind varchar(10), since varchar(10))")
        mark = "?" if dialect == "sqlite" else "%s"
        cursor.executemany(f"INSERT INTO item VALUES ({mark}, {mark}, {mark})", ROWS)

        def ask(sql: str) -> list[tuple[Any, ...]]:
            cursor.execute(sql)
            return list(cursor.fetchall())

        yield dialect, ask


def seen_by_stream(made: EntityMapping) -> tuple[set[int], set[int]]:
    """Ids of the rows that are translated, and of those that can't be."""
    taken, faulty = set(), set()
    for id, kind, since in ROWS:
        row = {"id": id, "kind": kind, "since": since}
        try:
            if made.belongs is None or made.belongs(row):
                made.translate(row)
                taken.add(id)
        except Untranslatable:
            faulty.add(id)
    return taken, faulty


@pytest.mark.parametrize("where", FILTERS)
def test_every_database_takes_the_rows_that_the_stream_takes(
    database: tuple[str, Callable[[str], list[tuple[Any, ...]]]], where: str
) -> None:
    dialect, ask = database
    made = mapping(where)
    select = made.select(dialect)
    rows_sql, rest_sql = select.rows_sql(), select.rest_sql()
    assert rows_sql is not None
    taken = {row[0] for row in ask(rows_sql)}
    faulty = set()
    for each in translated(made, dialect, ask(rest_sql) if rest_sql else []):
        (faulty if each.fault else taken).add(each.row["id"])
    assert (taken, faulty) == seen_by_stream(made)
    assert taken | faulty == FILTERS[where]


def test_a_row_whose_filter_cannot_be_asked_is_untranslatable_and_one_that_is_not_ours_is_not() -> None:
    assert seen_by_stream(mapping("TO_DATE(since, 'YYYYMMDD') > TO_DATE('20250101', 'YYYYMMDD')"))[1] == {
        4,
        5,
    }
    assert seen_by_stream(mapping("kind = 'sold'"))[1] == {4}


def test_a_database_that_evaluates_nothing_leaves_all_rows_and_only_ours_come_out() -> None:
    made = mapping("kind = 'sold'")
    select = made.select("oracle")
    assert select.rows_sql() is None
    assert "WHERE" not in str(select.rest_sql())
    assert {each.row["id"] for each in translated(made, "oracle", ROWS)} == {1, 4, 6}


def events(made: EntityMapping, *changes: Change) -> list[tuple[str, Effect, str]]:
    result = Translation([], [])
    Boundary([made]).translate(Transaction(Position("1"), "1", 0.0, list(changes)), result)
    assert result.held == []
    return [(event.type, event.effect, event.key) for event in result.events]


def change(operation: Operation, before: str | None, after: str | None, number: int = 1) -> Change:
    rows = [None if kind is None else {"id": 1, "kind": kind, "since": None} for kind in (before, after)]
    return Change(Position(str(number)), "item", operation, *rows)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("sold", "sold", []),
        ("sold", "sold ", [("ItemChanged", Effect.UPSERT, "[1]")]),
        ("bought", "sold", [("ItemCreated", Effect.UPSERT, "[1]")]),
        ("sold", "bought", [("ItemRemoved", Effect.REMOVE, "[1]")]),
        ("bought", "lent", []),
    ],
)
def test_passing_the_filter_is_a_beginning_and_leaving_it_a_removal(
    before: str, after: str, expected: list[Any]
) -> None:
    assert events(mapping(TRIMMED), change(Operation.UPDATE, before, after)) == expected


def test_what_never_was_ours_is_neither_registered_nor_removed() -> None:
    made = mapping("kind = 'sold'")
    assert events(made, change(Operation.INSERT, None, "bought")) == []
    assert events(made, change(Operation.DELETE, "bought", None)) == []
    assert events(made, change(Operation.DELETE, "sold", None)) == [("ItemRemoved", Effect.REMOVE, "[1]")]


def test_in_one_transaction_only_where_it_began_and_where_it_ended_count() -> None:
    made = mapping(TRIMMED)
    out_and_in = (change(Operation.UPDATE, "sold", "bought"), change(Operation.UPDATE, "bought", "sold ", 2))
    assert events(made, *out_and_in) == [("ItemChanged", Effect.UPSERT, "[1]")]
    made_and_left = (change(Operation.INSERT, None, "sold"), change(Operation.UPDATE, "sold", "bought", 2))
    assert events(made, *made_and_left) == []


def test_a_source_that_could_send_old_rows_must() -> None:
    with pytest.raises(MappingError, match="doesn't tell kind") as refused:
        mapping("kind = 'sold'", table(removal=("id",), whole=WHOLE))
    assert WHOLE in str(refused.value.problems)
    mapping("id > 5", table(removal=("id",), whole=WHOLE))


def test_a_source_that_cannot_send_old_rows_removes_once_too_often_rather_than_too_seldom() -> None:
    made = mapping("kind = 'sold'", table(removal=("id",)))
    left = Change(Position("1"), "item", Operation.UPDATE, None, {"id": 1, "kind": "bought", "since": None})
    assert events(made, left) == [("ItemRemoved", Effect.REMOVE, "[1]")]


def test_a_filter_is_a_condition() -> None:
    with pytest.raises(MappingError, match="not a condition"):
        mapping("kind")


def test_another_filter_is_another_version() -> None:
    assert len({mapping(where).version for where in (None, "kind = 'sold'", "kind = 'bought'")}) == 3
