"""Products: what is sold, in its variants, at each company's price."""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine import Connection

from examples.tryton.cutover.documents import Document, Number, Part
from examples.tryton.cutover.kinds import Kind

LANGUAGE: Final = "en"
"""That of a template's own name; it stands among its names in other languages, too, where Tryton has put it there."""


def settle(template: Document, _: Number, __: Connection) -> None:
    """A name is the same wherever it is kept; a variant's code is its template's with a suffix."""
    template["active"] = True if template["active"] is None else template["active"]
    for name in template["names"]:
        if name["language"] == LANGUAGE:
            name["name"] = template["name"]
    for product in template["products"]:
        product["active"] = True if product["active"] is None else product["active"]
        product["code"] = "".join(filter(None, (template["code"], product["suffix"]))) or None


KIND: Final = Kind(
    "/templates",
    Part(
        "template",
        "template_id",
        {
            "prices": Part("template_prices", "price_id"),
            "names": Part("template_names", "name_id"),
            "products": Part("template_products", "product_id"),
        },
    ),
    settle,
)
