"""The one promise of the mapping: Python, PostgreSQL and SQLite give the same value, or all say that there is none.

Expressions are generated from the language, rows from values that are known to divide databases. PostgreSQL runs in a session
whose settings are as unlike the default as can be, over columns whose collation knows more letters than ASCII's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.errors import MappingError, Untranslatable
from strangler.mapping import EntityMapping, compile_entity
from strangler.mapping.canonical import float_text
from strangler.mapping.sqlite_functions import register
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Table
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
TABLE = Table("odd", tuple(Column(n, kind, n != "id", text) for n, (kind, text) in COLUMNS.items()), ("id",))

# --- rows of odd values -------------------------------------------------------------------------------------------------

_TEXTS = ["", " ", "  a ", "O'Neil", "Łódź", "ŁÓDŹ", "straße", "İi", "日本", "a\u0301", "á", "\U0001f600x", "A", "B", "a", "b",
          "NULL", "\\", "\\n", "%", "a%b_", "\n x\n", "tab\t", "\u00a0", "x" * 40, "0000004711", "-", "zz", '"']  # fmt: skip
_NUMBERS = ["0", "007", " 42 ", "-1", "+5", "1.50", ".5", "5.", "-0", "-0.00", "1e5", "1E-3", "1e400", "12,5", "abc", "", " ", "٣", "NaN",
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "0.125", "2.5", "1_000", "0x10", "true", "F", "yes",
            "oN", "1.", "--1", "Infinity", "1e-301", "99999999999999999999999999999999.995"]  # fmt: skip
_MOMENTS = ["2026-02-28", "2024-02-29", "2023-02-29", "20261123", "20260231", "0000-01-01", "0001-01-01", "9999-12-31", "00000000",
            "23:59:59", "24:00:00", "12:30", "12:30:15.5", "2026-11-23 23:59:59", "2026-11-23T23:59:59.123456", "2026-11-23T10:00:00Z",
            "2026-11-23 10:00:00.5+02:00", "0001-01-01T00:00:00+14", "9999-12-31T23:59:59-14:00", "2026-11-23 10:00:00.1234567", "now",
            "infinity", "1900-02-29", "2000-02-29", " 2026-11-23 ", "2026-11-23\n", "2026-11-23T10:00:00+0530"]  # fmt: skip
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
    "i1": [0, 1, -1, 2**63 - 1, -(2**63), 2**31, 10**9, 123456789012345678],
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


# --- expressions of the language ----------------------------------------------------------------------------------------

T, I, D, F, B = FieldType.TEXT, FieldType.INTEGER, FieldType.DECIMAL, FieldType.FLOAT, FieldType.BOOLEAN  # noqa: E741
DAY, TIME, NAIVE, AWARE = FieldType.DATE, FieldType.TIME, FieldType.TIMESTAMP, FieldType.INSTANT

_LITERALS = {
    T: ["''", "' '", "'a'", "'O''Neil'", "'Ł'", "'0'", "NULL", "'%'"],
    I: ["0", "1", "(-1)", "7", "9223372036854775807"],
    D: ["0.5", "(-1.005)", "100.00", "2.5"],
    F: ["CAST(0.5 AS DOUBLE PRECISION)", "CAST('1e16' AS DOUBLE PRECISION)"],
    B: ["TRUE", "FALSE"],
    DAY: ["DATE '2026-11-23'", "CAST('0001-01-01' AS DATE)"],
    TIME: ["CAST('12:00' AS TIME)"],
    NAIVE: ["TIMESTAMP '2026-11-23 10:00:00'", "CAST('9999-12-31 23:59:59.999999' AS TIMESTAMP)"],
    AWARE: ["CAST('2026-11-23T10:00:00+01:00' AS TIMESTAMPTZ)"],
}
_SQL_TYPE = {
    T: "TEXT", I: "INTEGER", D: "DECIMAL", F: "DOUBLE PRECISION", B: "BOOLEAN", DAY: "DATE", TIME: "TIME",
    NAIVE: "TIMESTAMP", AWARE: "TIMESTAMPTZ",
}  # fmt: skip
_CAST_FROM = {
    T: [I, D, B, DAY, TIME, NAIVE, AWARE], I: [T, D, B], D: [T, I, F], F: [T, I, D], B: [T, I],
    DAY: [T, NAIVE], TIME: [T, NAIVE], NAIVE: [T, DAY], AWARE: [T],
}  # fmt: skip
_COMPARISON = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
_SMALL = st.integers(0, 9).map(str)


def _leaf(kind: FieldType) -> st.SearchStrategy[str]:
    names = [name for name, (of, _) in COLUMNS.items() if of is kind]
    return st.sampled_from(names + names + _LITERALS[kind])


def _write(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda given: template.format(*given))


@st.composite
def expression(draw: st.DrawFn, kind: FieldType, depth: int) -> str:
    """SQL that a user might write, of the type."""
    if depth == 0:
        return draw(_leaf(kind))

    def of(other: FieldType) -> st.SearchStrategy[str]:
        return expression(other, depth - 1)

    same, condition = of(kind), of(B)
    anything = st.sampled_from(list(_LITERALS)).flatmap(of)
    cast = draw(st.sampled_from(_CAST_FROM[kind]))
    return draw(
        st.one_of(
            _leaf(kind),
            _write("COALESCE({}, {})", same, same),
            _write("COALESCE({}, {}, {})", same, same, same),
            _write("NULLIF({}, {})", same, same),
            _write("CASE WHEN {} THEN {} ELSE {} END", condition, same, same),
            _write("CASE WHEN {} THEN {} WHEN {} THEN {} END", condition, same, condition, same),
            _write("CASE {} WHEN {} THEN {} ELSE {} END", of(T), of(T), same, same),
            _write("CAST({} AS " + _SQL_TYPE[kind] + ")", of(cast)),
            *_special(kind, of, anything),
        )
    )


def _special(kind: FieldType, of: Any, anything: st.SearchStrategy[str]) -> list[st.SearchStrategy[str]]:
    text, characters = of(T), st.sampled_from(["''", "' '", "'0'", "'ab'", "'Ł'"])
    match kind:
        case FieldType.TEXT:
            joinable = st.sampled_from([T, I, D, B, DAY, TIME, NAIVE, AWARE]).flatmap(of)
            return [
                _write("({} || {})", joinable, joinable),
                _write("CONCAT({}, {}, {})", joinable, joinable, joinable),
                _write("{}({})", st.sampled_from(["TRIM", "LTRIM", "RTRIM", "UPPER", "LOWER"]), text),
                _write(
                    "TRIM({} {} FROM {})", st.sampled_from(["BOTH", "LEADING", "TRAILING"]), characters, text
                ),
                _write("SUBSTRING({}, {}, {})", text, st.integers(-3, 9).map(str), _SMALL),
                _write("SUBSTRING({}, {})", text, st.integers(-3, 9).map(str)),
                _write("{}({}, {})", st.sampled_from(["LEFT", "RIGHT"]), text, _SMALL),
                _write("REPLACE({}, {}, {})", text, text, text),
                _write("{}({}, {}, {})", st.sampled_from(["LPAD", "RPAD"]), text, _SMALL, characters),
                st.just("CAST(doc AS TEXT)"),
                st.just("padded"),
            ]
        case FieldType.INTEGER:
            return [
                _write("({} {} {})", of(I), st.sampled_from("+-*"), of(I)),
                _write("(-{})", of(I)),
                _write("ABS({})", of(I)),
                _write("LENGTH({})", text),
                st.just("CAST(number AS INTEGER)"),
                _write(
                    "EXTRACT({} FROM {})",
                    st.sampled_from(["YEAR", "MONTH", "DAY"]),
                    st.one_of(of(DAY), of(NAIVE)),
                ),
                _write("EXTRACT({} FROM {})", st.sampled_from(["HOUR", "MINUTE"]), of(NAIVE)),
            ]
        case FieldType.DECIMAL:
            return [
                _write("({} {} {})", of(D), st.sampled_from("+-*"), st.one_of(of(D), of(I))),
                _write("(-{})", of(D)),
                _write("ABS({})", of(D)),
                _write("ROUND({}, {})", st.one_of(of(D), of(I)), st.integers(-3, 4).map(str)),
                _write("ROUND({})", of(D)),
                _write(
                    "CAST({} AS DECIMAL({}))",
                    st.one_of(of(D), of(T), of(F)),
                    st.sampled_from(["4,2", "16,2", "38,10", "5"]),
                ),
                st.just("CAST(number AS DECIMAL(18, 2))"),
                st.just("CAST(number AS DECIMAL)"),
            ]
        case FieldType.FLOAT:
            return [st.just("CAST(number AS DOUBLE PRECISION)")]
        case FieldType.BOOLEAN:
            compared = st.sampled_from([T, I, D, F, B, DAY, TIME, NAIVE, AWARE]).flatmap(
                lambda of_both: _write("({} {} {})", of(of_both), _COMPARISON, of(of_both))
            )
            return [
                compared,
                compared,
                _write("(NOT {})", of(B)),
                _write("({} {} {})", of(B), st.sampled_from(["AND", "OR"]), of(B)),
                _write("({} IS {})", anything, st.sampled_from(["NULL", "NOT NULL"])),
                _write("({} IS {})", of(B), st.sampled_from(["TRUE", "FALSE", "NOT TRUE"])),
                _write("({} IN ('a', '', 'Ł', 'O''Neil'))", text),
                _write("({} NOT IN (1, -1, 0))", of(I)),
                _write("({} IN (0.5, 100, -0.5))", of(D)),
                _write("({} BETWEEN {} AND {})", text, text, text),
                _write("({} BETWEEN {} AND {})", of(D), of(I), of(D)),
                st.just("CAST(number AS BOOLEAN)"),
                st.just("(raw < raw)"),
            ]
        case FieldType.DATE:
            return [
                st.just("TO_DATE(moment, 'YYYYMMDD')"),
                st.just("CAST(moment AS DATE)"),
                _write("CAST({} AT TIME ZONE 'UTC' AS DATE)", of(AWARE)),
            ]
        case FieldType.TIME:
            return [st.just("CAST(moment AS TIME)")]
        case FieldType.TIMESTAMP:
            return [st.just("CAST(moment AS TIMESTAMP)"), _write("({} AT TIME ZONE 'UTC')", of(AWARE))]
        case FieldType.INSTANT:
            return [st.just("CAST(moment AS TIMESTAMPTZ)"), _write("({} AT TIME ZONE 'UTC')", of(NAIVE))]
    return []


expressions = st.sampled_from(list(_LITERALS)).flatmap(lambda kind: expression(kind, 3))

# --- the three executions -----------------------------------------------------------------------------------------------


class Peers:
    """The same table in PostgreSQL and in SQLite."""

    def __init__(self, url: str) -> None:
        self.postgres = psycopg.connect(url, autocommit=True)
        collated = {"t1", "t2"}
        columns = ", ".join(
            f"{name} {text}" + (' COLLATE "pg_unicode_fast"' if name in collated else "")
            for name, (_, text) in COLUMNS.items()
        )
        self.postgres.execute(f"CREATE TABLE odd ({columns}, PRIMARY KEY (id))")
        self.postgres.execute("SET datestyle = 'SQL, DMY'; SET timezone = 'Asia/Kathmandu'")
        self.sqlite = sqlite3.connect(":memory:")
        names = ", ".join(
            f"{name} {_AFFINITY.get(kind, 'TEXT')}" + (" COLLATE NOCASE" if name in collated else "")
            for name, (kind, _) in COLUMNS.items()
        )
        self.sqlite.execute(f"CREATE TABLE odd ({names})")
        register(self.sqlite)
        self.reader = PostgresSide("test", psycopg.connect(url, autocommit=True, options="-c timezone=UTC"))
        self.rows = self.fill()

    def fill(self) -> list[dict[str, Any]]:
        """Put odd rows into both; returns them as the connector reads them."""
        names, marks = list(COLUMNS), ["%s"] * len(COLUMNS)
        with self.postgres.cursor() as cursor:
            cursor.executemany(f"INSERT INTO odd VALUES ({', '.join(marks)})", odd_rows(120))
        read = [
            dict(zip(names, row, strict=True)) for row in self.reader.rows("SELECT * FROM odd ORDER BY id")
        ]
        values = [[_in_sqlite(row[name]) for name in names] for row in read]
        self.sqlite.executemany(f"INSERT INTO odd VALUES ({', '.join('?' * len(names))})", values)
        return read

    def ask(self, mapping: EntityMapping, dialect: str) -> list[tuple[bool, Any, Any]]:
        """Per row: can it be translated, the value and its text. Values are asked for even where they can't: nothing may abort."""
        select = mapping.select(dialect)
        sql = f"SELECT {select.translatable}, {select.columns[1]}, {select.texts[1]} FROM odd ORDER BY odd.id"
        found = (self.postgres if dialect == "postgres" else self.sqlite).execute(sql).fetchall()
        return [(True, value, text) if can else (False, None, None) for can, value, text in found]

    def close(self) -> None:
        self.postgres.close()
        self.reader.close()
        self.sqlite.close()


_AFFINITY = {I: "INTEGER", F: "REAL", B: "BOOLEAN", FieldType.BYTES: "BLOB"}


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


@pytest.fixture(scope="module")
def peers(postgres: Any) -> Iterator[Peers]:
    opened = Peers(postgres.create_database("agreement"))
    yield opened
    opened.close()


def compiled(text: str) -> EntityMapping | None:
    """The mapping of one expression; None for a constant that has no value."""
    try:
        return compile_entity(
            "f", "odd", Entity(table="odd", key=["id"], fields={"id": "id", "value": text}), TABLE
        )
    except MappingError as error:
        if "no row could be translated" in str(error):
            return None
        raise AssertionError(f"{text}\n{error}") from error


def in_python(mapping: EntityMapping, row: dict[str, Any]) -> tuple[bool, Any, Any]:
    try:
        value = mapping.translate(row)["value"]
    except Untranslatable:
        return False, None, None
    match value:
        case bool():
            return True, value, str(value).lower()
        case float():
            return True, value, float_text(value)
        case int():
            return True, value, str(value)
    return True, value, value


@settings(
    max_examples=300, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(expressions)
def test_python_postgresql_and_sqlite_agree(peers: Peers, text: str) -> None:
    mapping = compiled(text)
    if mapping is None:
        return
    expected = [in_python(mapping, row) for row in peers.rows]
    for dialect in ("postgres", "sqlite"):
        found = peers.ask(mapping, dialect)
        for row, ours, theirs in zip(peers.rows, expected, found, strict=True):
            assert theirs == ours, f"{dialect} gives {theirs}, Python {ours} for\n{text}\n{row}"
