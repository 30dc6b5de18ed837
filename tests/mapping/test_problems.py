"""What is said to someone whose mapping is wrong: everything at once, with the place marked and what to write instead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strangler.errors import MappingError, Problem
from strangler.mapping import compile_entity
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Table

PARTY = Table(
    "public.party",
    (
        Column("id", FieldType.INTEGER, False, "integer"),
        Column("name", FieldType.TEXT, True, "character varying"),
        Column("Mixed", FieldType.TEXT, True, "text"),
        Column("order", FieldType.INTEGER, True, "integer"),
        Column("weight", FieldType.FLOAT, True, "double precision"),
        Column("born", FieldType.DATE, True, "date"),
        Column("seen", FieldType.INSTANT, True, "timestamp with time zone"),
        Column("active", FieldType.BOOLEAN, True, "boolean"),
        Column("doc", FieldType.JSON, True, "jsonb"),
    ),
    ("id",),
)


def problems(table: Table = PARTY, **entity: object) -> list[Problem]:
    given = {"table": table.name, "key": ["id"], "fields": {"id": "id"}} | entity
    with pytest.raises(MappingError) as raised:
        compile_entity("crm", "party", Entity.model_validate(given), table)
    return raised.value.problems


def problem(expression: str) -> Problem:
    (found,) = problems(fields={"id": "id", "x": expression})
    assert found.path == "functions.crm.entities.party.fields.x"
    return found


def test_a_missing_column_is_marked_and_the_closest_one_named() -> None:
    found = problem("UPPER(nmae) || 'x'")
    assert found.what == "there is no column 'nmae' in public.party\n    UPPER(nmae) || 'x'\n          ^^^^"
    assert found.instead == "name"


def test_the_mark_stands_in_the_line_of_an_expression_over_several_lines() -> None:
    assert problem("CASE WHEN active\n  THEN nmae\n  ELSE '' END").what.endswith(
        "\n      THEN nmae\n           ^^^^"
    )


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = problems(
        key=["id", "nowhere"],
        fields={"id": "id", "a": "nmae", "b": "UPER(name)", "c": "name +"},
        events={"created": "PartyCreate", "changed": [{"name": "PartyChanged", "when": "name"}]},
    )
    assert [each.path.removeprefix("functions.crm.entities.party.") for each in found] == [
        "fields.a", "fields.b", "fields.c", "events.created.0", "events.changed.0.when", "key",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "empty"),
        ("name +", "not an SQL expression"),
        ("name, id", "not an SQL expression"),
        ("name; id", "not one expression but several"),
        ("UPER(name)", "no UPER"),
        ("soundex(name)", "no SOUNDEX"),
        ("weight / 2", "no division"),
        ("id / 2", "multiply"),
        ("(SELECT max(id) FROM party)", "one row"),
        ("CURRENT_DATE", "another value each time"),
        ("name AS x", "leave AS out"),
        ("*", "one by one"),
        ("name LIKE 'a%'", "no LIKE"),
        ("TRY_CAST(name AS INTEGER)", "goes to quarantine"),
        ("other.name", "no 'other' here"),
        ('"mixed"', "no column 'mixed'"),
        ("UPPER(id)", "takes text; this is an integer"),
        ("name + 1", "this is text, not a number"),
        ("weight * 2", "floats aren't computed with"),
        ("ROUND(weight, 2)", "floats aren't computed with"),
        ("CAST(weight AS TEXT)", "a float can't be made text"),
        ("CAST(seen AS DATE)", "an instant can't be made a date"),
        ("CAST(born AS INTEGER)", "a date can't be made an integer"),
        ("CAST(name AS VARCHAR(10))", "doesn't know the type VARCHAR(10)"),
        ("CAST(name AS SMALLINT)", "doesn't know the type SMALLINT"),
        ("CAST(name AS DECIMAL(2, 5))", "no DECIMAL(2, 5)"),
        ("CAST('abc' AS INTEGER)", "no row could be translated"),
        ("9223372036854775807 + 1", "no row could be translated"),
        ("COALESCE(name, id)", "mixes text and an integer"),
        ("CASE WHEN id THEN 1 END", "takes a condition"),
        ("CASE WHEN active THEN 1 ELSE 'x' END", "mixes an integer and text"),
        ("name = 1", "mixes text and an integer"),
        ("born > 'soon'", "no row could be translated"),
        ("doc = '{}'", "mixes"),
        ("id IN (1, \"order\")", "constants only"),
        ("id IN (1, NULL)", "never matches"),
        ("id IN (SELECT 1)", "list of constants"),
        ("LPAD(name, id)", "whole number"),
        ("LPAD(name, 1000000)", "must be from 0 to 10000"),
        ("LEFT(name, -1)", "must be from 0"),
        ("MOD(id, 0)", "divided by 0"),
        ("DIV(id, 0.5)", "DIV takes integers; this is a decimal"),
        ("DIV(id)", "DIV takes two integers"),
        ("TO_DATE(name, 'DD.MM.YY')", "knows the forms"),
        ("TO_DATE(name)", "knows the forms"),
        ("TO_DATE(name, name)", "knows the forms"),
        ("TO_DATE(name, 'YYMMDD')", "don't say which century"),
        ("TO_DATE(name, 'YYMMDD', 0)", "the first of the hundred years must be from 1 to 9900"),
        ("TO_DATE(name, 'YYYYMMDD', 1950)", "takes two arguments"),
        ("TO_DATE(id, 'DD.MM.YYYY')", "a number can't be read as 'DD.MM.YYYY'"),
        ("TO_DATE(active, 'YYYYMMDD')", "TO_DATE takes text; this is a boolean"),
        ("TO_DATE('20260231', 'YYYYMMDD')", "'20260231' is not a date like 20261123"),
        ("EXTRACT(HOUR FROM born)", "knows no HOUR of a date"),
        ("EXTRACT(YEAR FROM seen)", "takes a date or a timestamp"),
        ("seen AT TIME ZONE 'Europe/Berlin'", "knows 'UTC' only"),
        ("id BETWEEN SYMMETRIC 2 AND 1", "no BETWEEN with SYMMETRIC"),
        ("LENGTH(name, 'utf8')", "no LENGTH with ENCODING"),
        ("other.party.name", "there is no 'other.party' here"),
        ("1e999999999", "too large"),
        ("CAST(id AS DECIMAL(5, 2, 1))", "doesn't know the type"),
        (" || ".join(["name"] * 60), "deep"),
        ("CAST(" * 6 + "id" + " AS DECIMAL(9, 2))" * 6, "deep"),
        ("name AND active", "AND takes a condition; this is text"),
        ("(" * 500 + "id" + ")" * 500, "deep"),
    ],
)  # fmt: skip
def test_what_the_language_does_not_have_is_refused_with_a_reason(expression: str, says: str) -> None:
    assert says in problem(expression).what


@pytest.mark.parametrize(
    "expression",
    [
        "name",
        "NAME",
        "party.name",
        "mixed",
        '"Mixed"',
        "order",
        '"order"',
        "doc",
        "NULL",
        "born > '2026-01-01'",
        "weight < 0.5",
    ],
)
def test_columns_are_found_as_people_write_them(expression: str) -> None:
    compile_entity(
        "crm", "party", Entity(table=PARTY.name, key=["id"], fields={"id": "id", "x": expression}), PARTY
    )


def test_a_table_without_a_key_is_refused() -> None:
    (found,) = problems(Table("t", PARTY.columns, ()))
    assert "no primary key" in found.what


@pytest.mark.parametrize("expression", ["weight", "doc"])
def test_a_key_of_a_type_that_does_not_identify_is_refused(expression: str) -> None:
    (found,) = problems(fields={"id": expression})
    assert "doesn't identify" in found.what


def test_a_key_that_is_the_same_for_every_row_is_refused() -> None:
    (found,) = problems(fields={"id": "'x'"})
    assert "every row would have the same key" in found.what


def test_a_condition_of_an_event_may_name_only_what_is_there() -> None:
    (found,) = problems(events={"changed": [{"name": "PartyChanged", "when": "activ = FALSE"}]})
    assert found.path.endswith("events.changed.0.when")
    assert found.instead == "active"


@pytest.mark.parametrize("kind", ["created", "changed", "removed"])
@pytest.mark.parametrize("name", ["DeactivateParty", "PartyDeactivate", "PartyDeactivating"])
def test_a_name_that_asks_for_something_is_refused_whatever_it_stands_for(kind: str, name: str) -> None:
    (found,) = problems(events={kind: [{"name": name, "when": "active"}]})
    assert found.path == f"functions.crm.entities.party.events.{kind}.0"
    assert "isn't in the past tense: an event says what has happened" in found.what


@pytest.mark.parametrize(
    ("entity", "path"),
    [
        ({"fields": {"id": "id", "x": "before.name"}}, "fields.x"),
        ({"events": {"created": [{"name": "PartyMade", "when": "before.active"}]}}, "events.created.0.when"),
        ({"events": {"removed": [{"name": "PartyGone", "when": "before.active"}]}}, "events.removed.0.when"),
    ],
)
def test_only_a_change_has_a_row_before(entity: dict[str, object], path: str) -> None:
    (found,) = problems(**entity)
    assert found.path == f"functions.crm.entities.party.{path}"
    assert "only the conditions of `changed` events see two rows" in found.what


def test_a_column_that_the_old_row_does_not_have_is_marked() -> None:
    (found,) = problems(events={"changed": [{"name": "PartyMoved", "when": "before.nmae = 'x'"}]})
    assert "there is no column 'nmae'" in found.what
    assert found.instead == "name"


def test_old_values_that_the_source_does_not_send_are_refused_with_the_statement_that_mends_it() -> None:
    table = replace(PARTY, removal=("id",), whole_removal="ALTER TABLE … REPLICA IDENTITY FULL")
    moved = {"changed": [{"name": "PartyMoved", "when": "name <> before.name AND id = before.id"}]}
    (found,) = problems(table, events=moved)
    assert (
        found.what
        == "it asks for `before`, but public.party doesn't tell what name was when a row is changed"
    )
    assert found.instead == "ALTER TABLE … REPLICA IDENTITY FULL"


def test_a_column_that_looks_like_an_old_one_is_told_apart() -> None:
    odd = replace(PARTY, columns=(*PARTY.columns, Column("before.name", FieldType.TEXT, True, "text")))
    (found,) = problems(odd, events={"changed": [{"name": "PartyMoved", "when": "before.name = 'x'"}]})
    assert "has a column that is called before.name itself" in found.what


@pytest.mark.parametrize("name", ["comment", "call", "show", "begin", "rename"])
def test_a_column_may_be_called_as_a_statement_begins(name: str) -> None:
    table = replace(PARTY, columns=(*PARTY.columns, Column(name, FieldType.TEXT, True, "text")))
    given = {
        "table": table.name,
        "key": ["id"],
        "fields": {"id": "id", "said": name, "more": f"{name} || '!'"},
    }
    assert compile_entity("crm", "party", Entity.model_validate(given), table)
