"""What sets two mappings of one entity apart: what is written otherwise, and how many rows read otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from strangler.blast import Looking, Name, measure
from strangler.mapping import compile_entity
from strangler.mapping.difference import ABSENT, Mapped, Radius, Sample, differences
from strangler.ports import Pressure
from strangler.settings import Entity
from strangler.shapes import Table
from tests.sync.partners import TABLE

BASE: dict[str, Any] = {
    "table": "partner",
    "key": "id",
    "fields": {"id": "id", "name": "TRIM(name)", "number": "CAST(number AS INTEGER)"},
    "events": {"changed": [{"name": "PartnerDeactivated", "when": "NOT active"}, "PartnerChanged"]},
}

OTHER_TABLE = Table("associate", TABLE.columns, TABLE.key)


def mapped(table: Table = TABLE, source: str = "erp", **changes: Any) -> Mapped:
    entity = Entity.model_validate(BASE | {"table": table.name} | changes)
    return Mapped(source, entity, compile_entity("f", "partner", entity, table))


def fields(**changes: Any) -> dict[str, Any]:
    return {name: each for name, each in {**BASE["fields"], **changes}.items() if each is not None}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"fields": fields(name="trim( name )")}, []),
        ({"fields": fields(name="name")}, ["fields.name: expression: TRIM(name) → name"]),
        ({"fields": fields(number=None)}, ["fields.number: dropped; was CAST(number AS INTEGER)"]),
        ({"fields": fields(note="note")}, ["fields.note: added: note"]),
        (
            {"fields": fields(number="number")},
            ["fields.number: type: integer → text", "fields.number: expression: CAST(number AS INTEGER) → number"],
        ),
        ({"fields": dict(reversed(BASE["fields"].items()))}, ["fields: in another order"]),
        ({"key": ["id", "name"]}, ["key: id → id, name"]),
        ({"into": "partners"}, ["into: partner → partners"]),
        ({"table": OTHER_TABLE}, ["table: partner → associate"]),
        ({"source": "crm"}, ["source: erp → crm"]),
        (
            {"events": {"changed": [{"name": "PartnerDeactivated", "when": "NOT active AND before.active"}, "PartnerChanged"]}},
            [
                "events.changed: PartnerDeactivated when NOT active; PartnerChanged"
                " → PartnerDeactivated when NOT active AND before.active; PartnerChanged"
            ],
        ),
        ({"events": {}}, ["events.changed: PartnerDeactivated when NOT active; PartnerChanged → the default"]),
    ],
)  # fmt: skip
def test_what_is_written_otherwise_is_named_and_layout_is_not(
    changes: dict[str, Any], found: list[str]
) -> None:
    said = [f"{path}: {words}" for path, words in differences(mapped(), mapped(**changes))]
    assert said == found


def test_another_version_never_goes_without_a_reason() -> None:
    wider = Table(
        "partner", tuple(c if c.name != "name" else type(c)(c.name, c.type, True, "char(9)") for c in TABLE.columns), ("id",)
    )  # fmt: skip
    ((path, words),) = differences(mapped(), mapped(wider))
    assert path == ""
    assert "what its expressions stand on" in words


class Rows:
    """A `SqlSide` whose rows are made one by one, and counted as they are taken."""

    dialect = "postgres"

    def __init__(self, rows: Iterator[tuple[Any, ...]]) -> None:
        self._rows, self.taken = rows, 0

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        for row in self._rows:
            self.taken += 1
            yield row

    def copy_out(self, sql: str, into: object) -> bool:
        return False

    def pressure(self) -> Pressure:
        return Pressure()

    def close(self) -> None:
        """Nothing to release."""


def radius(new: Mapped, *rows: tuple[Any, ...], samples: int = 2, limit: int | None = None) -> Radius:
    """Rows are (id, name, number, active), as the columns of the base mapping."""
    columns = ("id", "name", "number", "active")
    assert mapped().mapping.columns == columns
    values = (
        (*row, *(dict(zip(columns, row, strict=True)).get(name) for name in new.mapping.columns))
        for row in rows
    )
    return measure(Rows(values), mapped().mapping, new.mapping, Name("f", "partner"), Looking(samples, limit))


def test_entities_that_read_differently_are_counted_by_field_with_samples() -> None:
    found = radius(
        mapped(fields=fields(name="UPPER(name)", number=None, kind="'x'")), (1, "A", "1", True), (2, "b", None, True)
    )  # fmt: skip
    assert (found.rows, found.differ, found.keys) == (2, 2, 0)
    assert found.fields == {"name": 1, "number": 2, "kind": 2}
    assert found.samples == [
        Sample("[1]", "number", 1, ABSENT),
        Sample("[1]", "kind", ABSENT, "x"),
        Sample("[2]", "name", "b", "B"),
        Sample("[2]", "number", None, ABSENT),
        Sample("[2]", "kind", ABSENT, "x"),
    ]


def test_a_row_that_reads_alike_does_not_count() -> None:
    found = radius(mapped(fields=fields(name="LTRIM(RTRIM(name))")), (1, " a ", "1", True))
    assert (found.rows, found.differ, found.samples) == (1, 0, [])


def test_a_value_of_another_type_is_another_value() -> None:
    found = radius(mapped(fields=fields(number="CAST(number AS INTEGER) = 1")), (1, "a", "1", True))
    assert found.samples == [Sample("[1]", "number", 1, True)]


def test_what_becomes_untranslatable_or_translatable_is_counted_and_shown_with_the_reason() -> None:
    new = mapped(fields=fields(number="number", name="CAST(name AS INTEGER)"))
    found = radius(new, (1, "7", "one", True), (2, "two", "2", True), (3, "three", "three", True))
    assert (found.rows, found.differ, found.translatable, found.untranslatable) == (3, 2, 1, 1)
    gained, lost = found.samples
    assert (gained.key, gained.field, gained.after) == ("[1]", None, None)
    assert "partner.number can't be translated: 'one' is not an integer" in gained.before
    assert (lost.key, lost.before) == ("[2]", None)
    assert "partner.name can't be translated" in lost.after


def test_entities_with_another_key_are_counted() -> None:
    found = radius(mapped(key="number"), (1, "a", "1", True), (2, "b", "3", True))
    assert (found.keys, found.differ, found.fields) == (1, 1, {})


def test_however_many_rows_there_are_only_the_samples_are_kept() -> None:
    found = radius(
        mapped(fields=fields(name="UPPER(name)")), *((n, "a", "1", True) for n in range(5000)), samples=3
    )
    assert (found.differ, len(found.samples)) == (5000, 3)


def test_no_more_rows_are_read_than_asked_for() -> None:
    def endless() -> Iterator[tuple[Any, ...]]:
        while True:
            yield (1, "a", "1", True, 1, "a", "1", True)

    side, new = Rows(endless()), mapped(fields=fields(name="UPPER(name)"))
    assert measure(side, mapped().mapping, new.mapping, Name("f", "partner"), Looking(1, 10)).rows == 10
    assert side.taken == 10
