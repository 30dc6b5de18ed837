"""What is booked: invoices and their payments, entries by hand, and goods that come, move and go; all through Tryton's own API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any, Final

from examples.tryton.rpc import Session
from examples.tryton.whole.wizards import Wizard, press

YEAR: Final = 2026
PARTIES: Final = 8
PRODUCTS: Final = 5
CASH: Final = "1.1.1"
STORAGE_B: Final = "B"
"""The code of a second location for goods; the warehouse that Tryton comes with has its own."""


@dataclass(frozen=True)
class Books:
    """What entries refer to, by id; accounts by kind, locations by code."""

    session: Session
    currency: int
    parties: list[tuple[int, int]]
    accounts: dict[str, int]
    journals: dict[str, int]
    term: int
    taxes: list[int]
    products: list[int]
    unit: int
    locations: dict[str, int]


def open_books(session: Session) -> Books:
    """A fiscal year of twelve periods, customers, products and a second storage, for a company that there is already."""
    fiscal_year(session)
    names = [{"name": f"Customer {number}", "addresses": [["create", [{}]]]} for number in range(PARTIES)]
    parties = session.model("party.party.create", names)
    addresses = session.model("party.party.read", parties, ["addresses"])
    kinds = ("receivable", "payable", "revenue", "expense")
    accounts = {
        kind: _only(session, "account.account", [f"type.{kind}", "=", True], ["closed", "!=", True])
        for kind in kinds
    }
    types = ("revenue", "cash", "general")
    return Books(
        session=session,
        currency=_only(session, "currency.currency", ["code", "=", "EUR"]),
        parties=[(row["id"], row["addresses"][0]) for row in addresses],
        accounts=accounts | {"cash": _only(session, "account.account", ["code", "=", CASH])},
        journals={kind: _only(session, "account.journal", ["type", "=", kind]) for kind in types},
        term=_only(session, "account.invoice.payment_term"),
        taxes=session.model("account.tax.search", []),
        products=_products(session),
        unit=_only(session, "product.uom", ["symbol", "=", "kg"]),
        locations=_locations(session),
    )


def invoice(books: Books, dice: Random, day: date) -> int:
    """Post an invoice to a customer, with a tax on some lines; returns its id."""
    party, address = dice.choice(books.parties)
    line = {
        "type": "line", "account": books.accounts["revenue"], "currency": books.currency, "description": "as agreed",
    }  # fmt: skip
    lines = [
        line | {
            "quantity": float(dice.randrange(1, 9)), "unit_price": _amount(dice),
            "taxes": [["add", dice.sample(books.taxes, dice.randrange(2))]],
        }
        for _ in range(dice.randrange(1, 4))
    ]  # fmt: skip
    values = {
        "type": "out", "party": party, "invoice_address": address, "account": books.accounts["receivable"],
        "currency": books.currency, "journal": books.journals["revenue"], "payment_term": books.term, "invoice_date": day,
        "lines": [["create", lines]],
    }  # fmt: skip
    (id,) = books.session.model("account.invoice.create", [values])
    press(books.session, "account.invoice.post", id)
    return int(id)


def pay(books: Books, invoice: int, share: Decimal) -> None:
    """Pay a share of an invoice in cash; one that is paid whole is reconciled, and thus no longer open."""
    (row,) = books.session.model(
        "account.invoice.read", [invoice], ["party", "invoice_date", "total_amount", "lines_to_pay"]
    )
    paid = (row["total_amount"] * share).quantize(Decimal("0.01"))
    cash = {"account": books.accounts["cash"], "debit": paid, "credit": Decimal(0)}
    credit = {
        "account": books.accounts["receivable"],
        "party": row["party"],
        "debit": Decimal(0),
        "credit": paid,
    }
    payment = entry(books, "cash", row["invoice_date"], [cash, credit])
    if share == 1:
        (theirs,) = books.session.model(
            "account.move.line.search",
            [["move", "=", payment], ["account", "=", books.accounts["receivable"]]],
        )
        _reconcile(books.session, [*row["lines_to_pay"], theirs])


def entry(books: Books, journal: str, day: date, lines: list[dict[str, Any]], post: bool = True) -> int:
    """An entry by hand; one that isn't posted is a draft, which Tryton's reports leave out when they are asked to."""
    values = {
        "journal": books.journals[journal],
        "date": day,
        "period": _period(books.session, day),
        "lines": [["create", lines]],
    }
    (id,) = books.session.model("account.move.create", [values])
    if post:
        press(books.session, "account.move.post", id)
    return int(id)


def expense(books: Books, dice: Random, day: date, *, post: bool = True) -> int:
    """Something that is paid in cash at once."""
    amount = _amount(dice)
    lines = [
        {"account": books.accounts["expense"], "debit": amount, "credit": Decimal(0)},
        {"account": books.accounts["cash"], "debit": Decimal(0), "credit": amount},
    ]
    return entry(books, "general", day, lines, post)


def goods(books: Books, dice: Random, day: date) -> int:
    """Goods come from a supplier, come back from a customer, or go from one storage to the other; returns the move's id."""
    from_, to = dice.choice(
        (("SUP", "STO"), ("SUP", STORAGE_B), ("CUS", "STO"), ("STO", STORAGE_B), (STORAGE_B, "STO"))
    )
    quantity = dice.randrange(1, 4000) / 100
    move = {
        "product": dice.choice(books.products), "unit": books.unit, "quantity": quantity, "effective_date": day,
        "from_location": books.locations[from_], "to_location": books.locations[to],
    }  # fmt: skip
    if from_ in ("STO", STORAGE_B):
        return _shipped(books.session, move)
    (id,) = books.session.model(
        "stock.move.create", [move | {"unit_price": _amount(dice), "currency": books.currency}]
    )
    press(books.session, "stock.move.do", id)
    return int(id)


def keep(books: Books, seed: int, months: range, *, invoices: int, expenses: int, moves: int) -> None:
    """Book so much, at random, in these months. Tryton numbers invoices in the order of their dates."""
    dice = Random(seed)
    for number, day in enumerate(sorted(_day(dice, months) for _ in range(invoices))):
        made = invoice(books, dice, day)
        if number % 3:
            pay(books, made, Decimal(1) if number % 3 == 1 else Decimal("0.4"))
    for number in range(expenses):
        expense(books, dice, _day(dice, months), post=number % 4 != 3)
    for _ in range(moves):
        goods(books, dice, _day(dice, months))


def _day(dice: Random, months: range) -> date:
    return date(YEAR, dice.choice(months), dice.randrange(1, 28))


def fiscal_year(session: Session) -> None:
    """The company's year, its twelve periods, and the numbers of its moves and invoices."""

    def sequence(kind: str) -> int:
        type = _only(session, "ir.sequence.type", ["name", "=", kind])
        (id,) = session.model(
            "ir.sequence.strict.create", [{"name": f"{kind} {YEAR}", "sequence_type": type}]
        )
        return int(id)

    numbers = dict.fromkeys(
        ("out_invoice", "in_invoice", "out_credit_note", "in_credit_note"), sequence("Invoice")
    )
    values = {
        "name": str(YEAR), "start_date": date(YEAR, 1, 1), "end_date": date(YEAR, 12, 31),
        "move_sequence": sequence("Account Move"),
        "invoice_sequences": [["create", [{f"{name}_sequence": id for name, id in numbers.items()}]]],
    }  # fmt: skip
    (year,) = session.model("account.fiscalyear.create", [values])
    session.model("account.fiscalyear.create_period", [year])


def _products(session: Session) -> list[int]:
    unit, category = (
        _only(session, "product.uom", ["symbol", "=", "kg"]),
        _only(session, "product.category", ["accounting", "=", True]),
    )
    templates = [
        {
            "name": f"Good {number}", "type": "goods", "default_uom": unit, "account_category": category,
            "products": [["create", [{"suffix_code": f"G{number}"}]]],
        }
        for number in range(PRODUCTS)
    ]  # fmt: skip
    made = session.model("product.template.create", templates)
    return [row["products"][0] for row in session.model("product.template.read", made, ["products"])]


def _locations(session: Session) -> dict[str, int]:
    codes = ("SUP", "STO", "CUS")
    found = {code: _only(session, "stock.location", ["code", "=", code]) for code in codes}
    (warehouse,) = session.model("stock.location.search", [["type", "=", "warehouse"]])
    values = {"name": "Storage B", "code": STORAGE_B, "type": "storage", "parent": warehouse}
    (found[STORAGE_B],) = session.model("stock.location.create", [values])
    return found


def _shipped(session: Session, move: dict[str, Any]) -> int:
    """A move out of a storage takes a shipment, for which it is set aside first; there needn't be enough."""
    places = {name: move[name] for name in ("from_location", "to_location", "effective_date")}
    (shipment,) = session.model("stock.shipment.internal.create", [places | {"moves": [["create", [move]]]}])
    for button in ("wait", "assign_force", "do"):
        press(session, f"stock.shipment.internal.{button}", shipment)
    (row,) = session.model("stock.shipment.internal.read", [shipment], ["moves"])
    return int(row["moves"][0])


def _reconcile(session: Session, lines: list[int]) -> None:
    before = session.context
    session.context = before | {
        "active_model": "account.move.line",
        "active_id": lines[0],
        "active_ids": lines,
    }
    try:
        with Wizard(session, "account.move.reconcile_lines") as wizard:
            wizard.go("start")
    finally:
        session.context = before


def _period(session: Session, day: date) -> int:
    return _only(session, "account.period", ["start_date", "<=", day], ["end_date", ">=", day])


def _only(session: Session, model: str, *domain: list[Any]) -> int:
    """The first of a model's records that the domain holds for."""
    found: list[int] = session.model(f"{model}.search", list(domain), 0, 1, [["id", "ASC"]])
    return found[0]


def _amount(dice: Random) -> Decimal:
    return Decimal(dice.randrange(1, 99_999)).scaleb(-2)
