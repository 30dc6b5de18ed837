"""Edits of sales, their lines, and the taxes of these."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from examples.tryton.whole import parties, products
from examples.tryton.whole.kinds import Act, Change, Edit, Values
from examples.tryton.whole.world import World

MODEL: Final = "sale.sale"
LINE: Final = "sale.line"


def line(dice: Random, world: World) -> Values:
    """A product, a text with a price, or a comment."""
    if dice.random() < 0.1:
        return {"type": dice.choice(("comment", "title", "subtotal")), "description": "Zażółć gęślą jaźń"}
    goods = [id for template in world.templates.values() if template.active for id in template.products]
    values: Values = {
        "type": "line",
        "quantity": float(dice.randrange(1, 50)),
        "unit_price": products.price(dice),
        "taxes": [["add", dice.sample(world.catalog.taxes, dice.randrange(3))]],
        "description": dice.choice((None, "as ordered", "O'Neil's")),
    }
    if goods and dice.random() < 0.9:
        values |= {"product": dice.choice(goods), "unit": world.catalog.units[0]}
    return values


def new(dice: Random, world: World) -> Values | None:
    """A draft for a party that has an address."""
    buyers = [id for id in parties.editable(world) if world.parties[id].addresses]
    if not buyers:
        return None
    party = dice.choice(buyers)
    address = dice.choice(world.parties[party].addresses)
    return {
        "party": party, "invoice_address": address, "shipment_address": address,
        "payment_term": dice.choice([None, *world.catalog.terms]), "reference": dice.choice((None, "by phone", "“web”")),
        "lines": [["create", [line(dice, world) for _ in range(dice.randrange(1, 6))]]],
    }  # fmt: skip


def editable(world: World) -> list[int]:
    return _in(world, "draft")


def _in(world: World, *states: str) -> list[int]:
    return [id for id, sale in world.sales.items() if sale.state in states]


def _head(dice: Random, world: World, id: int) -> Values:
    return {
        "reference": dice.choice((None, f"PO {dice.randrange(1000)}")),
        "description": dice.choice((None, "", "urgent")),
        "payment_term": dice.choice([None, *world.catalog.terms]),
    }


def _add_line(dice: Random, world: World, id: int) -> Values:
    return {"lines": [["create", [line(dice, world)]]]}


def _delete_line(dice: Random, world: World, id: int) -> Values | None:
    return _some(dice, world.sales[id].lines, "delete")


def _reorder(dice: Random, world: World, id: int) -> Values | None:
    lines = list(world.sales[id].lines)
    dice.shuffle(lines)
    moves = [["write", [each], {"sequence": place}] for place, each in enumerate(lines)]
    return {"lines": moves} if len(moves) > 1 else None


def _requantify(dice: Random, world: World, id: int) -> Values | None:
    return _some(dice, world.sales[id].priced, "write", {"quantity": float(dice.randrange(1, 90))})


def _reprice(dice: Random, world: World, id: int) -> Values | None:
    return _some(dice, world.sales[id].priced, "write", {"unit_price": products.price(dice)})


def _tax(dice: Random, world: World, id: int) -> Values | None:
    taxes = dice.sample(world.catalog.taxes, dice.randrange(3))
    return _some(
        dice, world.sales[id].priced, "write", {"taxes": [["remove", world.catalog.taxes], ["add", taxes]]}
    )


def _some(dice: Random, lines: tuple[int, ...], action: str, *rest: Any) -> Values | None:
    return {"lines": [[action, [dice.choice(lines)], *rest]]} if lines else None


CHANGES: Final = (
    Change("sale's head changed", 5, "head", _head),
    Change("line added", 10, "new line", _add_line),
    Change("line deleted", 7, "lines", _delete_line),
    Change("lines reordered", 4, "lines", _reorder),
    Change("quantity changed", 8, "lines", _requantify),
    Change("unit price changed", 5, "lines", _reprice),
    Change("taxes changed", 8, "lines", _tax),
)


def _create(dice: Random, world: World) -> Edit | None:
    values = new(dice, world)
    return Edit(("sale created",), MODEL, "create", ([values],), 0) if values else None


def _delete(dice: Random, world: World) -> Edit | None:
    return _press(dice, "sale deleted", "delete", _in(world, "draft", "cancelled"))


def _quote(dice: Random, world: World) -> Edit | None:
    return _press(dice, "sale quoted", "quote", [id for id in editable(world) if world.sales[id].lines])


def _confirm(dice: Random, world: World) -> Edit | None:
    return _press(dice, "sale confirmed", "confirm", _in(world, "quotation"))


def _cancel(dice: Random, world: World) -> Edit | None:
    return _press(dice, "sale cancelled", "cancel", _in(world, "draft", "quotation"))


def _reopen(dice: Random, world: World) -> Edit | None:
    return _press(dice, "sale reopened", "draft", _in(world, "quotation", "cancelled"))


def _press(dice: Random, name: str, button: str, ids: list[int]) -> Edit | None:
    if not ids:
        return None
    id = dice.choice(ids)
    return Edit((name,), MODEL, button, ([id],), id)


def _move_line(dice: Random, world: World) -> Edit | None:
    drafts = editable(world)
    givers = [id for id in drafts if world.sales[id].lines]
    if not givers or len(drafts) < 2:
        return None
    giver = dice.choice(givers)
    taker = dice.choice([id for id in drafts if id != giver])
    moved = dice.choice(world.sales[giver].lines)
    return Edit(("line moved to another sale",), LINE, "write", ([moved], {"sale": taker}), moved)


ACTS: Final = (
    Act("sale created", 8, _create),
    Act("sale deleted", 2, _delete),
    Act("sale quoted", 5, _quote),
    Act("sale confirmed", 1, _confirm),
    Act("sale cancelled", 2, _cancel),
    Act("sale reopened", 3, _reopen),
    Act("line moved to another sale", 6, _move_line),
)
