"""Edits of templates and of the products that share one."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Final

from examples.tryton.whole.kinds import Act, Change, Edit, Values
from examples.tryton.whole.world import World

MODEL: Final = "product.template"
PRODUCT: Final = "product.product"
GOODS: Final = ("Hammer", "Chisel", "Świder", "Earl Grey", "Kaffee «Löwe»", "日本茶", "Nut M8", "Rope, 10 m")


def price(dice: Random) -> Decimal:
    """With up to four digits, as Tryton has it."""
    return Decimal(dice.randrange(1_000_000)).scaleb(-dice.randrange(5))


def new(dice: Random, world: World) -> Values:
    (unit, *_) = world.catalog.units
    return {
        "name": dice.choice(GOODS), "code": _code(dice), "type": "goods", "salable": True, "default_uom": unit,
        "sale_uom": unit, "account_category": world.catalog.accounting, "list_price": price(dice),
        "categories": [["add", dice.sample(world.catalog.product_categories, dice.randrange(3))]],
        "products": [["create", [_new_variant(dice, str(n)) for n in range(1, dice.randrange(2, 5))]]],
    }  # fmt: skip


def _new_variant(dice: Random, suffix: str) -> Values:
    """Some have a price of their own, the others that of their template."""
    values: Values = {"suffix_code": suffix}
    return values | {"list_price": price(dice)} if dice.random() < 0.3 else values


def _code(dice: Random) -> str:
    """Wide enough to be nobody else's: Tryton forbids a code twice among active products."""
    return f"{dice.choice('ABCDEFGH')}{dice.randrange(10**9)}-"


def _rename(dice: Random, world: World, id: int) -> Values:
    return {"name": f"{dice.choice(GOODS)} {dice.randrange(100)}"}


def _recode(dice: Random, world: World, id: int) -> Values:
    return {"code": _code(dice)}


def _price(dice: Random, world: World, id: int) -> Values:
    return {"list_price": price(dice)}


def _classify(dice: Random, world: World, id: int) -> Values:
    held = world.templates[id].categories
    categories = dice.sample(world.catalog.product_categories, dice.randrange(3))
    return {"categories": [["remove", list(held)], ["add", categories]]}


def _add_variant(dice: Random, world: World, id: int) -> Values:
    return {"products": [["create", [_new_variant(dice, f"x{dice.randrange(10**9)}")]]]}


def _change_variant(dice: Random, world: World, id: int) -> Values | None:
    values = {
        "suffix_code": f"y{dice.randrange(10**9)}",
        "description": dice.choice((None, "new", "süß\nsauer")),
    }
    return _variant(dice, world, id, values)


def _price_variant(dice: Random, world: World, id: int) -> Values | None:
    return _variant(dice, world, id, {"list_price": price(dice), "cost_price": price(dice)})


def _toggle_variant(dice: Random, world: World, id: int) -> Values | None:
    return _variant(dice, world, id, {"active": dice.random() < 0.5})


def _variant(dice: Random, world: World, id: int, values: Values) -> Values | None:
    products = world.templates[id].products
    return {"products": [["write", [dice.choice(products)], values]]} if products else None


def editable(world: World) -> list[int]:
    return [id for id, template in world.templates.items() if template.active]


CHANGES: Final = (
    Change("template renamed", 4, "name", _rename),
    Change("template recoded", 2, "code", _recode),
    Change("template priced", 4, "price", _price),
    Change("template classified", 2, "categories", _classify),
    Change("product added", 3, "new product", _add_variant),
    Change("product changed", 5, "products", _change_variant),
    Change("product priced", 4, "products", _price_variant),
    Change("product withdrawn or back", 2, "products", _toggle_variant),
)


def _create(dice: Random, world: World) -> Edit:
    return Edit(("template created",), MODEL, "create", ([new(dice, world)],), 0)


def _toggle(dice: Random, world: World) -> Edit | None:
    if not world.templates:
        return None
    id = dice.choice(list(world.templates))
    active = not world.templates[id].active
    name = "template reactivated" if active else "template deactivated"
    return Edit((name,), MODEL, "write", ([id], {"active": active}), id)


def _delete(dice: Random, world: World) -> Edit | None:
    if not world.templates:
        return None
    id = dice.choice(list(world.templates))
    return Edit(("template deleted",), MODEL, "delete", ([id],), id)


ACTS: Final = (
    Act("template created", 3, _create),
    Act("template deactivated or back", 2, _toggle),
    Act("template deleted", 1, _delete, bulk=False),
)
