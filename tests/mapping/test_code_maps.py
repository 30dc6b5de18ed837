"""LOOKUP: what it says of maps, codes and defaults that don't fit, and that maps of thousands are still evaluated by the databases."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest

from strangler.errors import MappingError, Untranslatable
from strangler.mapping import EntityMapping, compile_entity
from strangler.mapping.code_maps import CodeMaps
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Table
from tests.mapping.peers import connect

TABLE = Table(
    "item",
    (
        Column("id", FieldType.INTEGER, False, "integer"),
        Column("code", FieldType.TEXT, True, "text"),
        Column("number", FieldType.INTEGER, True, "integer"),
        Column("amount", FieldType.DECIMAL, True, "numeric(9,2)"),
    ),
    ("id",),
)
CODE_MAPS: CodeMaps = {
    "unit": {"ST": "piece", "KG": "kilogram"},
    "digits": {"1": 0, "2": 3},
    "zeros": {"01": "a"},
}
LARGE: CodeMaps = {"material": {f"{number:06}": f"M-{number}" for number in range(5_000)}}


def mapping(code_maps: CodeMaps, expression: str) -> EntityMapping:
    entity = Entity.model_validate({"table": "item", "key": ["id"], "fields": {"id": "id", "x": expression}})
    return compile_entity("f", "item", entity, TABLE, code_maps)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("LOOKUP(units, code)", "there is no code map 'units'\n    LOOKUP(units, code)\n           ^^^^^"),
        ("LOOKUP('unit', code)", "takes the name of a code map first"),
        ("LOOKUP(unit)", "takes a code map, a value"),
        ("LOOKUP(unit, code, code, code)", "takes a code map, a value"),
        ("LOOKUP(unit, amount)", "takes text or an integer; this is a decimal"),
        ("LOOKUP(zeros, number)", "holds '01', which is no integer"),
        ("LOOKUP(digits, code, 'none')", "the code map 'digits' gives an integer, and so must its default"),
        ("LOOKUP(unit, code) + 1", "not a number"),
        ("LOOKUP(unit, 'XX')", "doesn't hold 'XX': no row could be translated"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(expression: str, says: str) -> None:
    with pytest.raises(MappingError) as raised:
        mapping(CODE_MAPS, expression)
    (found,) = raised.value.problems
    assert found.path == "functions.f.entities.item.fields.x"
    assert says in found.what


def test_an_unknown_code_makes_the_row_untranslatable_and_the_message_names_map_and_code() -> None:
    with pytest.raises(Untranslatable) as raised:
        mapping(CODE_MAPS, "LOOKUP(unit, code)").translate({"id": 1, "code": "st"})
    assert "item.x can't be translated" in raised.value.what
    assert raised.value.why == "the code map 'unit' doesn't hold 'st'"


@pytest.mark.parametrize(
    ("expression", "row", "expected"),
    [
        ("LOOKUP(unit, code)", {"code": "ST"}, "piece"),
        ("LOOKUP(unit, code)", {"code": None}, None),
        ("LOOKUP(unit, code, 'other')", {"code": None}, None),
        ("LOOKUP(unit, code, 'other')", {"code": "st"}, "other"),
        ("LOOKUP(unit, code, NULL)", {"code": "st"}, None),
        ("LOOKUP(unit, code, code || '?')", {"code": "st"}, "st?"),
        ("LOOKUP(digits, number)", {"number": 2}, 3),
        ("LOOKUP(digits, code) + 1", {"code": "2"}, 4),
        ("LOOKUP(unit, 'KG')", {}, "kilogram"),
        ("LOOKUP(unit, NULL)", {}, None),
        ("LOOKUP(unit, 'XX', code)", {"code": "7"}, "7"),
        ('LOOKUP("unit", TRIM(code))', {"code": " KG "}, "kilogram"),
    ],
)
def test_what_a_code_becomes(expression: str, row: dict[str, object], expected: object) -> None:
    assert mapping(CODE_MAPS, expression).translate({"id": 1} | row)["x"] == expected


def test_a_default_is_evaluated_only_where_it_is_needed() -> None:
    made = mapping(CODE_MAPS, "LOOKUP(digits, code, CAST(code AS INTEGER))")
    assert (
        mapping({"digits": {"x": 7}}, "LOOKUP(digits, code, CAST(code AS INTEGER))").translate(
            {"id": 1, "code": "x"}
        )["x"]
        == 7
    )
    with pytest.raises(Untranslatable):
        made.translate({"id": 1, "code": "x"})


def test_what_a_map_holds_is_part_of_the_version_and_the_order_of_its_codes_is_not() -> None:
    first = mapping(CODE_MAPS, "LOOKUP(unit, code)").version
    assert mapping({"unit": {"KG": "kilogram", "ST": "piece"}}, "LOOKUP(unit, code)").version == first
    assert mapping({"unit": {"KG": "kilo", "ST": "piece"}}, "LOOKUP(unit, code)").version != first


def test_thousands_of_codes_are_evaluated_by_the_databases_and_more_of_them_in_python(
    postgres_url: str, mariadb_url: str
) -> None:
    made = mapping(LARGE, "LOOKUP(material, code)")
    expected = [(1, "M-7"), (2, "M-4999"), (4, None)]
    rows = [(1, "000007"), (2, "004999"), (3, "nothing"), (4, None)]
    sql = {
        dialect: made.select(dialect).rows_sql(order=True) or ""
        for dialect in ("postgres", "sqlite", "mysql")
    }
    with psycopg.connect(postgres_url) as postgres:
        postgres.execute("CREATE TABLE item (id int PRIMARY KEY, code text, number int, amount numeric(9,2))")
        postgres.cursor().executemany("INSERT INTO item VALUES (%s, %s)", rows)
        assert postgres.execute(sql["postgres"].encode()).fetchall() == expected
    with sqlite3.connect(":memory:") as sqlite:
        sqlite.execute("CREATE TABLE item (id int PRIMARY KEY, code text, number int, amount numeric)")
        sqlite.executemany("INSERT INTO item (id, code) VALUES (?, ?)", rows)
        assert sqlite.execute(sql["sqlite"]).fetchall() == expected
    with connect(mariadb_url) as mariadb, mariadb.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE item (id int PRIMARY KEY, code varchar(20), number int, amount decimal(9,2))"
        )
        cursor.executemany("INSERT INTO item (id, code) VALUES (%s, %s)", rows)
        cursor.execute(sql["mysql"])
        assert list(cursor.fetchall()) == expected
    huge = {"material": {f"{number:06}": "M" for number in range(50_000)}}
    select = mapping(huge, "LOOKUP(material, code)").select("mysql")
    assert select.pushed is None
    assert "characters of SQL" in select.why
