"""Legacy columns as only MySQL and MariaDB have them, and what they can't be asked to compute."""

from __future__ import annotations

from typing import Any

import pytest

from strangler.errors import Untranslatable
from strangler.mapping import EntityMapping, compile_entity, translated
from strangler.mapping.dialects.mysql_operations import FIXED, MADE
from strangler.mapping.language import OPERATIONS
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Table
from strangler_connectors.mysql.reader import MySQLSide
from tests.mapping.peers import connect


def mapping(declared: dict[str, tuple[FieldType, str]], **fields: str) -> EntityMapping:
    columns = [Column("id", FieldType.INTEGER, False, "int(11)")]
    columns += [Column(name, kind, True, text) for name, (kind, text) in declared.items()]
    entity = Entity(table="odd", key=["id"], fields={"id": "id"} | fields)
    return compile_entity("f", "odd", entity, Table("odd", tuple(columns), ("id",)))


class Legacy:
    """A table with one column, and what the two ways make of it."""

    def __init__(self, url: str, kind: FieldType, declared: str, *values: str) -> None:
        self.mapping = mapping({"c": (kind, declared)}, c="c")
        self.select = self.mapping.select("mysql")
        with connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("SET sql_mode = 'ALLOW_INVALID_DATES'")
            cursor.execute(f"CREATE TABLE odd (id int(11) PRIMARY KEY, c {declared})")
            for number, value in enumerate(values):
                cursor.execute(f"INSERT INTO odd VALUES ({number}, {value})")
        self.side = MySQLSide("test", connect(url, {}))

    def by_database(self) -> dict[int, Any]:
        """What the database translates itself."""
        return dict(self.side.rows(self.select.rows_sql() or ""))

    def by_row(self) -> dict[int, Any]:
        """The same, translated row by row."""
        sql = f"SELECT {', '.join(self.select.legacy)} FROM odd"
        rows = translated(self.mapping, "mysql", self.side.rows(sql))
        return {each.data["id"]: each.data["c"] for each in rows if each.fault is None}

    def refused(self) -> list[int]:
        """The rows that neither translates."""
        sql = self.select.rest_sql(order=True)
        rows = translated(self.mapping, "mysql", self.side.rows(sql) if sql else ())
        return [each.row["id"] for each in rows if each.fault]


T, I, D, F, B = FieldType.TEXT, FieldType.INTEGER, FieldType.DECIMAL, FieldType.FLOAT, FieldType.BOOLEAN  # noqa: E741


@pytest.mark.parametrize(
    ("kind", "declared", "values", "expected", "refused"),
    [
        (T, "char(5)", ["'a  '", "' b'"], ["a", " b"], 0),
        (T, "varchar(9) CHARACTER SET latin1", ["'é '", "''"], ["é ", ""], 0),
        (T, "text CHARACTER SET ucs2", ["'Łódź'"], ["Łódź"], 0),
        (T, "varchar(9) COLLATE utf8mb4_unicode_ci", ["'x'", "X'610062'"], ["x"], 1),
        (T, "enum('zebra','ant')", ["'ant'", "'zebra'"], ["ant", "zebra"], 0),
        (T, "set('a','b')", ["'b,a'", "''"], ["a,b", ""], 0),
        (I, "int(5) unsigned zerofill", ["42", "NULL"], [42, None], 0),
        (I, "bigint(20) unsigned", ["9223372036854775807", "9223372036854775808"], [2**63 - 1], 1),
        (I, "year(4)", ["2026", "0"], [2026, 0], 0),
        (I, "tinyint(1)", ["1", "-5"], [1, -5], 0),
        (D, "decimal(10,0)", ["100", "-0"], ["100", "0"], 0),
        (D, "decimal(65,30)", ["0.000000000000000000000000000001", "12345678901234567890123456789012345"],
         ["0.000000000000000000000000000001", "12345678901234567890123456789012345"], 0),
        (D, "decimal(6,2) unsigned zerofill", ["7.50"], ["7.5"], 0),
        (F, "float", ["0.1", "16777217"], [0.10000000149011612, 16777216.0], 0),
        (F, "double", ["0.1", "-0e0", "1.7976931348623157e308"], [0.1, 0.0, 1.7976931348623157e308], 0),
        (B, "bit(1)", ["1", "0"], [True, False], 0),
        (FieldType.BYTES, "bit(9)", ["257", "1"], ["0101", "0001"], 0),
        (FieldType.BYTES, "binary(4)", ["'ab'"], ["61620000"], 0),
        (FieldType.DATE, "date NOT NULL", ["'9999-12-31'", "'0000-00-00'", "'2026-00-00'", "'2026-02-00'", "'0000-01-01'", "'2026-02-31'"],
         ["9999-12-31", None, None, None, None], 1),
        (FieldType.TIMESTAMP, "datetime", ["'0001-01-01'", "'0000-00-00'"], ["0001-01-01T00:00:00.000000", None], 0),
        (FieldType.INSTANT, "timestamp(3) NULL", ["'2026-03-29 01:30:00.5'", "0"], ["2026-03-29T01:30:00.500000Z", None], 0),
        (FieldType.TIME, "time(2)", ["'23:59:59.99'", "'24:00'", "'-00:00:01'", "'838:59:59'"], ["23:59:59.990000"], 3),
        (FieldType.JSON, "json", ["'{\"a\": [1]}'"], ['{"a": [1]}'], 0),
    ],
)  # fmt: skip
def test_every_kind_of_column_reads_alike_set_wise_and_row_by_row(
    mariadb_url: str, kind: FieldType, declared: str, values: list[str], expected: list[Any], refused: int
) -> None:
    legacy = Legacy(mariadb_url, kind, declared, *values)
    assert legacy.by_database() == legacy.by_row() == dict(enumerate(expected))
    assert legacy.refused() == list(range(len(expected), len(expected) + refused))
    legacy.side.close()


def test_all_operations_of_the_language_have_a_template() -> None:
    assert set(OPERATIONS) <= FIXED.keys() | MADE.keys()


def test_decimals_that_may_need_more_digits_than_mysql_has_are_left_to_python() -> None:
    wide = {"a": (D, "decimal(40,20)"), "b": (D, "decimal(40,20)"), "n": (I, "bigint(20)")}
    select = mapping(wide, c="a * b").select("mysql")
    assert select.rows_sql() is None
    assert "40 digits before the point and 40 after it" in select.why
    assert select.rest_sql() == "SELECT `id`, `a`, `b` FROM `odd`"
    assert mapping(wide, c="CAST(a AS DECIMAL(20, 10)) * CAST(b AS DECIMAL(20, 10))").select("mysql").pushed
    assert mapping(wide, c="n * n * n").select("mysql").pushed
    assert not mapping(wide, c="n * n * n * n").select("mysql").pushed


def test_what_a_cast_leaves_to_python_is_translated_there(mariadb_url: str) -> None:
    made = mapping({"c": (T, "varchar(60)")}, c="CAST(c AS DECIMAL)")
    with connect(mariadb_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE odd (id int(11) PRIMARY KEY, c varchar(60))")
        cursor.execute("INSERT INTO odd VALUES (1, '1.50'), (2, '1234567890123456789012345678.5'), (3, 'x')")
    side = MySQLSide("test", connect(mariadb_url, {}))
    select = made.select("mysql")
    assert list(side.rows(select.rows_sql() or "")) == [(1, "1.5")]
    first, second = translated(made, "mysql", side.rows(select.rest_sql(order=True) or ""))
    assert first.data == {"id": 2, "c": "1234567890123456789012345678.5"}
    assert isinstance(second.fault, Untranslatable)
    side.close()


def test_the_odd_trim_is_left_to_python_where_its_characters_come_from_a_column() -> None:
    texts = {"a": (T, "varchar(9)"), "b": (T, "varchar(9)")}
    assert "TRIM takes constant characters" in mapping(texts, c="TRIM(BOTH a FROM b)").select("mysql").why


def test_letters_beyond_ascii_keep_their_case_in_every_byte(mariadb_url: str) -> None:
    letters = "".join(chr(code) for code in range(1, 0x500))
    made = mapping({"c": (T, "text")}, upper="UPPER(c)", lower="LOWER(c)")
    with connect(mariadb_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE odd (id int(11) PRIMARY KEY, c text CHARACTER SET utf8mb4)")
        cursor.execute("INSERT INTO odd VALUES (1, %s)", [letters])
        cursor.execute(made.select("mysql").rows_sql())
        assert cursor.fetchone() == tuple(made.translate({"id": 1, "c": letters}).values())


def test_a_text_at_which_a_pattern_could_take_for_ever_is_left_to_python(mariadb_url: str) -> None:
    made = mapping({"c": (T, "text")}, c="REGEXP_LIKE(c, '.*a.*b')")
    with connect(mariadb_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE odd (id int(11) PRIMARY KEY, c text)")
        cursor.execute("INSERT INTO odd VALUES (1, REPEAT('a', 100)), (2, REPEAT('ab', 51)), (3, NULL)")
    side = MySQLSide("test", connect(mariadb_url, {}))
    select = made.select("mysql")
    assert list(side.rows(select.rows_sql(order=True) or "")) == [(1, 0), (3, None)]
    (left,) = translated(made, "mysql", side.rows(select.rest_sql() or ""))
    assert left.data == {"id": 2, "c": True}
    side.close()


def test_a_replacement_that_databases_read_differently_is_left_to_python() -> None:
    assert (
        "backslash or a dollar"
        in mapping({"c": (T, "text")}, c="REGEXP_REPLACE(c, 'a', '$')").select("mysql").why
    )
