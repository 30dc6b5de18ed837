"""The same odd rows in PostgreSQL, SQLite and MariaDB: values that are known to divide databases, read as the stream reads them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
import pymysql
from pymysql.converters import conversions
from sqlalchemy import make_url

from strangler.mapping import Select, mysql_session
from strangler.mapping.sqlite_functions import register
from strangler.shapes import Column, FieldType, Table
from strangler_connectors.mysql.reader import MySQLSide
from strangler_connectors.postgres.reader import PostgresSide

COLUMNS: dict[str, tuple[FieldType, str]] = {
    "id": (FieldType.INTEGER, "integer"),
    "t1": (FieldType.TEXT, "text"),
    "t2": (FieldType.TEXT, "character varying(200)"),
    "number": (FieldType.TEXT, "text"),
    "moment": (FieldType.TEXT, "text"),
    "padded": (FieldType.TEXT, "character(8)"),
    "i1": (FieldType.INTEGER, "bigint"),
    "i2": (FieldType.INTEGER, "smallint"),
    "d1": (FieldType.DECIMAL, "numeric"),
    "d2": (FieldType.DECIMAL, "numeric(16,4)"),
    "f1": (FieldType.FLOAT, "double precision"),
    "f2": (FieldType.FLOAT, "real"),
    "b1": (FieldType.BOOLEAN, "boolean"),
    "b2": (FieldType.BOOLEAN, "boolean"),
    "day": (FieldType.DATE, "date"),
    "clock": (FieldType.TIME, "time without time zone"),
    "naive": (FieldType.TIMESTAMP, "timestamp without time zone"),
    "aware": (FieldType.INSTANT, "timestamp with time zone"),
    "raw": (FieldType.BYTES, "bytea"),
    "doc": (FieldType.JSON, "jsonb"),
}
MARIADB = {
    "id": "int(11)",
    "t1": "varchar(200) COLLATE utf8mb4_unicode_ci",
    "t2": "varchar(200) COLLATE utf8mb4_general_ci",
    "number": "varchar(100) CHARACTER SET utf8mb3",
    "moment": "varchar(100) CHARACTER SET latin1 COLLATE latin1_german2_ci",
    "padded": "char(8)",
    "i1": "bigint(20)",
    "i2": "smallint(6)",
    "d1": "decimal(44,12)",
    "d2": "decimal(16,4)",
    "f1": "double",
    "f2": "float",
    "b1": "bit(1)",
    "b2": "bit(1)",
    "day": "date",
    "clock": "time(6)",
    "naive": "datetime(6)",
    "aware": "timestamp(6) NULL",
    "raw": "varbinary(20)",
    "doc": "longtext",
}
"""What the same columns are in MariaDB: collations that take much for equal, and character sets of all widths."""


def table(declared: dict[str, str]) -> Table:
    """The legacy table, its columns declared so."""
    columns = (Column(name, kind, name != "id", declared[name]) for name, (kind, _) in COLUMNS.items())
    return Table("odd", tuple(columns), ("id",))


TABLE = table({name: text for name, (_, text) in COLUMNS.items()})

# --- rows of odd values -------------------------------------------------------------------------------------------------

_TEXTS = ["", " ", "  a ", "O'Neil", "Łódź", "ŁÓDŹ", "straße", "İi", "日本", "a\u0301", "á", "\U0001f600x", "A", "B", "a", "b",
          "NULL", "\\", "\\n", "%", "a%b_", "\n x\n", "tab\t", "\u00a0", "x" * 40, "0000004711", "-", "zz", '"']  # fmt: skip
_NUMBERS = ["0", "007", " 42 ", "-1", "+5", "1.50", ".5", "5.", "-0", "-0.00", "1e5", "1E-3", "1e400", "12,5", "abc", "", " ", "٣", "NaN",
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "0.125", "2.5", "1_000", "0x10", "true", "F", "yes",
            "oN", "1.", "--1", "Infinity", "1e-301", "99999999999999999999999999999999.995"]  # fmt: skip
_MOMENTS = ["2026-02-28", "2024-02-29", "2023-02-29", "20261123", "20260231", "0000-01-01", "0001-01-01", "9999-12-31", "00000000",
            "23:59:59", "24:00:00", "12:30", "12:30:15.5", "2026-11-23 23:59:59", "2026-11-23T23:59:59.123456", "2026-11-23T10:00:00Z",
            "2026-11-23 10:00:00.5+02:00", "0001-01-01T00:00:00+14", "9999-12-31T23:59:59-14:00", "2026-11-23 10:00:00.1234567", "now",
            "infinity", "1900-02-29", "2000-02-29", " 2026-11-23 ", "2026-11-23\n", "2026-11-23T10:00:00+0530",
            "23.11.2026", "29.02.2023", "29.02.2024", "31.04.2026", "1.2.2026", "01.01.0000", "11/23/2026", "02/29/1900", "02/29/2000",
            "12/31/0001", "23/11/2026", "261123", "000229", "500101", "491231", "1261123", "1000229", "0000229", "1261131", "2026327",
            "2024366", "2023366", "0001001", "9999365", "2026000", "126327", "99365", "100366", "000366", "00366",
            "500366", "0"]  # fmt: skip
_DECIMALS = [Decimal(text) for text in (
    "0", "0.5", "-0.5", "1.5", "2.5", "0.125", "-0.125", "4904.4900", "1E+3", "1e-30", "NaN", "123456789012345678901234567890.123",
    "9223372036854775807.5", "-9223372036854775808.4", "99999999.995", "0.005", "1.005", "100")]  # fmt: skip
_FLOATS = [
    0.0,
    -0.0,
    0.1,
    1e16,
    1e23,
    1e-7,
    1.5,
    2.5,
    123456789.123456789,
    5e-324,
    1.7976931348623157e308,
    9007199254740993.0,
    1e15,
]

_CHOICES: dict[str, list[Any]] = {
    "t1": _TEXTS,
    "t2": _TEXTS,
    "number": _NUMBERS,
    "moment": _MOMENTS,
    "padded": ["", "a", "a b", "12345678", " x"],
    "i1": [
        20261123,
        20260231,
        1261123,
        2026327,
        126327,
        99366,
        0,
        1,
        -1,
        2**63 - 1,
        -(2**63),
        2**31,
        10**9,
        123456789012345678,
    ],
    "i2": [-3, -2, -1, 0, 1, 2, 3],
    "d1": _DECIMALS,
    "d2": [Decimal("0"), Decimal("-0.5"), Decimal("999999999999.9999"), Decimal("2.5")],
    "f1": _FLOATS,
    "f2": [0.0, 0.5, -2.25, 1.0, 0.1, 3e7],
    "b1": [True, False],
    "b2": [True, False],
    "day": [date.min, date.max, date(1900, 1, 1), date(2024, 2, 29), date(2026, 11, 23)],
    "clock": [time.min, time.max, time(12), time(23, 59, 59, 999000)],
    "naive": [
        datetime.min,
        datetime.max,
        datetime(2026, 11, 23, 10),
        datetime(1969, 12, 31, 23, 59, 59, 500000),
    ],
    "aware": [
        datetime(2, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        datetime(1969, 12, 31, 23, tzinfo=UTC),
    ],
    "raw": [b"", b"\0", b"abc", b"\xff"],
    "doc": ['{"a": 1}', "[]", '"x"'],
}


def odd_rows(count: int) -> list[list[Any]]:
    """Rows in the order of COLUMNS, the same at every run; every value of every choice is in one, and so is NULL."""
    draw = Random(count)
    drawn: list[list[Any]] = [list(range(count))]
    for choices in _CHOICES.values():
        column = ([*choices, None] * (count // len(choices) + 1))[:count]
        draw.shuffle(column)
        drawn.append(column)
    return [list(row) for row in zip(*drawn, strict=True)]


# --- the databases ------------------------------------------------------------------------------------------------------

Answer = tuple[bool, Any, Any]
"""Can it be translated, the value and its text."""


class Peer:
    """One database with the odd rows. `rows` are as the stream brings them."""

    dialect: str
    table: Table = TABLE
    rows: list[dict[str, Any]]

    def ask(self, select: Select) -> list[Answer]:
        """Per row. Values are asked for even where there are none: nothing may abort."""
        pushed = select.pushed
        assert pushed is not None
        asked = f"{pushed.taken or 'TRUE'}, {pushed.columns[1]}, {pushed.texts[1]}"
        found = self.execute(f"SELECT {asked} FROM odd ORDER BY odd.id")
        return [(True, value, text) if can else (False, None, None) for can, value, text in found]

    def execute(self, sql: str) -> Sequence[Sequence[Any]]:
        raise NotImplementedError

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run the statement for each of the rows of legacy values, in the order of its `%s`."""
        raise NotImplementedError

    def read(self) -> list[dict[str, Any]]:
        """The rows as they are now, as the stream brings them."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class InPostgres(Peer):
    """In a session whose settings are as unlike the default as can be, over columns whose collation knows more letters than ASCII's."""

    dialect = "postgres"

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        columns = ", ".join(
            f"{name} {text}" + (' COLLATE "pg_unicode_fast"' if name in ("t1", "t2") else "")
            for name, (_, text) in COLUMNS.items()
        )
        self._connection.execute(f"CREATE TABLE odd ({columns}, PRIMARY KEY (id))")
        self._connection.execute("SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Kathmandu'")
        with self._connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO odd VALUES ({', '.join(['%s'] * len(COLUMNS))})", odd_rows(120))
        self._reader = PostgresSide("test", psycopg.connect(url, autocommit=True, options="-c timezone=UTC"))
        self.rows = self.read()

    def execute(self, sql: str) -> Sequence[Sequence[Any]]:
        return self._connection.execute(sql.encode()).fetchall()

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(sql.encode(), rows)

    def read(self) -> list[dict[str, Any]]:
        return as_read(self._reader.rows("SELECT * FROM odd ORDER BY id"))

    def close(self) -> None:
        self._connection.close()
        self._reader.close()


class InSqlite(Peer):
    """The rows that another database has, as a legacy SQLite would hold them."""

    dialect = "sqlite"

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._connection = sqlite3.connect(":memory:")
        names = ", ".join(
            f"{name} {_AFFINITY.get(kind, 'TEXT')}" + (" COLLATE NOCASE" if name in ("t1", "t2") else "")
            for name, (kind, _) in COLUMNS.items()
        )
        self._connection.execute(f"CREATE TABLE odd ({names})")
        register(self._connection)
        values = [[_in_sqlite(row[name]) for name in COLUMNS] for row in rows]
        self._connection.executemany(f"INSERT INTO odd VALUES ({', '.join('?' * len(COLUMNS))})", values)
        self.rows = rows

    def execute(self, sql: str) -> Sequence[Sequence[Any]]:
        return self._connection.execute(sql).fetchall()

    def close(self) -> None:
        self._connection.close()


class InMariadb(Peer):
    """What fits MariaDB's columns. The connection is set as the mapping asks."""

    dialect = "mysql"
    table = table(MARIADB)

    def __init__(self, url: str) -> None:
        self._connection = connect(url)
        with self._connection.cursor() as cursor:
            columns = ", ".join(f"{name} {text}" for name, text in MARIADB.items())
            cursor.execute(f"CREATE TABLE odd ({columns}, PRIMARY KEY (id))")
            marks = ", ".join(["%s"] * len(MARIADB))
            rows = [
                [_in_mariadb(name, value) for name, value in zip(COLUMNS, row, strict=True)]
                for row in odd_rows(120)
            ]
            cursor.executemany(f"INSERT INTO odd VALUES ({marks})", rows)
        self._reader = MySQLSide("test", connect(url, {}))
        self.rows = self.read()

    def execute(self, sql: str) -> Sequence[Sequence[Any]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            for row in rows:
                cursor.execute(sql, [_naive(value) for value in row])

    def read(self) -> list[dict[str, Any]]:
        names = ", ".join("f2 + 0e0" if name == "f2" else name for name in COLUMNS)
        return as_read(self._reader.rows(f"SELECT {names} FROM odd ORDER BY id"))

    def close(self) -> None:
        self._connection.close()
        self._reader.close()


def connect(url: str, converters: Any = conversions) -> Any:
    """A connection in the session that the mapping asks for."""
    parts = make_url(url)
    connection = pymysql.connect(
        host=parts.host, port=parts.port or 3306, user=parts.username, password=parts.password or "",
        database=parts.database, charset="utf8mb4", autocommit=True, conv=converters,
    )  # fmt: skip
    with connection.cursor() as cursor:
        for statement in mysql_session.STATEMENTS:
            cursor.execute(statement)
    return connection


def as_read(rows: Any) -> list[dict[str, Any]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def _in_mariadb(name: str, value: Any) -> Any:
    match value:
        case Decimal() if not value.is_finite():
            return None
        case datetime() if value.tzinfo:
            return _naive(max(value, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)))
    return value


def _naive(value: Any) -> Any:
    """An instant as a session in UTC takes it."""
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


_AFFINITY = {
    FieldType.INTEGER: "INTEGER",
    FieldType.FLOAT: "REAL",
    FieldType.BOOLEAN: "BOOLEAN",
    FieldType.BYTES: "BLOB",
}


def _in_sqlite(value: Any) -> Any:
    match value:
        case Decimal():
            return format(value, "f")
        case time():
            return value.isoformat()
        case datetime():
            return value.isoformat(" ")
        case date():
            return value.isoformat()
    return value
