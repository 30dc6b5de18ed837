"""Sales: orders with their lines and taxes, from a draft to a confirmed order, or to a cancelled one."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.engine import Connection

from examples.tryton.cutover.documents import Document, Number, Part, Refused
from examples.tryton.cutover.kinds import Kind

CENT: Final = Decimal("0.01")
WAYS: Final = {"quotation": ("draft",), "confirmed": ("quotation",), "cancelled": ("draft", "quotation"),
               "draft": ("cancelled", "quotation")}  # fmt: skip
"""State → those from which it is reached."""

NEW: Final[dict[str, Any]] = {
    "state": "draft", "invoiced_by": "order", "shipped_by": "order", "invoicing": "none", "shipping": "none",
    "to_invoice": False, "to_ship": False,
}  # fmt: skip


def settle(sale: Document, number: Number, connection: Connection) -> None:
    """Numbered from the quotation on; with its totals from the confirmation on."""
    for name, value in NEW.items():
        sale[name] = value if sale[name] is None else sale[name]
    if sale["state"] == "quotation":
        sale["quoted_on"] = sale["quoted_on"] or date.today()
        sale["number"] = sale["number"] or str(number(f"sales of company {sale['company']}"))
    if sale["state"] == "confirmed":
        sale["sold_on"] = sale["sold_on"] or date.today()
    for line in sale["lines"]:
        line["kind"] = line["kind"] or "line"
    amounts = amounts_of(sale, _rates(connection))
    kept = sale["state"] in ("confirmed", "cancelled")
    sale["untaxed_total"], sale["tax_total"], sale["total"] = amounts if kept else (None, None, None)


def amounts_of(sale: Document, rates: dict[int, Decimal]) -> tuple[Decimal, Decimal, Decimal]:
    """Untaxed, tax, and both: each line is rounded, and each tax over all of its lines."""
    untaxed, bases = Decimal(0), defaultdict[int, Decimal](Decimal)
    for line in sale["lines"]:
        if line["kind"] == "line":
            amount = amount_of(line)
            untaxed += amount
            for tax in line["taxes"]:
                bases[tax["tax_id"]] += amount
    tax = sum(((base * rates[id]).quantize(CENT) for id, base in bases.items()), Decimal(0))
    return untaxed, tax, untaxed + tax


def complete(sale: Document, connection: Connection) -> Document:
    """With its amounts, also as long as they aren't kept."""
    amounts = zip(("untaxed", "tax", "total"), amounts_of(sale, _rates(connection)), strict=True)
    lines = [{**line, "amount": amount_of(line), "company": sale["company"]} for line in sale["lines"]]
    return {**sale, "amounts": dict(amounts), "lines": lines}


def _rates(connection: Connection) -> dict[int, Decimal]:
    return {row.tax_id: row.rate for row in connection.execute(text("SELECT tax_id, rate FROM tax"))}


def amount_of(line: Document) -> Decimal:
    return (Decimal(str(line["quantity"] or 0)) * (line["unit_price"] or Decimal(0))).quantize(CENT)


def _to(state: str) -> Any:
    def step(sale: Document) -> None:
        if sale["state"] not in WAYS[state]:
            raise Refused(
                f"sale {sale['number'] or sale['sale_id']} is {sale['state']}, it can't become {state}"
            )
        sale["state"] = state

    return step


KIND: Final = Kind(
    "/sales",
    Part(
        "sale",
        "sale_id",
        {"lines": Part("sale_lines", "line_id", {"taxes": Part("sale_lines_taxes", "membership_id")})},
    ),
    settle,
    {
        "quote": _to("quotation"),
        "confirm": _to("confirmed"),
        "cancel": _to("cancelled"),
        "draft": _to("draft"),
    },
    complete,
)
