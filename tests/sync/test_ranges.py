"""Key ranges of MariaDB: every row is in one range, whatever the key's type and whatever its collation takes for equal."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import pytest

from strangler.shapes import Column, FieldType, Table
from strangler.sync.backfill import _At
from strangler.sync.ranges import count, next_range
from strangler_connectors.mysql.catalog import names, relations
from strangler_connectors.mysql.reader import MySQLSide
from tests.mapping.peers import connect

NAMES = ["a", "B", "c", "Äx", "ab", "Z", "z!", "-", "a'b", "a\\b", "%", "日本", "", "ß", "O'Neil", "é1", "E2"]

KEYS: dict[str, tuple[str, list[str]]] = {
    "text under a collation that ignores case": (
        "k varchar(20) COLLATE utf8mb4_unicode_ci PRIMARY KEY", ["%s"] * len(NAMES)),
    "latin1": ("k varchar(20) CHARACTER SET latin1 PRIMARY KEY", ["'éa'", "'E'", "'a'", "'Z'", "'ß'", "'\\\\'"]),
    "enum": ("k enum('zebra','ant','yak','bee') PRIMARY KEY", ["'ant'", "'bee'", "'yak'", "'zebra'"]),
    "set": ("k set('b','a','c') PRIMARY KEY", ["'a'", "'b'", "'a,b'", "''", "'c'"]),
    "binary": ("k binary(3) PRIMARY KEY", ["'a'", "X'00'", "X'FF5C27'", "'b'"]),
    "bits": ("k bit(12) PRIMARY KEY", ["1", "4095", "0", "256"]),
    "zero dates": ("k date PRIMARY KEY", ["'0000-00-00'", "'2026-00-00'", "'2026-02-31'", "'9999-12-31'", "'2026-11-23'"]),
    "instants": ("k timestamp(6) PRIMARY KEY DEFAULT 0", ["'2026-03-29 01:30:00.000001'", "'2026-03-29 01:30:00'", "0"]),
    "times": ("k time(3) PRIMARY KEY", ["'-800:00:00.5'", "'25:00'", "'00:00'", "'-00:00:01'"]),
    "unsigned": ("k bigint unsigned PRIMARY KEY", ["18446744073709551615", "0", "9223372036854775808"]),
    "decimal": ("k decimal(30,10) PRIMARY KEY", ["-0.5", "12345678901234567890.0000000001", "12345678901234567890", "0"]),
    "float": ("k float PRIMARY KEY", ["0.1", "16777216", "16777218", "-3e-30"]),
    "double": ("k double PRIMARY KEY", ["0.1", "0.30000000000000004", "0.3", "1e300", "-5e-324"]),
    "composite": (
        "a varchar(5) COLLATE utf8mb4_general_ci, k date, n int, PRIMARY KEY (a, k, n)",
        ["'x', '2026-01-01', 1", "'X', '2026-01-01', 2", "'y', '0000-00-00', 1", "'Y', '0000-00-00', -1", "'x', '2026-01-02', 0"]),
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("key", KEYS)
def test_each_row_is_in_one_range(mariadb_url: str, key: str, size: int) -> None:
    declared, rows = KEYS[key]
    with closing(connect(mariadb_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
        cursor.execute(f"CREATE TABLE odd ({declared}) CHARACTER SET utf8mb4")
        for number, row in enumerate(rows):
            cursor.execute(f"INSERT INTO odd VALUES ({row})", [NAMES[number]] if "%s" in row else None)
    with closing(connect(mariadb_url, {})) as described:
        (relation,) = relations(described, names(described, described.db.decode()), ["odd"])
    table = relation.table()
    with closing(MySQLSide("test", connect(mariadb_url, {}))) as side:
        assert count(side, table) == len(rows)
        found = list(walked(side, table, size))
        everything = list(side.rows("SELECT CONCAT_WS('|', CAST(k AS CHAR)) FROM odd"))
    assert sum(len(part) for part in found) == len(rows)
    assert sorted(row for part in found for row in part) == sorted(everything)
    assert all(len(part) <= size for part in found)


def walked(side: Any, table: Table, size: int) -> Any:
    """The rows of each range, as a backfill walks that writes its mark down after each."""
    after = None
    while True:
        span = next_range(side, table, after, size)
        where = f" WHERE {condition}" if (condition := span.condition()) else ""
        yield list(side.rows(f"SELECT CONCAT_WS('|', CAST(k AS CHAR)) FROM odd{where}"))
        if span.last is None:
            return
        after = _At.read(Marked(_At(span.last, False).text())).after


class Marked:
    def __init__(self, at: str) -> None:
        self.at = at


def test_a_composite_key_finds_its_range_by_the_index(mariadb_url: str) -> None:
    table = Table(
        "odd", (Column("a", FieldType.INTEGER, False, "int(11)"), Column("b", FieldType.INTEGER, False, "int(11)")), ("a", "b")
    )  # fmt: skip
    with closing(connect(mariadb_url)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE odd (a int, b int, filling char(100), PRIMARY KEY (a, b))")
        cursor.execute("INSERT INTO odd SELECT seq DIV 1000, seq MOD 1000, '' FROM seq_1_to_20000")
        cursor.execute("ANALYZE TABLE odd")
        with closing(MySQLSide("test", connect(mariadb_url, {}))) as side:
            span = next_range(side, table, [7, 500], 1000)
        assert span.last == [8, 500]
        cursor.execute(f"EXPLAIN SELECT * FROM odd WHERE {span.condition()}")
        plan = dict(zip([column[0] for column in cursor.description], cursor.fetchone(), strict=True))
    assert (plan["type"], plan["key"]) == ("range", "PRIMARY")
    assert int(plan["rows"]) < 2000


class Asked:
    """A database of any dialect that keeps what it is asked, and knows no further row."""

    def __init__(self, dialect: str) -> None:
        self.dialect, self.statements = dialect, list[str]()

    def rows(self, sql: str) -> Any:
        self.statements.append(sql)
        return iter(())


@pytest.mark.parametrize(
    ("dialect", "statement"),
    [
        ("tsql", "SELECT [a], [d] FROM [s].[odd] WHERE [a] > 'O''N' OR ([a] = 'O''N' AND [d] > CAST('2026-11-23' AS DATE))"
                 " ORDER BY [a], [d] OFFSET 9 ROWS FETCH FIRST 1 ROWS ONLY"),
        ("oracle", """SELECT "a", "d" FROM "s"."odd" WHERE "a" > 'O''N' OR ("a" = 'O''N' AND "d" > TO_DATE('2026-11-23', 'YYYY-MM-DD'))"""
                   """ ORDER BY "a", "d" OFFSET 9 ROWS FETCH FIRST 1 ROWS ONLY"""),
        ("db2", """SELECT "a", "d" FROM "s"."odd" WHERE "a" > 'O''N' OR ("a" = 'O''N' AND "d" > '2026-11-23')"""
                """ ORDER BY "a", "d" LIMIT 1 OFFSET 9"""),
        ("postgres", """SELECT "a", "d" FROM "s"."odd" WHERE ("a", "d") > ('O''N', CAST('2026-11-23' AS DATE))"""
                     """ ORDER BY "a", "d" LIMIT 1 OFFSET 9"""),
    ],
)  # fmt: skip
def test_a_range_is_asked_for_in_the_databases_own_words(dialect: str, statement: str) -> None:
    table = Table(
        "s.odd",
        (Column("a", FieldType.TEXT, False, "varchar(9)"), Column("d", FieldType.DATE, False, "date")),
        ("a", "d"),
    )
    side: Any = Asked(dialect)
    assert next_range(side, table, ["O'N", date(2026, 11, 23)], 10).last is None
    assert side.statements == [statement]


def test_instants_and_bytes_of_oracle_are_written_with_their_format() -> None:
    table = Table("t", (Column("k", FieldType.TIMESTAMP, False, "timestamp"),), ("k",))
    span = next_range(any_side("oracle"), table, [datetime(2026, 11, 23, 1, 2, 3)], 10)
    assert (
        span.condition()
        == """"k" > TO_TIMESTAMP('2026-11-23 01:02:03.000000', 'YYYY-MM-DD HH24:MI:SS.FF6')"""
    )
    span = next_range(any_side("oracle"), table, [datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)], 10)
    assert "TO_TIMESTAMP_TZ('2026-11-23 01:02:03.000000+00:00', 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM')" in str(
        span.condition()
    )
    span = next_range(any_side("oracle"), table, [b"\xff"], 10)
    assert span.condition() == """"k" > HEXTORAW('ff')"""


def any_side(dialect: str) -> Any:
    return Asked(dialect)
