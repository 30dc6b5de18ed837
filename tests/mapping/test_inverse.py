"""The way back: what comes back of each operation, what is refused, who fills a column, and what the user says of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from strangler.errors import MappingError, Problem, Untranslatable
from strangler.mapping import EntityMapping, compile_entity
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Table

COLUMNS = {
    "id": (FieldType.INTEGER, "integer"),
    "name": (FieldType.TEXT, "text"),
    "code": (FieldType.TEXT, "character varying(10)"),
    "flag": (FieldType.TEXT, "character(1)"),
    "number": (FieldType.INTEGER, "integer"),
    "large": (FieldType.INTEGER, "bigint"),
    "amount": (FieldType.DECIMAL, "numeric(12,2)"),
    "whole": (FieldType.DECIMAL, "numeric(8,0)"),
    "free": (FieldType.DECIMAL, "numeric"),
    "weight": (FieldType.FLOAT, "double precision"),
    "active": (FieldType.BOOLEAN, "boolean"),
    "born": (FieldType.DATE, "date"),
    "opens": (FieldType.TIME, "time without time zone"),
    "changed": (FieldType.TIMESTAMP, "timestamp(3) without time zone"),
    "seen": (FieldType.INSTANT, "timestamp with time zone"),
    "photo": (FieldType.BYTES, "bytea"),
    "doc": (FieldType.JSON, "json"),
}
NOON = datetime(2026, 11, 23, 12, 0, 0, 500000)


def table(*required: str, key: tuple[str, ...] = ("id",)) -> Table:
    columns = (
        Column(name, kind, name not in (*required, *key), declared)
        for name, (kind, declared) in COLUMNS.items()
    )
    return Table("partner", tuple(columns), key)


PARTNER = table()


def mapping(legacy: Table = PARTNER, key: str = "id", **fields: Any) -> EntityMapping:
    given = {"table": legacy.name, "key": key, "fields": {"id": "id"} | fields}
    return compile_entity("crm", "partner", Entity.model_validate(given), legacy)


def back(expression: str, value: Any, legacy: Table = PARTNER, dialect: str = "") -> Any:
    """What legacy gets for a value of the field that the expression makes; all that comes back but the key."""
    row = mapping(legacy, x=expression).inverse.row({"id": 1, "x": value}, dialect)
    assert row.pop("id") == 1
    (made,) = row.values()
    return made


def why_lost(expression: str, legacy: Table = PARTNER) -> str:
    ((field, why),) = mapping(legacy, x=expression).inverse.lost
    assert field == "x"
    return why


def refusal(expression: str, value: Any, legacy: Table = PARTNER, dialect: str = "") -> Untranslatable:
    with pytest.raises(Untranslatable) as raised:
        back(expression, value, legacy, dialect)
    assert "partner.x" in raised.value.what
    return raised.value


def problems(**fields: Any) -> list[Problem]:
    with pytest.raises(MappingError) as raised:
        mapping(**fields)
    return raised.value.problems


@pytest.mark.parametrize(
    ("expression", "column", "value"),
    [
        ("name", "name", " Łódź "),
        ("CAST(number AS TEXT)", "number", -7),
        ("CAST(number AS DECIMAL)", "number", 7),
        ("CAST(number AS DOUBLE PRECISION)", "number", 7),
        ("number + 5", "number", 2**31 - 1),
        ("5 + number", "number", 7),
        ("number - 5", "number", 7),
        ("5 - number", "number", 7),
        ("-number", "number", 7),
        ("number * 60", "number", 7),
        ("large + 1 - 1", "large", 2**63 - 1),
        ("amount * 0.01", "amount", Decimal("490449")),
        ("amount * -3", "amount", Decimal("0.07")),
        ("1.5 - amount", "amount", Decimal("4904.49")),
        ("-free", "free", Decimal("NaN")),
        ("free + 0.1", "free", Decimal("1e-30")),
        ("CAST(amount AS TEXT)", "amount", Decimal("4904.4")),
        ("CAST(free AS TEXT)", "free", Decimal("NaN")),
        ("CAST(amount AS DECIMAL(14, 3))", "amount", Decimal("0.01")),
        ("ROUND(amount, 2)", "amount", Decimal("-0.01")),
        ("CAST(whole AS INTEGER)", "whole", Decimal(-7)),
        ("CAST(amount AS DOUBLE PRECISION)", "amount", Decimal("0.1")),
        ("weight", "weight", float("inf")),
        ("NOT active", "active", False),
        ("CAST(active AS INTEGER)", "active", True),
        ("CAST(active AS TEXT)", "active", False),
        ("CAST(born AS TEXT)", "born", date(1, 1, 1)),
        ("CAST(born AS TIMESTAMP)", "born", date(9999, 12, 31)),
        ("CAST(opens AS TEXT)", "opens", time(23, 59, 59, 999999)),
        ("CAST(changed AS TEXT)", "changed", NOON),
        ("changed AT TIME ZONE 'UTC'", "changed", NOON),
        ("seen AT TIME ZONE 'UTC'", "seen", NOON.replace(tzinfo=UTC)),
        ("CAST(seen AS TEXT)", "seen", NOON.replace(tzinfo=UTC)),
        ("photo", "photo", b"\x00\xff"),
        ("CAST(doc AS TEXT)", "doc", '{"a": 1}'),
        ("'K-' || name || '/'", "name", "K-/"),
        ("'P' || number", "number", 0),
        ("LEFT(code, 10)", "code", "0123456789"),
        ("SUBSTRING(code, 1, 20)", "code", "x"),
        ("RTRIM(flag)", "flag", "X"),
        ("CASE code WHEN 'M' THEN 1 WHEN 'F' THEN 2 END", "code", "F"),
        ("CASE WHEN code = 'M' THEN 'Mr' WHEN code IS NULL THEN 'none' END", "code", None),
        ("CASE WHEN number IN (7) THEN 'seven' WHEN 8 = number THEN 'eight' END", "number", 8),
        ("CASE WHEN active THEN 'Y' ELSE 'N' END", "active", False),
        ("COALESCE(CASE code WHEN 'M' THEN 1 END, 0)", "code", None),
        ("NULLIF(number, 0)", "number", 0),
    ],
)
def test_the_legacy_value_comes_back(expression: str, column: str, value: Any) -> None:
    made = mapping(x=expression)
    row = made.inverse.row(made.translate({"id": 1, column: value}))  # A NaN equals nothing; its text does.
    assert str(row) == str({"id": 1, column: value})
    assert type(row[column]) is type(value)
    assert made.inverse.lost == ()
    assert made.inverse.columns == ("id", column)


@pytest.mark.parametrize(
    ("expression", "value", "comes"),
    [
        ("TRIM(name)", "Anna", "Anna"),
        ("LPAD(code, 10, '0')", "0000004711", "4711"),
        ("LPAD(code, 10, '0')", "0000000000", "0"),
        ("RPAD(code, 12, '.-')", "ab.-.-.-.-.-", "ab"),
        ("LPAD(CAST(number AS TEXT), 10, '0')", "0000000000", 0),
        ("LPAD(CAST(number AS TEXT), 10, '0')", "2147483647", 2147483647),
        ("LPAD(CAST(number AS TEXT), 6, '0')", "0000-7", -7),
        ("CAST(code AS INTEGER)", 7, "7"),
        ("CAST(code AS DECIMAL)", "12.5", "12.5"),
        ("CAST(code AS DATE)", "2026-11-23", "2026-11-23"),
        ("TO_DATE(code, 'YYYYMMDD')", "0999-01-02", "09990102"),
        ("CAST(number AS BOOLEAN)", True, 1),
        ("CAST(weight AS DECIMAL)", "0.1", 0.1),
        ("COALESCE(active, TRUE)", True, True),
        ("COALESCE(name, '')", "", ""),
        ("COALESCE(name, 'none')", "Anna", "Anna"),
        ("COALESCE(code, 'longer than ten')", "longer than ten", None),
        ("NULLIF(code, '00000000')", None, "00000000"),
        ("NULLIF(code, 'longer than ten')", None, None),
        ("TO_DATE(NULLIF(code, '00000000'), 'YYYYMMDD')", None, "00000000"),
        ("CONCAT('<', name, '>')", "<>", ""),
        ("CONCAT('<', number, '>')", "<>", None),
        ("CASE code WHEN 'M' THEN 1 WHEN 'F' THEN 2 END", None, None),
        ("CASE WHEN active THEN 'Y' ELSE 'N' END", "N", False),
    ],
)
def test_of_legacy_values_that_read_alike_the_plainest_comes_back(
    expression: str, value: Any, comes: Any
) -> None:
    assert back(expression, value) == comes
    assert mapping(x=expression).inverse.respelled == ("x",)


def test_null_comes_back_where_nothing_else_reads_so() -> None:
    assert back("'P' || number", None) is None
    assert back("COALESCE(CASE code WHEN 'A' THEN 'x' END, 'other')", "other") is None
    assert back("NULLIF(code, '')", None, table("code")) == ""


@pytest.mark.parametrize(
    ("expression", "value", "why"),
    [
        ("TRIM(name)", " Anna", "would be read as 'Anna'"),
        ("flag", "X ", "drops the blanks"),
        ("code", "longer than ten", "'longer than ten' doesn't fit"),
        ("CAST(number AS TEXT)", "007", "would be read as '7'"),
        ("CAST(number AS TEXT)", "seven", "number has no value"),
        ("number", 2**31, "integer, and 2147483648 doesn't fit"),
        ("number - 5", 2**31 - 1, "doesn't fit"),
        ("large", True, "True is no integer"),
        ("number", "7", "'7' is no integer"),
        ("number * 60", 61, "number has no value"),
        ("CAST(number AS DECIMAL)", "7.5", "would be read as '7'"),
        ("CAST(large AS DOUBLE PRECISION)", float(2**53), "large has no value"),
        ("amount", "1.005", "'1.005' doesn't fit"),
        ("amount", "12345678901", "doesn't fit"),
        ("amount", "1.50", "would be read as '1.5'"),
        ("amount * 3", "1", "doesn't fit"),
        ("changed", "2026-11-23T12:00:00.000001", "doesn't fit"),
        ("born", "2026-02-30", "2026-02-30"),
        ("doc", "{", "doesn't fit"),
        ("'P' || number", "Q7", "number has no value"),
        ("'aba' || name || 'ab'", "abab", "name has no value"),
        ("LPAD(CAST(large AS TEXT), 10, '0')", "1234567890", "large has no value"),
        ("LPAD(code, 12, '0')", "123456789012", "doesn't fit"),
        ("LPAD(code, 10, '0')", "4711", "code has no value"),
        ("CASE code WHEN 'M' THEN 1 WHEN 'F' THEN 2 END", 3, "code has no value"),
        ("CAST(active AS INTEGER)", 2, "would be read as 1"),
        ("NULLIF(code, 'x')", "x", "would be read as None"),
        ("COALESCE(name, 'none')", None, "would be read as 'none'"),
    ],
)
def test_a_value_that_no_legacy_row_has_is_refused_by_name(expression: str, value: Any, why: str) -> None:
    refused = refusal(expression, value)
    assert why in refused.why
    assert repr(value) in refused.what
    assert "reverse:" in refused.do


def test_null_is_refused_where_the_column_takes_none() -> None:
    assert refusal("TRIM(name)", None, table("name")).why == "column name is NOT NULL"


@pytest.mark.parametrize(
    ("kind", "declared", "good", "bad", "dialect"),
    [
        (FieldType.INTEGER, "smallint(5) unsigned", [0, 65535], [-1, 65536], "mysql"),
        (FieldType.INTEGER, "bigint(20) unsigned", [2**63 - 1], [-1], "mysql"),
        (FieldType.INTEGER, "tinyint(1)", [-128, 1], [-129, 256], "mysql"),
        (FieldType.INTEGER, "year(4)", [0, 1901], [1900], "mysql"),
        (FieldType.INTEGER, "INTEGER", [2**40], [], "sqlite"),
        (FieldType.TEXT, "enum('zebra','a''b')", ["zebra", "a'b"], ["", "x"], "mysql"),
        (FieldType.TEXT, "set('a','b')", ["", "a,b"], ["a,c"], "mysql"),
        (FieldType.TEXT, "VARCHAR(3 CHAR)", ["Łód"], ["Łódź"], "oracle"),
        (FieldType.TEXT, "varchar(3)", ["Łódź"], [], "sqlite"),
        (FieldType.TEXT, "uuid", ["00000000-0000-0000-0000-00000000000a"], ["x", "00000000-0000-0000-0000-00000000000A"], "postgres"),
        (FieldType.DECIMAL, "decimal(6,2) unsigned zerofill", ["9999.99", "0"], ["-1", "10000", "NaN"], "mysql"),
        (FieldType.DECIMAL, "decimal(10,0)", ["7"], ["7.5"], "mysql"),
        (FieldType.DECIMAL, "numeric(4,2)", ["NaN", "99.99"], ["100"], "postgres"),
        (FieldType.FLOAT, "real", [0.5, 0.1, 1e-40], [0.1 + 2**-30, 1e300], "postgres"),
        (FieldType.FLOAT, "float", [0.5], [0.1, "NaN", "Infinity"], "mysql"),
        (FieldType.FLOAT, "REAL", [0.1], [], "sqlite"),
        (FieldType.TIMESTAMP, "datetime", ["2026-11-23T12:00:00.000000"], ["2026-11-23T12:00:00.500000"], "mysql"),
        (FieldType.TIME, "time(2) without time zone", ["12:00:00.120000"], ["12:00:00.123000"], "postgres"),
        (FieldType.BYTES, "binary(2)", ["00ff"], ["00", "00ff00"], "mysql"),
        (FieldType.BYTES, "varbinary(2)", ["", "00ff"], ["00ff00"], "mysql"),
        (FieldType.BYTES, "bit(9)", ["0101"], ["01"], "mysql"),
    ],
)  # fmt: skip
def test_a_column_gets_only_what_it_holds(
    kind: FieldType, declared: str, good: list[Any], bad: list[Any], dialect: str
) -> None:
    columns = (Column("id", FieldType.INTEGER, False, "integer"), Column("c", kind, True, declared))
    made = mapping(Table("t", columns, ("id",)), c="c")
    for value in good:
        row = made.inverse.row({"id": 1, "c": value}, dialect)
        assert made.translate(row) == {"id": 1, "c": value}
    for value in bad:
        with pytest.raises(Untranslatable, match=r"partner\.c"):
            made.inverse.row({"id": 1, "c": value}, dialect)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("UPPER(name)", "which letters were small"),
        ("LOWER(name)", "which letters were large"),
        ("LENGTH(name)", "how long a text is"),
        ("REPLACE(name, ',', '.')", "what was replaced"),
        ("LEFT(name, 3)", "would be cut"),
        ("SUBSTRING(name, 2, 3)", "cut off"),
        ("RIGHT(name, 3)", "cut off"),
        ("LTRIM(code, '0')", "how much was trimmed"),
        ("TRIM(BOTH code FROM name)", "several values"),
        ("LPAD(name, 10, '0')", "would be cut"),
        ("LPAD(code, 9, '0')", "would be cut"),
        ("name || ' ' || code", "several values"),
        ("name || name", "several values"),
        ("number + large", "several values"),
        ("number * 0", "always 0"),
        ("ABS(number)", "the sign"),
        ("ROUND(free, 2)", "rounded away"),
        ("ROUND(amount, 1)", "rounded away"),
        ("CAST(free AS INTEGER)", "rounded away"),
        ("CAST(free AS DOUBLE PRECISION)", "15 digits"),
        ("CAST(code AS BOOLEAN)", "in several ways"),
        ("CAST(code AS TIME)", "in several ways"),
        ("CAST(code AS TIMESTAMPTZ)", "in several ways"),
        ("CAST(changed AS DATE)", "time of day"),
        ("EXTRACT(YEAR FROM born)", "other parts"),
        ("code = 'X'", "a condition says less"),
        ("name IS NULL", "a condition says less"),
        ("COALESCE(name, code)", "which of several columns"),
        ("COALESCE('x', name)", "which of several columns"),
        ("NULLIF(code, name)", "in a column itself"),
        ("CASE code WHEN 'M' THEN 1 WHEN 'H' THEN 1 END", "several codes become 1"),
        ("CASE code WHEN 'X' THEN TRUE ELSE FALSE END", "ELSE stands for every code"),
        ("CASE code WHEN 'M' THEN name END", "no table of codes"),
        ("CASE WHEN code = 'M' THEN 1 WHEN name = 'F' THEN 2 END", "no table of codes"),
        ("CASE WHEN active THEN 'Y' ELSE 'Y' END", "several codes become 'Y'"),
    ],
)
def test_what_loses_something_has_no_way_back(expression: str, why: str) -> None:
    assert why in why_lost(expression)


def test_a_field_that_is_constant_is_not_lost_and_must_stay_so() -> None:
    made = mapping(kind="'party'")
    assert made.inverse.lost == ()
    assert made.inverse.row({"id": 1, "kind": "party"}) == {"id": 1}
    with pytest.raises(Untranslatable, match=r"partner\.kind is 'firm'") as raised:
        made.inverse.row({"id": 1, "kind": "firm"})
    assert raised.value.why == "every row would be read as 'party'"


def test_fields_of_one_column_have_to_agree() -> None:
    inverse = mapping(text="CAST(number AS TEXT)", plus="number + 1").inverse
    assert inverse.row({"id": 1, "text": "7", "plus": 8}) == {"id": 1, "number": 7}
    assert inverse.row({"id": 1, "plus": 8}) == {"id": 1, "number": 7}
    with pytest.raises(Untranslatable, match=r"partner\.plus is 9") as raised:
        inverse.row({"id": 1, "text": "7", "plus": 9})
    assert raised.value.why == "number = 7 would be read as 8"


def test_of_several_candidates_that_one_comes_which_every_field_reads_as_it_is() -> None:
    inverse = mapping(bare="LPAD(code, 10, '0')", long="LENGTH(code)").inverse
    assert inverse.lost == ()
    assert inverse.row({"id": 1, "bare": "0000004711", "long": 6}) == {"id": 1, "code": "004711"}
    with pytest.raises(Untranslatable, match=r"partner\.long is 11"):
        inverse.row({"id": 1, "bare": "0000004711", "long": 11})


def test_a_field_of_several_columns_that_others_fill_is_held_to_them() -> None:
    inverse = mapping(name="name", code="code", label="name || '/' || code").inverse
    assert inverse.lost == ()
    given = {"id": 1, "name": "Anna", "code": "7", "label": "Anna/7"}
    assert inverse.row(given) == {"id": 1, "name": "Anna", "code": "7"}
    with pytest.raises(Untranslatable, match=r"partner\.label is 'Zoë/7'"):
        inverse.row(given | {"label": "Zoë/7"})


def test_a_field_that_is_absent_leaves_its_column_out() -> None:
    assert mapping(name="name", code="code").inverse.row({"id": 1, "code": "7"}) == {"id": 1, "code": "7"}


def test_a_legacy_key_comes_back_exactly_or_not_at_all() -> None:
    keyed = table(key=("code",))
    inverse = mapping(keyed, key="number", number="CAST(code AS INTEGER)").inverse
    assert "part of the legacy key" in inverse.lost[0].why
    assert "code" in inverse.empty
    said = {"value": "CAST(code AS INTEGER)", "reverse": {"code": "LPAD(CAST(number AS TEXT), 10, '0')"}}
    inverse = mapping(keyed, key="number", number=said).inverse
    assert inverse.row({"id": 1, "number": 4711}) == {"id": 1, "code": "0000004711"}


def test_required_columns_that_nothing_fills_are_listed() -> None:
    inverse = mapping(table("name", "code", "born"), title="TRIM(name)", upper="UPPER(code)").inverse
    assert inverse.empty == ("code", "born")
    assert inverse.columns == ("id", "name")


def test_what_the_user_says_fills_columns_that_no_expression_leads_back_to() -> None:
    label = {
        "value": "name || ', ' || code",
        "reverse": {
            "name": "SUBSTRING(label, 1, 4)",
            "CODE": "SUBSTRING(label, 7)",
            "amount": "0",
            "born": "'2026-11-23'",
            "doc": "'{}'",
            "weight": "NULL",
        },
    }
    inverse = mapping(label=label).inverse
    assert inverse.lost == ()
    assert inverse.row({"id": 1, "label": "Anna, 7"}) == {
        "id": 1, "name": "Anna", "code": "7", "amount": Decimal(0), "weight": None, "born": date(2026, 11, 23), "doc": "{}",
    }  # fmt: skip
    with pytest.raises(Untranslatable, match=r"partner\.label is 'Zoë, 8'") as raised:
        inverse.row({"id": 1, "label": "Zoë, 8"})
    assert "would be read as 'Zoë,, '" in raised.value.why


def test_what_the_user_says_wins_and_the_others_are_held_to_it() -> None:
    inverse = mapping(
        name="TRIM(name)", upper={"value": "UPPER(name)", "reverse": {"name": "name || ' '"}}
    ).inverse
    assert inverse.row({"id": 1, "name": "Anna"}) == {"id": 1, "name": "Anna "}
    with pytest.raises(Untranslatable, match=r"partner\.upper is 'ANNA'"):
        inverse.row({"id": 1, "name": "Anna", "upper": "ANNA"})
    assert inverse.respelled == ()


def test_what_the_user_says_needs_all_of_its_fields() -> None:
    inverse = mapping(
        a="number", b="large", c={"value": "UPPER(name)", "reverse": {"name": "CAST(a + b AS TEXT)"}}
    ).inverse
    assert "name" not in inverse.row({"id": 1})
    with pytest.raises(Untranslatable) as raised:
        inverse.row({"id": 1, "a": 1})
    assert raised.value.why == "b wasn't sent with it"


def test_what_the_user_says_must_fit_too() -> None:
    inverse = mapping(code={"value": "UPPER(code)", "reverse": {"code": "code || '-longer'"}}).inverse
    with pytest.raises(Untranslatable, match=r"partner\.code is 'ABCD'") as raised:
        inverse.row({"id": 1, "code": "ABCD"})
    assert "'ABCD-longer' doesn't fit" in raised.value.why


def test_a_field_without_a_way_back_on_purpose_is_held_to_nothing() -> None:
    inverse = mapping(name="name", upper={"value": "UPPER(name)", "reverse": False}).inverse
    assert inverse.lost == (("upper", "`reverse: false`"),)
    assert inverse.row({"id": 1, "name": "Anna", "upper": "?"}) == {"id": 1, "name": "Anna"}


def test_every_mistake_in_reverse_is_told_with_its_place() -> None:
    found = problems(
        a={"value": "UPPER(name)", "reverse": {"nmae": "a", "code": "UPPER(b)", "number": "a", "born": "'soon'"}},
        b={"value": "UPPER(code)", "reverse": {"name": "b"}},
        c={"value": "LOWER(name)", "reverse": {"Name": "c"}},
    )  # fmt: skip
    assert [(each.path.removeprefix("functions.crm.entities.partner.fields."), each.what, each.instead) for each in found] == [
        ("a.reverse.nmae", "there is no column 'nmae' in partner", "name"),
        ("a.reverse.number", "number is an integer; this is text\n    a", "CAST(… AS INTEGER)"),
        ("a.reverse.born", "born is a date; this is text\n    'soon'", "CAST(… AS DATE)"),
        ("c.reverse.Name", "b fills the column name too", "leave one of them out"),
    ]  # fmt: skip


def test_a_field_that_is_not_there_is_marked_in_reverse() -> None:
    (found,) = problems(title={"value": "UPPER(name)", "reverse": {"name": "LOWER(titel)"}})
    assert found.what == "there is no column 'titel' in partner\n    LOWER(titel)\n          ^^^^^"
    assert found.instead == "title"


def test_reverse_does_not_change_the_version() -> None:
    said = {"value": "UPPER(name)", "reverse": {"name": "LOWER(title)"}}
    assert mapping(title=said).version == mapping(title="UPPER(name)").version
