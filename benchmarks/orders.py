"""The aggregates of the benchmarks that need no database: orders of an old ERP, joined to three tables, or with five lines each."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from strangler.changes import Change, Operation, Position, Row, Transaction
from strangler.mapping import EntityMapping, compile_entity
from strangler.settings import Entity
from strangler.shapes import Column, FieldType, Table

LINES: Final = 5
PARTNERS: Final = 20_000

_T, _I, _D = FieldType.TEXT, FieldType.INTEGER, FieldType.DECIMAL
_DECLARED: Final = {_T: "varchar(40)", _I: "bigint", _D: "numeric(15,2)"}


def _table(called: str, **columns: FieldType) -> Table:
    return Table(
        called,
        tuple(Column(name, kind, name != "id", _DECLARED[kind]) for name, kind in columns.items()),
        ("id",),
    )


TABLES: Final = {
    table.name: table
    for table in (
        _table(
            "orders",
            id=_I,
            partner=_I,
            currency=_I,
            term=_I,
            state=_T,
            ref=_T,
            note=_T,
            amount=_D,
            day=_T,
            clerk=_T,
        ),
        _table("partner", id=_I, name=_T, city=_T),
        _table("currency", id=_I, code=_T),
        _table("term", id=_I, name=_T),
        _table("line", id=_I, order_id=_I, product=_T, quantity=_I, price=_D, unit=_T),
    )
}

_FIELDS: Final = {
    "id": "id",
    "state": "UPPER(state)",
    "ref": "TRIM(ref)",
    "note": "note",
    "amount": "amount",
    "day": "TO_DATE(day, 'YYYYMMDD')",
    "clerk": "clerk",
    "label": "TRIM(ref) || '-' || state",
}

_JOINS: Final = {name: {"table": name, "on": {"id": name}} for name in ("partner", "currency", "term")}


def joined() -> EntityMapping:
    """An order with twelve fields, four of them from three other tables."""
    fields = _FIELDS | {
        "partner": "partner.name",
        "city": "partner.city",
        "currency": "currency.code",
        "term": "term.name",
    }
    return _compiled({"join": _JOINS, "fields": fields})


def with_lines() -> EntityMapping:
    """An order with its lines."""
    fields = {
        "line": "id",
        "product": "TRIM(product)",
        "quantity": "quantity",
        "price": "price",
        "unit": "unit",
    }
    lines = {"table": "line", "on": {"order_id": "id"}, "key": "line", "fields": fields}
    return _compiled({"fields": _FIELDS, "children": {"lines": lines}})


def _compiled(settings: dict[str, Any]) -> EntityMapping:
    entity = Entity.model_validate({"table": "orders", "key": "id", **settings})
    return compile_entity("orders", "order", entity, TABLES["orders"], others=TABLES)


def rows(table: str, orders: int) -> Iterator[Row]:
    """What a table holds when there are so many orders."""
    chance = random.Random(1)
    match table:
        case "orders":
            return (_order(key, chance) for key in range(orders))
        case "line":
            return (_line(key, number, chance) for key in range(orders) for number in range(LINES))
        case "partner":
            return ({"id": key, "name": f"Partner {key}", "city": "Köln"} for key in range(PARTNERS))
        case "currency":
            return ({"id": key, "code": f"C{key}"} for key in range(20))
        case _:
            return ({"id": key, "name": f"{key * 10} days"} for key in range(5))


def updates_of_orders(changes: int, orders: int) -> list[Transaction]:
    """Each of one order at random."""
    chance = random.Random(2)
    return [
        _transaction(number, [("orders", Operation.UPDATE, _order(chance.randrange(orders), chance))])
        for number in range(changes)
    ]


def new_orders(changes: int, orders: int) -> list[Transaction]:
    """Each an order with its lines; half of them are changed again, in head and lines, by the transaction behind."""
    chance = random.Random(3)
    made = []
    for number in range(changes // (1 + LINES)):
        operation = Operation.INSERT if number % 2 == 0 else Operation.UPDATE
        key = orders + number // 2
        listed = [("orders", operation, _order(key, chance))]
        listed += [("line", operation, _line(key, line, chance)) for line in range(LINES)]
        made.append(_transaction(number, listed))
    return made


def updates_of_lines(changes: int, orders: int) -> list[Transaction]:
    """Each of one line of an order at random."""
    chance = random.Random(4)
    return [
        _transaction(
            number,
            [("line", Operation.UPDATE, _line(chance.randrange(orders), chance.randrange(LINES), chance))],
        )
        for number in range(changes)
    ]


def _transaction(number: int, changes: Sequence[tuple[str, Operation, Row]]) -> Transaction:
    listed = [
        Change(Position(f"{number:016X}/{index:08X}"), table, operation, None, row)
        for index, (table, operation, row) in enumerate(changes)
    ]
    return Transaction(Position(f"{number:016X}/FFFFFFFF"), str(number), 1_790_000_000.0 + number, listed)


def _order(key: int, chance: random.Random) -> Row:
    return {
        "id": key,
        "partner": key % PARTNERS,
        "currency": key % 20,
        "term": key % 5,
        "state": chance.choice(["open", "done"]),
        "ref": f"R{key} ",
        "note": "as agreed",
        "amount": Decimal(chance.randrange(10**8)).scaleb(-2),
        "day": f"2026{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}",
        "clerk": f"clerk {key % 30}",
    }


def _line(order: int, number: int, chance: random.Random) -> Row:
    return {
        "id": order * 10 + number,
        "order_id": order,
        "product": f"P{chance.randrange(1000)}",
        "quantity": chance.randrange(1, 50),
        "price": Decimal(chance.randrange(10**6)).scaleb(-2),
        "unit": "ST",
    }
