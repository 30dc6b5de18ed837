"""Products: what is sold, in its variants, at each company's price."""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine import Connection

from examples.tryton.cutover.documents import Document, Number, Part
from examples.tryton.cutover.kinds import Kind


def settle(template: Document, _: Number, __: Connection) -> None:
    """A variant's code is its template's with a suffix."""
    template["active"] = True if template["active"] is None else template["active"]
    for product in template["products"]:
        product["active"] = True if product["active"] is None else product["active"]
        product["code"] = "".join(filter(None, (template["code"], product["suffix"]))) or None


KIND: Final = Kind(
    "/templates",
    Part(
        "template",
        "template_id",
        {"prices": Part("template_prices", "price_id"), "products": Part("template_products", "product_id")},
    ),
    settle,
)
