"""SURROGATE: the same key wherever it is computed, and a store that holds the legacy key beside it."""

from __future__ import annotations

import re
import uuid
from decimal import Decimal
from typing import Any

import pytest

from strangler.errors import MappingError, Problem, Untranslatable
from strangler.mapping import EntityMapping, compile_entity
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Table

PARTY = Table(
    "party",
    (
        Column("id", FieldType.INTEGER, False, "integer"),
        Column("code", FieldType.TEXT, True, "varchar(10)"),
        Column("other", FieldType.TEXT, True, "text"),
        Column("amount", FieldType.DECIMAL, True, "numeric(9,2)"),
        Column("weight", FieldType.FLOAT, True, "double precision"),
        Column("doc", FieldType.JSON, True, "json"),
        Column("raw", FieldType.BYTES, True, "bytea"),
    ),
    ("id",),
)
EMPTY = dict.fromkeys(column.name for column in PARTY.columns)


def mapping(**fields: Any) -> EntityMapping:
    given = {"table": "party", "key": "id", "fields": fields}
    return compile_entity("crm", "party", Entity.model_validate(given), PARTY)


def surrogate(expression: str, **row: Any) -> Any:
    return mapping(id="id", x=expression).translate(EMPTY | {"id": 7} | row)["x"]


def problems(**fields: Any) -> list[Problem]:
    with pytest.raises(MappingError) as raised:
        mapping(**fields)
    return raised.value.problems


def test_a_surrogate_is_a_uuid_of_version_8_that_stays_the_same_for_ever() -> None:
    made = surrogate("SURROGATE('party', id)")
    assert made == "82605b10-51a9-8ba2-876c-659585326790"
    assert uuid.UUID(made).version == 8
    assert uuid.UUID(made).variant == uuid.RFC_4122


def test_who_refers_to_a_key_computes_the_same_one_whatever_the_type_of_its_column() -> None:
    made = surrogate("SURROGATE('party', id)")
    assert surrogate("SURROGATE('party', code)", code="7") == made
    assert surrogate("SURROGATE('party', amount)", amount=Decimal("7.00")) == made
    assert surrogate("SURROGATE('party', '7')") == made
    assert surrogate("SURROGATE('party', code)", code="07") != made
    assert surrogate("SURROGATE('product', id)") != made


@pytest.mark.parametrize(
    ("one", "two"),
    [(("a", "bc"), ("ab", "c")), (("a','b", "c"), ("a", "b','c")), (("", "a"), ("a", "")), (("'", ""), ("", "'"))],
)  # fmt: skip
def test_values_do_not_run_together(one: tuple[str, str], two: tuple[str, str]) -> None:
    expression = "SURROGATE('party', code, other)"
    made = [surrogate(expression, code=code, other=other) for code, other in (one, two)]
    assert made[0] != made[1]


def test_of_null_there_is_no_surrogate() -> None:
    assert surrogate("SURROGATE('party', id, code)", code=None) is None
    keyed = mapping(id="SURROGATE('party', code)", code="code")
    with pytest.raises(Untranslatable, match=re.escape("party.id is NULL, and it is part of the key")):
        keyed.translate(EMPTY | {"id": 7})


@pytest.mark.parametrize(
    ("expression", "says", "instead"),
    [
        ("SURROGATE('party')", "takes the name of what is identified", "SURROGATE('party', id)"),
        ("SURROGATE(party, id)", "a name in quotes first\n    SURROGATE(party, id)\n              ^^^^^", "'party'"),
        ("SURROGATE('', id)", "a name in quotes first", "'party'"),
        ("SURROGATE('party', weight)", "a float doesn't identify", "DECIMAL"),
        ("SURROGATE('party', doc)", "json doesn't identify", ""),
        ("SUROGATE('party', id)", "no SUROGATE", "SURROGATE"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_with_its_place(expression: str, says: str, instead: str) -> None:
    (found,) = problems(id="id", x=expression)
    assert says in found.what
    assert instead in found.instead


def test_a_key_whose_legacy_key_no_field_holds_is_refused() -> None:
    (found,) = problems(id="SURROGATE('party', code, id)", upper="UPPER(code)")
    assert found.path == "functions.crm.entities.party.fields.id"
    assert "no other field brings code, id back" in found.what
    assert "legacy_code: code, legacy_id: id" in found.instead


def test_a_reference_to_another_entity_need_not_be_held() -> None:
    assert mapping(id="id", customer="SURROGATE('party', other)").inverse.lost == (
        ("customer", "a hash can't be undone; other fields have to hold what it is made of"),
    )


def test_a_surrogate_comes_back_through_the_fields_that_hold_the_legacy_key() -> None:
    made = mapping(id="SURROGATE('party', id)", legacy_id="id")
    assert made.inverse.lost == ()
    assert made.inverse.through == (("id", ("legacy_id",)),)
    data = made.translate(EMPTY | {"id": 7})
    assert made.inverse.row(data) == {"id": 7}
    with pytest.raises(Untranslatable, match="would be read as"):
        made.inverse.row(data | {"legacy_id": 8})


def test_a_legacy_key_that_a_reverse_brings_back_is_held() -> None:
    number = {"value": "LTRIM(code, '0')", "reverse": {"code": "LPAD(number, 10, '0')"}}
    made = mapping(id="SURROGATE('party', code)", number=number)
    data = made.translate(EMPTY | {"id": 7, "code": "0000004711"})
    assert made.inverse.row(data) == {"code": "0000004711"}
    assert made.inverse.through == (("id", ("number",)),)
