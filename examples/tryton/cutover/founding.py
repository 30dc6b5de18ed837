"""Two companies in one Tryton, each with its own accounts, fiscal year, clerk and orders; they share parties and products.

Orders are taken up to their confirmation: what follows of it is other functions' work, which Tryton puts into its queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any, Final

from examples.tryton.books import entries
from examples.tryton.erp import NAMES
from examples.tryton.rpc import Session
from examples.tryton.whole import company

MODULES: Final = ("sale",)
SETTINGS: Final = "\n[queue]\nworker = true\n\n[cache]\nclean_timeout = 0\n"
"""What Tryton's configuration has besides: confirmed orders wait in the queue, where they would be shipped and invoiced by its worker.
And it listens to its database for what of its caches has become old, instead of looking every five minutes."""

NOTICES: Final = """
CREATE OR REPLACE FUNCTION translations_changed() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN PERFORM pg_notify('ir_cache', '["ir.translation"]'); RETURN NULL; END$$;
CREATE OR REPLACE TRIGGER translations_changed AFTER INSERT OR UPDATE OR DELETE ON ir_translation
  FOR EACH STATEMENT EXECUTE FUNCTION translations_changed();
"""
"""Tryton keeps translations in its memory, names of products among them. Where it writes them itself it says so on this channel to all of
its processes; for whoever else writes them, as the feed back does, the database says it."""

PARTIES: Final = 36
TEMPLATES: Final = 24
ORDERS: Final = 12
POSTINGS: Final = 12


@dataclass(frozen=True)
class Clerk:
    """Somebody who works for one company."""

    company: int
    login: str
    password: str


def clerks(password: str) -> list[Clerk]:
    """Those of the two companies, with the password that they were founded with."""
    return [Clerk(1, "ada", password), Clerk(2, "bob", password)]


def found(session: Session, password: str) -> None:
    """Found both companies in a database that has none, and let each do some business. `session` is the administrator's."""
    dice = Random(20261130)
    company.found(session)
    entries.fiscal_year(session)
    parties, goods = _parties(session), _goods(session, dice)
    _business(session, dice, parties, goods)
    company.found_another(session, "Parasol & Sons")
    entries.fiscal_year(session)
    _prices(session, dice)
    _business(session, dice, parties, goods)
    for clerk in clerks(password):
        _employ(session, clerk)


def _parties(session: Session) -> list[int]:
    made = [
        {
            "name": f"{NAMES[number % len(NAMES)]} {number}",
            "addresses": [["create", [{"street_unstructured": f"High Street {number}", "city": "Łódź"}]]],
            "contact_mechanisms": [["create", [{"type": "email", "value": f"p{number}@example.org"}]]],
        }
        for number in range(PARTIES)
    ]
    return list(session.model("party.party.create", made))


def _goods(session: Session, dice: Random) -> list[int]:
    """Templates with a product each; gives the products."""
    (unit,) = session.model("product.uom.search", [["symbol", "=", "u"]], 0, 1)
    (category,) = session.model("product.category.search", [["accounting", "=", True]])
    made = [
        {
            "name": f"Good {number}", "code": f"G{number:03}", "type": "goods", "default_uom": unit, "salable": True,
            "sale_uom": unit, "account_category": category, "list_price": _price(dice), "products": [["create", [{}]]],
        }
        for number in range(TEMPLATES)
    ]  # fmt: skip
    templates = session.model("product.template.create", made)
    return [row["products"][0] for row in session.model("product.template.read", templates, ["products"])]


def _prices(session: Session, dice: Random) -> None:
    """A price is a company's own."""
    for template in session.model("product.template.search", []):
        session.model("product.template.write", [template], {"list_price": _price(dice)})


def _business(session: Session, dice: Random, parties: list[int], goods: list[int]) -> None:
    """Orders in several states, and what some parties owe."""
    (warehouse,) = session.model("stock.location.search", [["type", "=", "warehouse"]], 0, 1)
    terms = session.model("account.invoice.payment_term.search", [])
    made = [_order(session, dice, parties, goods, {"warehouse": warehouse, "payment_term": dice.choice(terms)})
            for _ in range(ORDERS)]  # fmt: skip
    orders = session.model("sale.sale.create", made)
    session.model("sale.sale.quote", orders[: 2 * ORDERS // 3])
    session.model("sale.sale.confirm", orders[: ORDERS // 3])
    books = Books(session)
    for _ in range(POSTINGS):
        books.owe(dice.choice(parties), _price(dice))


def _order(
    session: Session, dice: Random, parties: list[int], goods: list[int], more: dict[str, Any]
) -> dict[str, Any]:
    taxes = session.model("account.tax.search", [])
    (unit,) = session.model("product.uom.search", [["symbol", "=", "u"]], 0, 1)
    party = dice.choice(parties)
    ((row,)) = session.model("party.party.read", [party], ["addresses"])
    lines = [
        {
            "type": "line", "product": product, "unit": unit, "quantity": float(dice.randrange(1, 20)),
            "unit_price": _price(dice), "taxes": [["add", [dice.choice(taxes)]]],
        }
        for product in dice.sample(goods, dice.randrange(1, 4))
    ]  # fmt: skip
    (address,) = row["addresses"]
    return {
        "party": party,
        "invoice_address": address,
        "shipment_address": address,
        "lines": [["create", lines]],
        **more,
    }


class Books:
    """The books of the session's company: a function that stays on legacy, and refers to parties."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._accounts = {
            kind: self._first("account.account", [f"type.{kind}", "=", True], ["closed", "!=", True])
            for kind in ("receivable", "revenue")
        }
        self._journal = self._first("account.journal", ["type", "=", "revenue"])

    def owe(self, party: int, amount: Decimal) -> int:
        """Post that a party owes so much; gives the move's id."""
        today = date.today()
        lines = [
            {"account": self._accounts["receivable"], "party": party, "debit": amount, "credit": Decimal(0)},
            {"account": self._accounts["revenue"], "debit": Decimal(0), "credit": amount},
        ]
        period = self._first("account.period", ["start_date", "<=", today], ["end_date", ">=", today])
        values = {"journal": self._journal, "date": today, "period": period, "lines": [["create", lines]]}
        (move,) = self._session.model("account.move.create", [values])
        self._session.model("account.move.post", [move])
        return int(move)

    def _first(self, model: str, *domain: list[Any]) -> int:
        found: list[int] = self._session.model(f"{model}.search", list(domain), 0, 1, [["id", "ASC"]])
        return found[0]


def _employ(session: Session, clerk: Clerk) -> None:
    groups = session.model("res.group.search", [])
    values = {
        "name": clerk.login.title(), "login": clerk.login, "password": clerk.password, "company": clerk.company,
        "companies": [["add", [clerk.company]]], "groups": [["add", groups]],
    }  # fmt: skip
    session.model("res.user.create", [values])


def _price(dice: Random) -> Decimal:
    return Decimal(dice.randrange(100, 50_000)).scaleb(-2)
