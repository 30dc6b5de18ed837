"""Edits of what others refer to: one changes what many parties, products or sales read like."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from examples.tryton.whole.kinds import Act, Edit
from examples.tryton.whole.world import World


def _renaming(
    name: str, weight: int, model: str, ids: Callable[[World], list[int]], field: str = "name"
) -> Act:
    def make(dice: Random, world: World) -> Edit:
        id = dice.choice(ids(world))
        return Edit((name,), model, "write", ([id], {field: f"{field} {dice.randrange(10**6)}"}), id)

    return Act(name, weight, make)


ACTS: Final = (
    _renaming("party category renamed", 2, "party.category", lambda world: world.catalog.categories),
    _renaming(
        "product category renamed", 1, "product.category", lambda world: world.catalog.product_categories
    ),
    _renaming("language renamed", 1, "ir.lang", lambda world: world.catalog.languages),
    _renaming("country renamed", 1, "country.country", lambda world: world.catalog.countries),
    _renaming(
        "subdivision renamed", 1, "country.subdivision", lambda world: list(world.catalog.subdivisions)
    ),
    _renaming("unit renamed", 1, "product.uom", lambda world: world.catalog.units),
    _renaming("tax renamed", 1, "account.tax", lambda world: world.catalog.taxes),
    _renaming("payment term renamed", 1, "account.invoice.payment_term", lambda world: world.catalog.terms),
)
