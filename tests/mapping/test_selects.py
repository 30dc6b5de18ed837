"""The mapping as SQL on real databases: names, what can't be read, what can't be translated, and the store's own columns."""

from __future__ import annotations

import io
import sqlite3
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from strangler.errors import StranglerError, Untranslatable
from strangler.mapping import EntityMapping, canonical_columns, compile_entity
from strangler.mapping.sqlite_functions import register
from strangler.settings import Entity
from strangler.shapes import Column, Field, FieldType, Shape, Table
from strangler_connectors.postgres.reader import PostgresSide


def mapping(table: Table, **fields: str) -> EntityMapping:
    entity = Entity(table=table.name, key=["id"], fields={"id": "id"} | fields)
    return compile_entity("crm", "party", entity, table)


def table(name: str, **columns: tuple[FieldType, str]) -> Table:
    return Table(
        name, tuple(Column(each, kind, each != "id", text) for each, (kind, text) in columns.items()), ("id",)
    )


def in_sqlite() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    register(connection)
    return connection


ID = (FieldType.INTEGER, "integer")


def test_names_that_only_a_legacy_schema_would_have_are_quoted(postgres_url: str) -> None:
    odd = table(
        "Le gacy.0 sale-line",
        id=ID,
        **{'user "x"': (FieldType.TEXT, "text"), "Group": (FieldType.TEXT, "text")},
    )
    made = mapping(odd, title='"user ""x""" || group')
    with psycopg.connect(postgres_url) as connection:
        connection.execute('CREATE SCHEMA "Le gacy"')
        connection.execute(
            'CREATE TABLE "Le gacy"."0 sale-line" (id integer PRIMARY KEY, "user ""x""" text, "Group" text)'
        )
        connection.execute("""INSERT INTO "Le gacy"."0 sale-line" VALUES (2, 'a', 'b'), (1, '%s', 'c')""")
        found = connection.execute(made.select("postgres").rows_sql("id < 3", order=True).encode()).fetchall()
    assert found == [(1, "%sc"), (2, "ab")]


UNREADABLE = {
    "day": (FieldType.DATE, "date", ["infinity", "0001-01-01 BC", "10000-01-01"]),
    "clock": (FieldType.TIME, "time without time zone", ["24:00:00"]),
    "naive": (
        FieldType.TIMESTAMP,
        "timestamp without time zone",
        ["-infinity", "0044-03-15 12:00:00 BC", "12026-01-01"],
    ),
    "aware": (FieldType.INSTANT, "timestamp with time zone", ["infinity", "0044-03-15 12:00:00+00 BC"]),
    "amount": (FieldType.DECIMAL, "numeric", ["Infinity", "-Infinity"]),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_python_cannot_hold_is_untranslatable_in_postgresql_too(postgres_url: str, name: str) -> None:
    kind, declared, values = UNREADABLE[name]
    made = mapping(table("t", id=ID, **{name: (kind, declared)}), value=name, given=f"{name} IS NULL")
    select = made.select("postgres")
    connection = psycopg.connect(postgres_url, autocommit=True, options="-c timezone=UTC")
    connection.execute(f"CREATE TABLE t (id integer PRIMARY KEY, {name} {declared})")
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO t VALUES (%s, CAST(%s AS {declared}))", list(enumerate([*values, None]))
        )
    side = PostgresSide("test", connection)
    assert list(side.rows(select.rows_sql())) == [(len(values), None, True)]
    refused = [dict(zip(made.columns, row, strict=True)) for row in side.rows(select.rest_sql())]
    assert [row["id"] for row in refused] == list(range(len(values)))
    for row in refused:
        with pytest.raises(Untranslatable, match=name):
            made.translate(row)
    side.close()


def test_a_row_that_cannot_be_cast_does_not_abort_the_chunk(postgres_url: str) -> None:
    made = mapping(table("t", id=ID, code=(FieldType.TEXT, "text")), number="CAST(code AS INTEGER) * 2")
    select = made.select("postgres")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id integer PRIMARY KEY, code text)")
        connection.execute("INSERT INTO t VALUES (1, '21'), (2, '2x'), (3, NULL), (4, '9223372036854775807')")
        into = io.BytesIO()
        PostgresSide("test", connection).copy_out(select.rows_sql(order=True), into)
        refused = connection.execute(select.rest_sql(order=True).encode()).fetchall()
    assert into.getvalue() == b"1\t42\n3\t\\N\n"
    assert refused == [(2, "2x"), (4, "9223372036854775807")]


def test_a_mapping_that_cannot_fail_has_no_condition() -> None:
    made = mapping(table("t", id=ID, code=(FieldType.TEXT, "text")), code="UPPER(code)")
    assert made.select("postgres").rest_sql() is None
    assert "WHERE" not in made.select("postgres").rows_sql()


def test_a_key_that_is_null_is_not_among_the_rows() -> None:
    entity = Entity(table="t", key=["code"], fields={"code": "NULLIF(code, '')"})
    made = compile_entity("crm", "party", entity, table("t", id=ID, code=(FieldType.TEXT, "text")))
    connection = in_sqlite()
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT)")
    connection.execute("INSERT INTO t VALUES (1, 'a'), (2, ''), (3, NULL)")
    assert connection.execute(made.select("sqlite").rows_sql()).fetchall() == [("a",)]
    assert len(connection.execute(made.select("sqlite").rest_sql()).fetchall()) == 2


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (FieldType.TEXT, ["a", ""], [1, 1.5, b"a", "a\0b", "\0"]),
        (FieldType.INTEGER, [1, -(2**63)], ["x", 1.5, b""]),
        (FieldType.DECIMAL, [1, 0.1, "1.50", "NaN", "-0"], ["1,5", "1e5", b"1", float("inf")]),
        (FieldType.FLOAT, [1, 0.1, -0.0], ["x", b"1"]),
        (FieldType.BOOLEAN, [0, 1], [2, "true", 1.0]),
        (FieldType.DATE, ["2026-11-23"], ["2026-02-30", 20261123, "2026-11-23 00:00:00"]),
        (FieldType.TIME, ["23:59", "23:59:59.5"], ["24:00:00"]),
        (
            FieldType.TIMESTAMP,
            ["2026-11-23 10:00:00", "2026-11-23T10:00:00.123"],
            ["2026-11-23T10:00:00Z", 0],
        ),
        (FieldType.INSTANT, ["2026-11-23 10:00:00+01:00"], ["2026-11-23 10:00:00"]),
        (FieldType.BYTES, [b"\xff"], ["ff"]),
    ],
)
def test_what_sqlite_holds_against_the_declared_type_is_untranslatable(
    kind: FieldType, good: list[Any], bad: list[Any]
) -> None:
    select = mapping(table("t", id=ID, c=(kind, "")), c="c").select("sqlite")
    connection = in_sqlite()
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, c)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate([*good, None, *bad])))
    rows = connection.execute(select.rows_sql(order=True)).fetchall()
    assert [row[0] for row in rows] == list(range(len(good) + 1))
    assert len(connection.execute(select.rest_sql()).fetchall()) == len(bad)


STORED: dict[FieldType, tuple[str, list[Any]]] = {
    FieldType.TEXT: ("text", ["", "Łódź", "O'Neil"]),
    FieldType.INTEGER: ("bigint", [0, -(2**63)]),
    FieldType.DECIMAL: ("numeric", ["0", "4904.49", "-1234567890123456789012345678.5", "NaN"]),
    FieldType.FLOAT: (
        "double precision",
        [0.1, 1e23, 5e-324, 9007199254740993.0, -1.5, "NaN", "Infinity", "-Infinity", 0.0],
    ),
    FieldType.BOOLEAN: ("boolean", [True, False]),
    FieldType.DATE: ("date", ["0001-01-01", "9999-12-31"]),
    FieldType.TIME: ("time", ["23:59:59.000000", "00:00:00.000001"]),
    FieldType.TIMESTAMP: ("timestamp", ["2026-11-23T23:59:59.000000", "0001-01-01T00:00:00.000000"]),
    FieldType.INSTANT: ("timestamptz", ["2026-11-23T23:59:59.123456Z"]),
    FieldType.JSON: ("text", ['{"a": 1}']),
}


@pytest.mark.parametrize("kind", STORED)
def test_stores_of_both_dialects_give_the_same_text_of_what_was_loaded(
    postgres_url: str, kind: FieldType
) -> None:
    declared, values = STORED[kind]
    shape = Shape(
        "crm", "party", "party", ("id",), (Field("id", FieldType.INTEGER, False), Field("v", kind, True))
    )
    rows = list(enumerate([*values, None]))
    lite = in_sqlite()
    lite.execute(f"CREATE TABLE party (id INTEGER, v {'REAL' if kind is FieldType.FLOAT else 'BLOB'})")
    lite.executemany("INSERT INTO party VALUES (?, ?)", rows)
    in_lite = lite.execute(
        f"SELECT {', '.join(canonical_columns(shape, 'sqlite'))} FROM party ORDER BY 1"
    ).fetchall()
    with psycopg.connect(
        postgres_url, options="-c timezone=Asia/Kathmandu -c datestyle=SQL,DMY"
    ) as connection:
        connection.execute(f"CREATE TABLE party (id integer, v {declared})")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO party VALUES (%s, %s)", rows)
        columns = ", ".join(canonical_columns(shape, "postgres"))
        in_postgres = connection.execute(f"SELECT {columns} FROM party ORDER BY 1".encode()).fetchall()
    assert in_lite == in_postgres
    assert all(isinstance(text, str) for _, text in in_lite[:-1])
    assert len({text for _, text in in_lite}) == len(rows)


def test_what_a_service_writes_otherwise_into_sqlite_is_no_drift() -> None:
    shape = Shape(
        "f", "e", "e", ("d",), (Field("d", FieldType.DECIMAL, False), Field("b", FieldType.BYTES, True))
    )
    lite = in_sqlite()
    lite.execute("CREATE TABLE e (d, b)")
    lite.execute("INSERT INTO e VALUES ('1.50', 'FF'), (1.5, x'ff'), ('rubbish', 'zz')")
    found = lite.execute(f"SELECT {', '.join(canonical_columns(shape, 'sqlite'))} FROM e").fetchall()
    assert found == [("1.5", "ff"), ("1.5", "ff"), ("rubbish", "zz")]


def test_an_infinite_date_in_a_store_is_not_taken_for_none(postgres_url: str) -> None:
    shape = Shape("f", "e", "e", ("d",), (Field("d", FieldType.DATE, False),))
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE e (d date)")
        connection.execute("INSERT INTO e VALUES ('infinity'), (%s)", [date(2026, 11, 23)])
        found = connection.execute(
            f"SELECT {canonical_columns(shape, 'postgres')[0]} FROM e".encode()
        ).fetchall()
    assert found == [("infinity",), ("2026-11-23",)]


@pytest.mark.parametrize(
    ("dialect", "statement", "says"),
    [
        (
            "oracle",
            'SELECT "id", "a ""b" FROM "s"."t" WHERE (x) ORDER BY "id"',
            "written out in Oracle for people only",
        ),
        (
            "tsql",
            'SELECT [id], [a "b] FROM [s].[t] WHERE (x) ORDER BY [id]',
            "written out in T-SQL for people only",
        ),
        (
            "db2",
            'SELECT "id", "a ""b" FROM "s"."t" WHERE (x) ORDER BY "id"',
            "compiled to postgres, sqlite, mysql, not to db2",
        ),
    ],
)
def test_a_dialect_that_no_database_is_asked_in_gives_its_legacy_rows(
    dialect: str, statement: str, says: str
) -> None:
    made = mapping(table("s.t", id=ID, **{'a "b': (FieldType.TEXT, "text")}), name='TRIM("a ""b")')
    select = made.select(dialect)
    assert select.rows_sql() is None
    assert select.rest_sql("x", order=True) == statement
    assert says in select.why


def test_a_store_of_an_unknown_dialect_is_refused_with_the_known_ones() -> None:
    with pytest.raises(StranglerError, match="oracle") as raised:
        canonical_columns(mapping(table("t", id=ID)).shape, "oracle")
    assert "postgres, sqlite" in raised.value.why


def test_an_untranslatable_row_of_sqlite_is_read_as_the_stream_reads_it() -> None:
    made = mapping(
        table("t", id=ID, code=(FieldType.TEXT, ""), paid=(FieldType.DECIMAL, ""), day=(FieldType.DATE, "")),
        number="CAST(code AS INTEGER)", paid="paid", day="day",
    )  # fmt: skip
    connection = in_sqlite()
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT, paid TEXT, day TEXT)")
    connection.execute("INSERT INTO t VALUES (1, 'x', '1.50', '2026-11-23'), (2, '5', '1.50', 'never')")
    found = [
        made.legacy_row("sqlite", row)
        for row in connection.execute(made.select("sqlite").rest_sql(order=True))
    ]
    assert found == [
        {"id": 1, "code": "x", "paid": Decimal("1.50"), "day": date(2026, 11, 23)},
        {"id": 2, "code": "5", "paid": Decimal("1.50"), "day": "never"},
    ]
    with pytest.raises(Untranslatable, match=r"party\.number"):
        made.translate(found[0])
    with pytest.raises(Untranslatable, match="column day holds 'never'"):
        made.translate(found[1])
