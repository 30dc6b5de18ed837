"""A small legacy table, its mapping, and changes of it, for the tests of boundary and sync."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from strangler.changes import Change, Operation, Position, Row, Transaction
from strangler.mapping import EntityMapping, compile_entity
from strangler.settings import Entity, EventName, Events, Function, Settings, Source
from strangler.shapes import Column, FieldType, Table

TABLE = Table(
    "partner",
    (
        Column("id", FieldType.INTEGER, False, "bigint"),
        Column("name", FieldType.TEXT, True, "text"),
        Column("number", FieldType.TEXT, True, "text"),
        Column("active", FieldType.BOOLEAN, False, "boolean"),
        Column("note", FieldType.TEXT, True, "text"),
    ),
    ("id",),
)

ENTITY = Entity(
    table="partner",
    key=["id"],
    fields={
        "id": "id",
        "name": "TRIM(name)",
        "number": "CAST(number AS INTEGER)",
        "active": "active",
        "note": "note",
    },
    events=Events(
        created=[EventName(name="PartnerRegistered")],
        changed=[EventName(name="PartnerDeactivated", when="NOT active"), EventName(name="PartnerChanged")],
        removed=[EventName(name="PartnerRemoved")],
    ),
)


def settings(**source: Any) -> Settings:
    """A configuration with one source, `erp`, that has this one entity."""
    section = Source(kind="memory", url=SecretStr("memory://"), **source)
    function = Function(source="erp", store="service", entities={"partner": ENTITY})
    return Settings(sources={"erp": section}, functions={"partners": function})


def mapping() -> EntityMapping:
    return compile_entity("partners", "partner", ENTITY, TABLE)


def row(key: int, **values: Any) -> dict[str, Any]:
    return {"id": key, "name": "Łódź", "number": "7", "active": True, "note": None} | values


def position(transaction: int, index: int = 0) -> Position:
    return Position(f"{transaction:016X}/{index:08X}")


def insert(at: Position, new: Row) -> Change:
    return Change(at, "partner", Operation.INSERT, None, new)


def update(at: Position, new: Row, old: Row | None = None) -> Change:
    return Change(at, "partner", Operation.UPDATE, old, new)


def delete(at: Position, key: int) -> Change:
    return Change(at, "partner", Operation.DELETE, {"id": key}, None)


def transaction(number: int, *changes: Change) -> Transaction:
    return Transaction(position(number, 0xFFFFFFFF), str(number), 1_000.0 + number, changes)
