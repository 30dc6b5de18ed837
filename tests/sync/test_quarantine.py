"""Quarantine: changes survive as text with their types, and are released in order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

from strangler.boundary import Boundary, Translation
from strangler.changes import UNCHANGED
from strangler.control.quarantine import Held, State
from strangler.events import Effect
from strangler.mapping import EntityMapping, compile_entity
from strangler.quarantine import decode_change, encode_change, release, to_record
from strangler.settings import EntityField
from tests.sync.partners import ENTITY, TABLE, insert, mapping, position, row, transaction, update


def mended() -> EntityMapping:
    """The mapping after somebody has mended it: a number that is none counts as 0."""
    fields = ENTITY.fields | {
        "number": EntityField(value="CASE WHEN number = 'seven' THEN 7 ELSE CAST(number AS INTEGER) END")
    }
    return compile_entity("partners", "partner", ENTITY.model_copy(update={"fields": fields}), TABLE)


def waiting() -> list[Held]:
    result = Translation([], [])
    boundary = Boundary([mapping()])
    boundary.translate(transaction(1, update(position(1), row(1, number="seven"))), result)
    boundary.translate(transaction(2, update(position(2), row(1, number="8"))), result)
    return [replace(to_record(held, at=5.0), state=State.RETRY) for held in result.held]


def test_a_change_survives_as_text_with_every_type() -> None:
    values = {
        "decimal": Decimal("1.10"), "float": float("inf"), "int": 2**70, "text": "日本", "null": None, "flag": True,
        "bytes": b"\x00\xff", "date": date(2026, 1, 1), "time": time(1, 2, 3), "unchanged": UNCHANGED,
        "naive": datetime(2026, 1, 1), "aware": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    change = insert(position(1), values)
    back = decode_change(encode_change(change))
    assert back == change
    assert {name: type(value) for name, value in (back.after or {}).items()} == {
        n: type(v) for n, v in values.items()
    }


def test_a_mended_mapping_releases_all_in_order() -> None:
    result = release(mended(), waiting())
    assert [(event.position, event.data["number"]) for event in result.events] == [
        (position(1), 7),
        (position(2), 8),
    ]
    assert result.held == []


def test_a_change_of_the_key_that_could_not_be_told_removes_the_old_one_when_it_is_released() -> None:
    fields = ENTITY.fields | {"number": EntityField(value="COALESCE(CAST(number AS INTEGER), 0)")}
    entity = ENTITY.model_copy(update={"key": ["number"], "fields": fields})
    keyed = compile_entity("partners", "partner", entity, TABLE)
    moved = update(position(1), row(1, number="seven"), old=row(1, number="6"))
    result = Translation([], [])
    Boundary([keyed]).translate(transaction(1, moved), result)
    (held,) = result.held
    assert held.key.key.startswith("!")

    fields = fields | {
        "number": EntityField(value="CASE WHEN number = 'seven' THEN 7 ELSE CAST(number AS INTEGER) END")
    }
    mended_key = compile_entity("partners", "partner", entity.model_copy(update={"fields": fields}), TABLE)
    released = release(mended_key, [to_record(held, at=5.0)])
    assert [(event.effect, event.key) for event in released.events] == [
        (Effect.REMOVE, "[6]"),
        (Effect.UPSERT, "[7]"),
    ]


def test_what_still_cannot_be_translated_keeps_the_rest_behind_it() -> None:
    result = release(mapping(), waiting())
    assert result.events == []
    assert [held.state for held in result.held] == [State.HELD, State.HELD]
