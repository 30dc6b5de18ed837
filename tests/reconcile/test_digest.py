"""The same texts have the same hash in every database, and different rows have different ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.errors import StranglerError
from strangler.mapping import canonical, mysql_session, sqlite_functions, sqlite_values
from strangler.mapping.bad_value import BadValue
from strangler.mapping.digest import MOST_FIELDS, layout, row_hash
from strangler.reconcile import digest
from strangler.shapes import FieldType
from tests.mapping.peers import connect

TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
ROWS = st.lists(TEXTS, min_size=1, max_size=5)


def on_postgres(url: str, rows: Sequence[Sequence[str | None]], query: str) -> list[object]:
    """Evaluate `query` over the columns c0, c1 … of these rows."""
    with psycopg.connect(url) as connection:
        columns = ", ".join(f"c{n} text" for n in range(len(rows[0])))
        connection.execute(f"CREATE TEMP TABLE texts ({columns})".encode())
        marks = ", ".join(["%s"] * len(rows[0]))
        connection.cursor().executemany(f"INSERT INTO texts VALUES ({marks})".encode(), rows)
        return [row[0] for row in connection.execute(f"SELECT {query} FROM texts".encode())]


def on_mariadb(url: str, rows: Sequence[Sequence[str | None]], query: str) -> list[object]:
    """The same in MariaDB."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        columns = ", ".join(f"c{n} text COLLATE utf8mb4_general_ci" for n in range(len(rows[0])))
        cursor.execute(f"CREATE TEMPORARY TABLE texts (place serial, {columns})")
        marks = ", ".join(["%s"] * len(rows[0]))
        cursor.executemany(f"INSERT INTO texts VALUES (DEFAULT, {marks})", rows)
        cursor.execute(f"SELECT {query} FROM texts")
        return [row[0] for row in cursor.fetchall()]


def on_sqlite(rows: Sequence[Sequence[str | None]], query: str) -> list[object]:
    """The same in SQLite."""
    with closing(sqlite3.connect(":memory:")) as connection:
        sqlite_functions.register(connection)
        columns = ", ".join(f"c{n} TEXT" for n in range(len(rows[0])))
        connection.execute(f"CREATE TABLE texts ({columns})")
        marks = ", ".join(["?"] * len(rows[0]))
        connection.executemany(f"INSERT INTO texts VALUES ({marks})", rows)
        return [row[0] for row in connection.execute(f"SELECT {query} FROM texts")]


ODD = [
    "",
    "NULL",
    "'",
    "''",
    "\\",
    "\\'",
    "E'",
    ",",
    "','",
    "é",
    "e\u0301",
    "日本",
    "🙂",
    "\n",
    "\t ",
    "%s",
    None,
]


TWO_TEXTS = [FieldType.TEXT, FieldType.JSON]
PLAIN = [FieldType.DECIMAL, FieldType.BYTES]


def hashed(types: Sequence[FieldType], *texts: str | None) -> int:
    """In Python."""
    return row_hash(layout(types), texts)


def test_all_databases_and_python_agree_on_every_odd_text(postgres_url: str, mariadb_url: str) -> None:
    rows = [(left, right) for left in ODD for right in ODD]
    columns = ["c0", "c1"]
    expected = [hashed(TWO_TEXTS, *row) for row in rows]
    assert on_postgres(postgres_url, rows, digest.row_hash("postgres", columns, TWO_TEXTS)) == expected
    assert on_sqlite(rows, digest.row_hash("sqlite", columns, TWO_TEXTS)) == expected
    assert on_mariadb(mariadb_url, rows, digest.row_hash("mysql", columns, TWO_TEXTS)) == expected
    assert len(set(expected)) == len(rows)


def test_they_agree_on_what_has_no_comma(postgres_url: str, mariadb_url: str) -> None:
    plain = [
        "",
        "0",
        "-7.5",
        "2026-11-30T23:59:59.000000Z",
        "true",
        "Infinity",
        "infinity",
        "0044-03-15 BC",
        None,
    ]
    types = [FieldType.DECIMAL, FieldType.TEXT, FieldType.INSTANT]
    rows = [(left, "a,b", right) for left in plain for right in plain]
    columns = ["c0", "c1", "c2"]
    expected = [hashed(types, *row) for row in rows]
    assert on_postgres(postgres_url, rows, digest.row_hash("postgres", columns, types)) == expected
    assert on_sqlite(rows, digest.row_hash("sqlite", columns, types)) == expected
    assert on_mariadb(mariadb_url, rows, digest.row_hash("mysql", columns, types)) == expected
    assert len(set(expected)) == len(rows)


def test_mariadb_hashes_texts_of_any_character_set_and_collation_alike(mariadb_url: str) -> None:
    """As they stand in their columns: what joins them makes UTF-8 of them."""
    declared = [
        "varchar(9) COLLATE utf8mb4_unicode_ci", "varchar(9) COLLATE utf8mb4_nopad_bin", "varchar(9) CHARACTER SET latin1",
        "varchar(9) CHARACTER SET latin2", "varchar(9) CHARACTER SET utf8mb3", "varchar(9) CHARACTER SET ucs2",
        "char(9) CHARACTER SET utf16", "text CHARACTER SET cp1250", "varchar(9) CHARACTER SET ascii",
    ]  # fmt: skip
    types = [FieldType.TEXT] * len(declared)
    columns = [f"c{number}" for number in range(len(declared))]
    rows = [["Größe"] * 8 + ["-"], ["", *["ö,"] * 7, ""], ["ö", None, "", "ö", None, "ö", "ö", "ö", None]]
    with closing(connect(mariadb_url)) as connection, connection.cursor() as cursor:
        for statement in mysql_session.STATEMENTS:
            cursor.execute(statement)
        defined = ", ".join(f"{name} {kind}" for name, kind in zip(columns, declared, strict=True))
        cursor.execute(f"CREATE TEMPORARY TABLE texts (place serial, {defined})")
        marks = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"INSERT INTO texts VALUES (DEFAULT, {marks})", rows)
        cursor.execute(f"SELECT {digest.row_hash('mysql', columns, types)} FROM texts ORDER BY place")
        assert [row[0] for row in cursor.fetchall()] == [hashed(types, *row) for row in rows]


@given(ROWS, ROWS, st.lists(st.sampled_from(FieldType), min_size=5, max_size=5))
@settings(max_examples=500, deadline=None)
def test_different_rows_are_written_differently(
    left: list[str | None], right: list[str | None], types: list[FieldType]
) -> None:
    """Whatever stands in a column: SQLite takes any text in any of them."""
    width = min(len(left), len(right))
    left, right, types = left[:width], right[:width], types[:width]
    assert (hashed(types, *left) == hashed(types, *right)) is (left == right)


@pytest.mark.parametrize(
    ("types", "left", "right"),
    [
        (TWO_TEXTS, ("a,b", "c"), ("a", "b,c")),
        (TWO_TEXTS, ("1,a", ""), ("1", "a,")),
        (TWO_TEXTS, (None, "-"), ("-", None)),
        (TWO_TEXTS, (None, ""), ("", None)),
        (PLAIN, (None, "1"), ("-", "1")),
        (PLAIN, (None, ""), ("", None)),
        (PLAIN, ("1,2", ""), ("1", "2,")),
        (PLAIN, ('"2c', "1"), (",", "1")),
        ([FieldType.DATE, FieldType.TEXT], ("1,2", "x,3"), ("1", "2,x")),
    ],
)
def test_nothing_runs_together(
    types: Sequence[FieldType], left: Sequence[str | None], right: Sequence[str | None]
) -> None:
    assert hashed(types, *left) != hashed(types, *right)


@pytest.mark.parametrize("kind", [FieldType.INTEGER, FieldType.TEXT])
@pytest.mark.parametrize("width", [MOST_FIELDS, MOST_FIELDS + 1, 250, MOST_FIELDS**2 + 1])
def test_a_wide_row_is_hashed_alike(postgres_url: str, mariadb_url: str, width: int, kind: FieldType) -> None:
    columns = [f"c{n % 250}" for n in range(width)]
    rows = [[str(n * row) for n in range(min(width, 250))] for row in (1, 2)]
    types = [kind] * width
    expected = [hashed(types, *(row[n % 250] for n in range(width))) for row in rows]
    assert on_sqlite(rows, digest.row_hash("sqlite", columns, types)) == expected
    assert on_postgres(postgres_url, rows, digest.row_hash("postgres", columns, types)) == expected
    assert on_mariadb(mariadb_url, rows, digest.row_hash("mysql", columns, types)) == expected


def test_the_sum_outgrows_64_bits_on_all_sides_alike(postgres_url: str, mariadb_url: str) -> None:
    types = [FieldType.TEXT]
    large = next(str(n) for n in range(1000) if hashed(types, str(n)) > 2**62)
    rows = [[large]] * 9
    (left,) = on_postgres(postgres_url, rows, digest.checksum("postgres", ["c0"], types))
    (right,) = on_sqlite(rows, digest.checksum("sqlite", ["c0"], types))
    (third,) = on_mariadb(mariadb_url, rows, digest.checksum("mysql", ["c0"], types))
    assert left == right == third == str(9 * hashed(types, large))
    assert int(str(left)) > 2**64


def test_a_dialect_that_cannot_hash_is_refused_in_words() -> None:
    with pytest.raises(StranglerError, match="oracle"):
        digest.digest("oracle")


@given(
    st.sampled_from(["decimal", "date", "time", "timestamp", "instant"]),
    st.text("0123459-:.TZ", max_size=12)
    | st.dates().map(str)
    | st.decimals(allow_nan=False, allow_infinity=False).map(str)
    | st.datetimes().map(lambda moment: moment.isoformat("T", "microseconds"))
    | st.datetimes().map(lambda moment: moment.isoformat("T", "microseconds") + "Z"),
)
@settings(max_examples=500, deadline=None)
def test_a_canonical_text_in_a_store_stands_for_itself(kind: str, text: str) -> None:
    try:
        taken_apart = canonical.TEXT_OF[FieldType(kind)](sqlite_values.decode_stored(FieldType(kind), text))
    except BadValue:
        taken_apart = text
    with closing(sqlite3.connect(":memory:")) as connection:
        sqlite_functions.register(connection)
        (found,) = connection.execute("SELECT strangler_stored(?, ?)", [kind, text]).fetchone()
    assert found == taken_apart
