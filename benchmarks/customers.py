"""The changes of the benchmarks that need no database: customers of an old ERP with twelve columns, mapped to twelve fields."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from strangler.changes import Change, Operation, Position, Transaction
from strangler.mapping import EntityMapping, compile_entity
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Table

COLUMNS: Final = (
    Column("id", FieldType.INTEGER, False, "bigint"),
    Column("number", FieldType.TEXT, False, "character varying(10)"),
    Column("name", FieldType.TEXT, False, "character varying(80)"),
    Column("street", FieldType.TEXT, True, "character varying(80)"),
    Column("city", FieldType.TEXT, False, "character varying(80)"),
    Column("country", FieldType.TEXT, True, "character(2)"),
    Column("credit", FieldType.DECIMAL, False, "numeric(16,2)"),
    Column("used", FieldType.DECIMAL, False, "numeric(16,2)"),
    Column("terms", FieldType.TEXT, False, "character varying(4)"),
    Column("since", FieldType.TEXT, False, "character varying(8)"),
    Column("blocked", FieldType.TEXT, False, "character varying(1)"),
    Column("changed", FieldType.TIMESTAMP, False, "timestamp without time zone"),
)

FIELDS: Final = {
    "id": "id",
    "number": "LTRIM(number, '0')",
    "name": "TRIM(name)",
    "address": "TRIM(street) || ', ' || TRIM(city)",
    "country": "UPPER(country)",
    "credit": "credit",
    "free_credit": "credit - used",
    "terms": "CAST(terms AS INTEGER)",
    "since": "TO_DATE(NULLIF(since, '00000000'), 'YYYYMMDD')",
    "class": "CASE WHEN credit >= 50000 THEN 'A' WHEN credit >= 5000 THEN 'B' ELSE 'C' END",
    "active": "CASE WHEN blocked = 'X' THEN FALSE ELSE TRUE END",
    "changed": "changed",
}

SIZES: Final = (1, 1, 1, 2, 3, 5, 8, 20, 100, 500)
"""Changes of the transactions, in turn: clerks save one record or a few, jobs many."""

TABLE: Final = "customer"


def mapping(name: str = TABLE) -> EntityMapping:
    """The mapping of the legacy table of that name, the same for each."""
    entity = Entity(table=name, key=["id"], fields=FIELDS)
    return compile_entity("customers", name, entity, Table(name, COLUMNS, ("id",)))


def transactions(changes: int, old_rows: bool = False, tables: Sequence[str] = (TABLE,)) -> list[Transaction]:
    """Transactions of so many changes: of twenty, seventeen are updates, two inserts, one a removal. Each transaction is of one
    table, in turn; where it is large, some of its changes touch a row that it has touched before.

    `old_rows`: updates carry the whole old row, as from a binlog; otherwise none, as from PostgreSQL.
    """
    chance = random.Random(4711)
    made: list[Transaction] = []
    while changes:
        number = len(made)
        size = min(changes, SIZES[number % len(SIZES)])
        changes -= size
        table = tables[number % len(tables)]
        listed = [
            _change(Position(f"{number:016X}/{index:08X}"), table, chance, old_rows) for index in range(size)
        ]
        end = Position(f"{number:016X}/FFFFFFFF")
        made.append(Transaction(end, str(number), 1_790_000_000.0 + number, listed))
    return made


def _change(position: Position, table: str, chance: random.Random, old_rows: bool) -> Change:
    key, lot = chance.randrange(10_000), chance.randrange(20)
    if lot == 0:
        return Change(position, table, Operation.DELETE, {"id": key}, None)
    row = _row(key, chance)
    if lot < 3:
        return Change(position, table, Operation.INSERT, None, row)
    old = row | {"credit": row["credit"] - 1, "changed": row["changed"] - timedelta(days=1)}
    return Change(position, table, Operation.UPDATE, old if old_rows else None, row)


def _row(key: int, chance: random.Random) -> dict[str, Any]:
    day = date(2001, 1, 1) + timedelta(days=chance.randrange(9000))
    return {
        "id": key,
        "number": f"{key:010}",
        "name": f" Kunde {key} Łódź " if key % 3 else f"Customer {key}",
        "street": None if key % 19 == 0 else f"Street {key % 977} ",
        "city": f"City {key % 311}",
        "country": (None, "de", "PL", "JP", "US")[key % 5],
        "credit": Decimal(chance.randrange(10_000_000)).scaleb(-2),
        "used": Decimal(chance.randrange(1_000_000)).scaleb(-2),
        "terms": f"{chance.randrange(90):02}",
        "since": f"{day:%Y%m%d}" if key % 11 else "00000000",
        "blocked": "X" if key % 17 == 0 else "",
        "changed": datetime(2026, 1, 1) + timedelta(seconds=chance.randrange(10_000_000)),
    }
