"""The one promise of the mapping: Python, PostgreSQL and SQLite give the same value, or all say that there is none.

Expressions are generated from the language, rows from values that are known to divide databases. PostgreSQL runs in a session
whose settings are as unlike the default as can be, over columns whose collation knows more letters than ASCII's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import cycle, product
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
SAME = "the type asked for"
Form = tuple[str, list[Any]]
"""A template and its parts: each an expression of a FieldType (or SAME), or one of a list of texts."""

_COMPARISON = ["=", "<>", "<", "<=", ">", ">="]
_LENGTHS = [str(number) for number in range(10)]
_STARTS = [str(number) for number in range(-3, 10)]
_CHARACTERS = ["''", "' '", "'0'", "'ab'", "'Ł'"]
_ALL = list(_LITERALS)

_FOR_ALL: list[Form] = [
    ("COALESCE({}, {})", [SAME, SAME]),
    ("COALESCE({}, {}, {})", [SAME, SAME, SAME]),
    ("NULLIF({}, {})", [SAME, SAME]),
    ("CASE WHEN {} THEN {} ELSE {} END", [B, SAME, SAME]),
    ("CASE WHEN {} THEN {} WHEN {} THEN {} END", [B, SAME, B, SAME]),
    ("CASE {} WHEN {} THEN {} ELSE {} END", [T, T, SAME, SAME]),
]

_FORMS: dict[FieldType, list[Form]] = {
    T: [
        *[("({} || {})", [T, kind]) for kind in (T, I, D, B, DAY, TIME, NAIVE, AWARE)],
        *[("CONCAT({}, {}, {})", [kind, T, T]) for kind in (T, I, D, B, DAY, TIME, NAIVE, AWARE)],
        ("{}({})", [["TRIM", "LTRIM", "RTRIM", "UPPER", "LOWER"], T]),
        ("TRIM({} {} FROM {})", [["BOTH", "LEADING", "TRAILING"], _CHARACTERS, T]),
        ("SUBSTRING({}, {}, {})", [T, _STARTS, _LENGTHS]),
        ("SUBSTRING({}, {})", [T, _STARTS]),
        ("{}({}, {})", [["LEFT", "RIGHT"], T, _LENGTHS]),
        ("REPLACE({}, {}, {})", [T, T, T]),
        ("{}({}, {}, {})", [["LPAD", "RPAD"], T, _LENGTHS, _CHARACTERS]),
        *[("CAST({} AS TEXT)", [kind]) for kind in (I, D, B, DAY, TIME, NAIVE, AWARE)],
        ("CAST(doc AS TEXT)", []),
    ],
    I: [
        ("({} {} {})", [I, ["+", "-", "*"], I]),
        ("(-{})", [I]),
        ("ABS({})", [I]),
        ("LENGTH({})", [T]),
        ("CAST(number AS INTEGER)", []),
        ("EXTRACT({} FROM {})", [["YEAR", "MONTH", "DAY"], DAY]),
        ("EXTRACT({} FROM {})", [["YEAR", "MONTH", "DAY", "HOUR", "MINUTE"], NAIVE]),
        *[("CAST({} AS INTEGER)", [kind]) for kind in (T, D, B)],
    ],
    D: [
        ("({} {} {})", [D, ["+", "-", "*"], D]),
        ("({} {} {})", [I, ["+", "-", "*"], D]),
        ("(-{})", [D]),
        ("ABS({})", [D]),
        ("ROUND({}, {})", [D, [str(number) for number in range(-3, 5)]]),
        ("ROUND({})", [I]),
        *[("CAST({} AS DECIMAL({}))", [kind, ["4,2", "16,2", "38,10", "5"]]) for kind in (D, T, F)],
        *[("CAST({} AS DECIMAL)", [kind]) for kind in (T, I, F)],
        ("CAST(number AS DECIMAL({}))", [["18, 2", "4, 3"]]),
        ("CAST(number AS DECIMAL)", []),
    ],
    F: [
        ("CAST(number AS DOUBLE PRECISION)", []),
        *[("CAST({} AS DOUBLE PRECISION)", [kind]) for kind in (T, I, D)],
    ],
    B: [
        *[("({} {} {})", [kind, _COMPARISON, kind]) for kind in _ALL],
        *[("({} IS {})", [kind, ["NULL", "NOT NULL"]]) for kind in _ALL],
        ("(NOT {})", [B]),
        ("({} {} {})", [B, ["AND", "OR"], B]),
        ("({} IS {})", [B, ["TRUE", "FALSE", "NOT TRUE"]]),
        ("({} IN ('a', '', 'Ł', 'O''Neil'))", [T]),
        ("({} NOT IN (1, -1, 0))", [I]),
        ("({} IN (0.5, 100, -0.5))", [D]),
        ("({} BETWEEN {} AND {})", [T, T, T]),
        ("({} BETWEEN {} AND {})", [D, I, D]),
        ("({} BETWEEN {} AND {})", [AWARE, AWARE, AWARE]),
        ("CAST(number AS BOOLEAN)", []),
        *[("CAST({} AS BOOLEAN)", [kind]) for kind in (T, I)],
        ("(raw < COALESCE(raw, raw))", []),
    ],
    DAY: [
        ("TO_DATE(moment, {})", [["'YYYYMMDD'", "'YYYY-MM-DD'"]]),
        ("CAST(moment AS DATE)", []),
        ("CAST({} AT TIME ZONE 'UTC' AS DATE)", [AWARE]),
        *[("CAST({} AS DATE)", [kind]) for kind in (T, NAIVE)],
    ],
    TIME: [("CAST(moment AS TIME)", []), *[("CAST({} AS TIME)", [kind]) for kind in (T, NAIVE)]],
    NAIVE: [
        ("CAST(moment AS TIMESTAMP)", []),
        ("({} AT TIME ZONE 'UTC')", [AWARE]),
        *[("CAST({} AS TIMESTAMP)", [kind]) for kind in (T, DAY)],
    ],
    AWARE: [
        ("CAST(moment AS TIMESTAMPTZ)", []),
        ("({} AT TIME ZONE 'UTC')", [NAIVE]),
        ("CAST({} AS TIMESTAMPTZ)", [T]),
    ],
}  # fmt: skip
"""What makes an expression of a type; every function of the language is in here."""

_LEAVES = {
    kind: [name for name, (of, _) in COLUMNS.items() if of is kind] * 2 + literals
    for kind, literals in _LITERALS.items()
}


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """SQL that a user might write, of any type."""

    def expression(kind: FieldType, depth: int) -> str:
        forms = [("{}", [_LEAVES[kind]]), *_FORMS[kind], *_FOR_ALL] if depth else [("{}", [_LEAVES[kind]])]
        form: Form = draw(st.sampled_from(forms))
        template, parts = form
        return template.format(*[part_of(part, kind, depth - 1) for part in parts])

    def part_of(part: Any, kind: FieldType, depth: int) -> str:
        if isinstance(part, list):
            text: str = draw(st.sampled_from(part))
            return text
        return expression(part if isinstance(part, FieldType) else kind, depth)

    return expression(draw(st.sampled_from(_ALL)), 3)


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


def agree(peers: Peers, text: str) -> None:
    """Assert that the three executions of the expression agree on every row."""
    mapping = compiled(text)
    if mapping is None:
        return
    expected = [in_python(mapping, row) for row in peers.rows]
    for dialect in ("postgres", "sqlite"):
        found = peers.ask(mapping, dialect)
        for row, ours, theirs in zip(peers.rows, expected, found, strict=True):
            assert theirs == ours, f"{dialect} gives {theirs}, Python {ours} for\n{text}\n{row}"


def each_of(kind: FieldType) -> Iterator[str]:
    """Every form of the type with each of its texts, over columns: over every column where one stands alone, else in turn."""
    columns = {of: cycle(names[: names.index(_LITERALS[of][0])]) for of, names in _LEAVES.items()}
    for template, parts in _FORMS[kind] + _FOR_ALL:
        for chosen in product(*[part if isinstance(part, list) else [part] for part in parts]):
            alone = sum(not isinstance(part, list) for part in parts) == 1
            for _ in range(5 if alone else 2):
                given = zip(parts, chosen, strict=True)
                yield template.format(
                    *[
                        text
                        if isinstance(part, list)
                        else next(columns[part if isinstance(part, FieldType) else kind])
                        for part, text in given
                    ]
                )


@pytest.mark.parametrize("kind", _ALL)
def test_the_three_agree_on_every_function_alone(peers: Peers, kind: FieldType) -> None:
    for text in dict.fromkeys(each_of(kind)):
        agree(peers, text)


@settings(
    max_examples=300, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(expressions())
def test_the_three_agree_on_functions_of_functions(peers: Peers, text: str) -> None:
    agree(peers, text)
