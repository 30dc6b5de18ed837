"""One row at a time: fields, key, event name; what wasn't sent; what can't be translated."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from strangler.changes import UNCHANGED, Operation
from strangler.errors import MappingError, Untranslatable
from strangler.mapping import EntityMapping, compile_entity
from strangler.mapping.names import default_name, is_past_tense
from strangler.sensitive import Sensitive
from strangler.settings import Entity
from strangler.shapes import Column, Field, FieldType, Table

PARTY = Table(
    "party_party",
    (
        Column("id", FieldType.INTEGER, False, "integer"),
        Column("company", FieldType.TEXT, True, "text"),
        Column("name", FieldType.TEXT, True, "text"),
        Column("note", FieldType.TEXT, True, "text"),
        Column("active", FieldType.BOOLEAN, True, "boolean"),
        Column("credit", FieldType.DECIMAL, True, "numeric"),
        Column("unused", FieldType.TEXT, True, "text"),
    ),
    ("id",),
)
ROW = {
    "id": 7,
    "company": "01",
    "name": " Łódź ",
    "note": "x",
    "active": True,
    "credit": Decimal("1500.500"),
    "unused": "-",
}


def mapping(table: Table = PARTY, **entity: Any) -> EntityMapping:
    given = {"table": table.name, "key": ["id"], "fields": {"id": "id"}} | entity
    return compile_entity("crm", "party", Entity.model_validate(given), table)


def of_column(kind: FieldType, declared: str, value: Any) -> Any:
    """The canonical value of a column of the type."""
    table = Table(
        "t", (Column("id", FieldType.INTEGER, False, "integer"), Column("c", kind, True, declared)), ("id",)
    )
    return mapping(table, fields={"id": "id", "c": "c"}).translate({"id": 1, "c": value})["c"]


def test_a_row_becomes_its_fields_in_their_order() -> None:
    made = mapping(
        fields={"title": "TRIM(name)", "id": "id", "limit": "ROUND(credit * 0.01, 1)", "on": "active"}
    )
    data = made.translate(ROW)
    assert list(data.items()) == [("title", "Łódź"), ("id", 7), ("limit", "15"), ("on", True)]
    assert made.shape.fields == (
        Field("title", FieldType.TEXT, True),
        Field("id", FieldType.INTEGER, False),
        Field("limit", FieldType.DECIMAL, True),
        Field("on", FieldType.BOOLEAN, True),
    )
    assert (made.shape.function, made.shape.entity, made.shape.table, made.shape.key) == (
        "crm",
        "party",
        "party",
        ("id",),
    )


def test_only_the_columns_that_are_needed_are_asked_for() -> None:
    made = mapping(
        fields={"code": "company || '-' || CAST(credit AS TEXT)"}, key=["code"],
        events={"removed": [{"name": "PartyRemoved", "when": "active"}]},
    )  # fmt: skip
    assert made.columns == ("id", "company", "active", "credit")


@pytest.mark.parametrize(
    ("kind", "declared", "value", "canonical"),
    [
        (FieldType.TEXT, "text", "a ", "a "),
        (FieldType.TEXT, "character(4)", "a   ", "a"),
        (FieldType.TEXT, "character varying(4)", "a   ", "a   "),
        (FieldType.DECIMAL, "numeric", Decimal("4904.4900"), "4904.49"),
        (FieldType.DECIMAL, "numeric", Decimal("-0.00"), "0"),
        (FieldType.DECIMAL, "numeric", Decimal("1E+3"), "1000"),
        (FieldType.DECIMAL, "numeric", Decimal("NaN"), "NaN"),
        (FieldType.FLOAT, "real", -0.0, 0.0),
        (FieldType.FLOAT, "real", float("nan"), "NaN"),
        (FieldType.FLOAT, "real", float("-inf"), "-Infinity"),
        (FieldType.DATE, "date", date(1, 1, 1), "0001-01-01"),
        (FieldType.TIME, "time", time(23, 59), "23:59:00.000000"),
        (FieldType.TIMESTAMP, "timestamp", datetime(2026, 11, 23), "2026-11-23T00:00:00.000000"),
        (FieldType.INSTANT, "timestamptz", datetime(2026, 11, 23, 1, tzinfo=UTC), "2026-11-23T01:00:00.000000Z"),
        (FieldType.INSTANT, "timestamptz", datetime(2026, 11, 23, 1, tzinfo=timezone(timedelta(hours=2))), "2026-11-22T23:00:00.000000Z"),
        (FieldType.BYTES, "bytea", b"\x00\xff", "00ff"),
        (FieldType.JSON, "jsonb", '{"a": 1}', '{"a": 1}'),
    ],
)  # fmt: skip
def test_every_type_has_its_canonical_value(
    kind: FieldType, declared: str, value: Any, canonical: Any
) -> None:
    made = of_column(kind, declared, value)
    assert (made, str(made)) == (canonical, str(canonical))
    assert of_column(kind, declared, None) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FieldType.DATE, "infinity"),
        (FieldType.DATE, datetime(2026, 1, 1)),
        (FieldType.DECIMAL, Decimal("Infinity")),
        (FieldType.INTEGER, "7"),
        (FieldType.INTEGER, True),
        (FieldType.TEXT, b"x"),
        (FieldType.TEXT, "a\0b"),
        (FieldType.INSTANT, datetime(2026, 1, 1)),
    ],
)
def test_a_value_that_is_not_of_its_columns_type_is_untranslatable(kind: FieldType, value: Any) -> None:
    with pytest.raises(Untranslatable, match=r"party\.c can't be translated"):
        of_column(kind, "", value)


def test_a_field_whose_columns_were_not_sent_is_absent() -> None:
    made = mapping(fields={"id": "id", "note": "COALESCE(TRIM(note), '')", "fixed": "'x'"})
    assert made.translate(ROW | {"note": UNCHANGED}) == {"id": 7, "fixed": "x"}


def test_a_field_that_mixes_what_was_sent_and_what_was_not_is_untranslatable() -> None:
    made = mapping(fields={"id": "id", "label": "name || note"})
    with pytest.raises(Untranslatable) as raised:
        made.translate(ROW | {"note": UNCHANGED})
    assert "party.label" in raised.value.what
    assert "note of party_party" in raised.value.what
    assert "ALTER TABLE party_party REPLICA IDENTITY FULL" in raised.value.do


def test_the_key_needs_no_more_than_its_own_columns() -> None:
    made = mapping(
        fields={"name": "name", "company": "LPAD(company, 4, '0')", "id": "id"}, key=["company", "id"]
    )
    assert made.key_of({"id": 7, "company": "1"}) == '["0001",7]'
    with pytest.raises(Untranslatable, match="company of party_party wasn't sent"):
        made.key_of({"id": 7})
    with pytest.raises(Untranslatable, match="wasn't sent"):
        made.key_of({"id": 7, "company": UNCHANGED})


def test_a_key_that_is_null_is_untranslatable() -> None:
    made = mapping(fields={"company": "NULLIF(company, '')"}, key=["company"])
    for ask in (made.key_of, made.translate):
        with pytest.raises(Untranslatable, match=r"party\.company is NULL, and it is part of the key"):
            ask(ROW | {"company": ""})
    assert made.shape.fields == (Field("company", FieldType.TEXT, False),)


def test_a_row_that_cannot_be_cast_says_which_field_and_value() -> None:
    made = mapping(fields={"id": "id", "number": "CAST(name AS INTEGER)"})
    with pytest.raises(Untranslatable) as raised:
        made.translate(ROW)
    assert raised.value.what == "party.number can't be translated"
    assert raised.value.why == "' Łódź ' is not an integer"


def test_case_and_coalesce_evaluate_no_more_than_they_must() -> None:
    made = mapping(
        fields={
            "id": "id",
            "a": "CASE WHEN name = '' THEN 0 ELSE CAST(name AS INTEGER) END",
            "b": "COALESCE(id, CAST(name AS INTEGER))",
        }
    )
    assert made.translate(ROW | {"name": ""}) == {"id": 7, "a": 0, "b": 7}


def test_an_operation_evaluates_all_of_its_arguments() -> None:
    made = mapping(fields={"id": "id", "sum": "LENGTH(note) + CAST(name AS INTEGER)"})
    with pytest.raises(Untranslatable):
        made.translate(ROW | {"note": None})


def test_events_are_named_by_default_after_the_entity() -> None:
    made = mapping()
    assert [made.event_name(operation, {"id": 7}, None) for operation in (Operation.INSERT, Operation.UPDATE, Operation.DELETE)] == [
        "PartyCreated", "PartyChanged", "PartyRemoved",
    ]  # fmt: skip


def test_the_first_event_name_whose_condition_holds_is_taken() -> None:
    made = mapping(
        events={
            "changed": [
                {"name": "PartyDeactivated", "when": "NOT active"},
                {"name": "PartyCredited", "when": "credit > 1000"},
            ]
        }
    )
    assert made.event_name(Operation.UPDATE, ROW | {"active": False}, None) == "PartyDeactivated"
    assert made.event_name(Operation.UPDATE, ROW | {"active": None}, None) == "PartyCredited"
    assert made.event_name(Operation.UPDATE, ROW | {"credit": None}, None) == "PartyChanged"
    assert made.event_name(Operation.INSERT, ROW, None) == "PartyCreated"


@pytest.mark.parametrize("row", [{"id": 7}, ROW | {"active": UNCHANGED}])
def test_a_condition_over_what_was_not_sent_is_untranslatable(row: dict[str, Any]) -> None:
    made = mapping(events={"removed": [{"name": "PartyArchived", "when": "active"}]})
    with pytest.raises(Untranslatable, match="the condition of PartyArchived"):
        made.event_name(Operation.DELETE, row, None)


DEACTIVATED = {"changed": [{"name": "PartyDeactivated", "when": "NOT active AND before.active"}]}


def test_a_condition_over_both_rows_names_a_transition() -> None:
    made = mapping(events=DEACTIVATED)
    gone = ROW | {"active": False}
    assert made.event_name(Operation.UPDATE, gone, ROW) == "PartyDeactivated"
    assert made.event_name(Operation.UPDATE, gone, gone) == "PartyChanged"
    assert made.event_name(Operation.UPDATE, gone, gone | {"active": None}) == "PartyChanged"
    assert made.event_name(Operation.DELETE, ROW, None) == "PartyRemoved"


def test_what_a_column_was_is_asked_for_under_its_own_name_and_makes_another_version() -> None:
    made = mapping(events=DEACTIVATED)
    assert made.columns == ("id", "active")
    other = mapping(events={"changed": [{"name": "PartyDeactivated", "when": "NOT active AND active"}]})
    assert made.version != other.version


@pytest.mark.parametrize("before", [None, {"id": 7}, ROW | {"active": UNCHANGED}])
def test_a_condition_over_an_old_value_that_was_not_sent_is_untranslatable(
    before: dict[str, Any] | None,
) -> None:
    made = mapping(events=DEACTIVATED)
    with pytest.raises(Untranslatable, match=r"before\.active of party_party wasn't sent"):
        made.event_name(Operation.UPDATE, ROW | {"active": False}, before)


def test_an_old_value_that_is_sent_only_when_it_changes_is_known_when_it_was_not_sent() -> None:
    table = Table(PARTY.name, PARTY.columns, PARTY.key, removal=("id", "company"))
    moved = {"changed": [{"name": "PartyMoved", "when": "company <> before.company"}]}
    made = mapping(table, events=moved)
    assert made.event_name(Operation.UPDATE, ROW, None) == "PartyChanged"
    assert made.event_name(Operation.UPDATE, ROW, {"id": 7, "company": "02"}) == "PartyMoved"


@pytest.mark.parametrize(
    "name",
    [
        "PartyRegistered",
        "OrderSent",
        "InvoicePaid",
        "StockWithdrawn",
        "BOMChanged",
        "Party2Merged",
        "PriceAgreed",
    ],
)
def test_facts_are_in_the_past_tense(name: str) -> None:
    assert is_past_tense(name)


@pytest.mark.parametrize("entity", ["party", "price_feed", "order2", "send"])
@pytest.mark.parametrize("operation", [Operation.INSERT, Operation.UPDATE, Operation.DELETE])
def test_the_default_names_are_facts_whatever_the_entity(entity: str, operation: Operation) -> None:
    assert is_past_tense(default_name(entity, operation))


@pytest.mark.parametrize("name", ["CreateParty", "PartyCreate", "PartyChanging", "Party", "OrderFeed", "Red"])
def test_what_is_not_a_fact_is_recognised(name: str) -> None:
    assert not is_past_tense(name)


def test_the_version_is_the_same_from_run_to_run_and_blind_to_layout() -> None:
    one = mapping(fields={"id": "id", "title": "TRIM( name )||'x'"})
    other = mapping(fields={"id": "ID", "title": "trim(name) || 'x'"})
    assert one.version == other.version == "486f6c754030"


@pytest.mark.parametrize(
    "change",
    [
        {"fields": {"id": "id", "title": "TRIM(name) || 'y'"}},
        {"fields": {"id": "id", "name": "TRIM(name) || 'x'"}},
        {"fields": {"id": "id", "title": "TRIM(name) || 'x'", "more": "note"}},
        {"into": "parties"},
        {"events": {"created": "PartyRegistered"}},
        {"table": Table("party_party", (Column("id", FieldType.INTEGER, False, "bigint"), *PARTY.columns[1:]), ("id",))},
    ],
)  # fmt: skip
def test_the_version_changes_with_everything_that_matters(change: dict[str, Any]) -> None:
    base: dict[str, Any] = {"fields": {"id": "id", "title": "TRIM(name) || 'x'"}}
    table = change.pop("table", PARTY)
    assert mapping(table, **(base | change)).version != mapping(**base).version


def test_the_reason_holds_no_value_of_a_sensitive_column() -> None:
    columns = (
        Column("id", FieldType.INTEGER, False, "int"),
        Column("Pay", FieldType.TEXT, True, "text"),
        Column("day", FieldType.TEXT, True, "text"),
    )
    fields = {"id": "id", "pay": 'CAST("Pay" AS INTEGER)', "day": "CAST(day AS DATE)"}
    entity = Entity.model_validate({"table": "t", "key": "id", "fields": fields})
    hidden = Sensitive(frozenset({"pay"}), frozenset({"pay"}))
    mapped = compile_entity("f", "e", entity, Table("t", columns, ("id",)), sensitive=hidden)
    with pytest.raises(Untranslatable) as raised:
        mapped.translate({"id": 1, "Pay": "12 canary", "day": None})
    assert "canary" not in str(raised.value)
    assert "Pay isn't shown (Pay = ***)" in str(raised.value)
    with pytest.raises(Untranslatable, match="'yesterday' is not a date"):
        mapped.translate({"id": 1, "Pay": "12", "day": "yesterday"})


def test_a_sensitive_field_reads_no_key_of_the_legacy_table_that_is_not_the_entitys() -> None:
    columns = (
        Column("ssn", FieldType.TEXT, False, "text"),
        Column("number", FieldType.INTEGER, False, "int"),
    )
    fields = {"number": "number", "ssn": {"value": "ssn", "sensitive": True}}
    entity = Entity.model_validate({"table": "t", "key": "number", "fields": fields})
    with pytest.raises(MappingError, match="ssn is part of the key of t, by which its rows are named"):
        compile_entity("f", "e", entity, Table("t", columns, ("ssn",)))
