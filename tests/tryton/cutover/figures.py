"""Figures of both sides, come to in ways that know nothing of each other: Tryton's API and reports, SQL on its tables and the stores."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import psycopg

from examples.tryton.books import reports
from examples.tryton.rpc import Session
from tests.tryton.cutover.scene import Scene

WITHIN: Final = 60.0
"""Seconds within which both sides have the same, once nobody writes any more."""
SHOWN: Final = 6

Rows = dict[tuple[Any, ...], Any]

LEGACY: Final = {
    "trial balance": """
        SELECT m.company, a.code, p.name, SUM(l.debit), SUM(l.credit) FROM account_move_line l
        JOIN account_move m ON m.id = l.move JOIN account_period p ON p.id = m.period JOIN account_account a ON a.id = l.account
        WHERE m.state = 'posted' GROUP BY m.company, a.code, p.name""",
    "open orders": """
        SELECT s.id, s.company, s.number, s.state, s.party, s.reference, COALESCE(SUM(ROUND(l.quantity::numeric * l.unit_price, 2)), 0)
        FROM sale_sale s LEFT JOIN sale_line l ON l.sale = s.id WHERE s.state IN ('quotation', 'confirmed') GROUP BY s.id""",
    "orders": "SELECT id, company, number, state, party, total_amount_cache, untaxed_amount_cache FROM sale_sale",
    "parties": "SELECT id, code, name, active FROM party_party",
    "addresses": "SELECT id, party, street_unstructured, city FROM party_address",
    "contacts": "SELECT id, party, type, value, value_compact FROM party_contact_mechanism",
    "templates": "SELECT id, code, name, active FROM product_template",
    "products": "SELECT id, template, code, active FROM product_product",
    "prices": "SELECT template, company, list_price FROM product_list_price WHERE product IS NULL",
}
"""On Tryton's tables, around the mapping."""

STORES: Final = {
    "trial balance": ("ledger", """
        SELECT company, account, period, SUM(debit), SUM(credit) FROM line WHERE posted GROUP BY company, account, period"""),
    "open orders": ("sale", """
        SELECT s.sale_id, s.company, s.number, s.state, s.party_id, s.reference,
               COALESCE(SUM(ROUND(l.quantity::numeric * l.unit_price, 2)), 0)
        FROM sale s LEFT JOIN sale_lines l ON l.sale_id = s.sale_id WHERE s.state IN ('quotation', 'confirmed') GROUP BY s.sale_id"""),
    "orders": ("sale", "SELECT sale_id, company, number, state, party_id, total, untaxed_total FROM sale"),
    "parties": ("party", "SELECT party_id, code, name, active FROM party"),
    "addresses": ("party", "SELECT address_id, party_id, street, city FROM party_addresses"),
    "contacts": ("party", "SELECT contact_id, party_id, kind, value, compact FROM party_contacts"),
    "templates": ("product", "SELECT template_id, code, name, active FROM template"),
    "products": ("product", "SELECT product_id, template_id, code, active FROM template_products"),
    "prices": ("product", "SELECT template_id, company, price FROM template_prices"),
}  # fmt: skip


def agree(scene: Scene, within: float = WITHIN) -> dict[str, int]:
    """Nobody writes: wait until legacy and the stores say the same by SQL, and then hold Tryton's own words to it.

    Gives how many rows were compared of each figure. Raises AssertionError with what differs.
    """
    compared = {}
    for name in LEGACY:
        compared[name] = len(
            _same(name, lambda name=name: (_legacy(scene, name), _store(scene, name)), within)
        )  # type: ignore[misc]
    sessions = {clerk.company: scene.session(clerk) for clerk in scene.clerks}
    try:
        _same(
            "trial balance by Tryton's report",
            lambda: (_reported(sessions), _sums(_legacy(scene, "trial balance"))),
            0,
        )
        _same("open orders by Tryton's API", lambda: (_shown(sessions), _legacy(scene, "open orders")), 0)
    finally:
        for session in sessions.values():
            session.close()
    return compared


def _same(name: str, both: Callable[[], tuple[set[Any], set[Any]]], within: float) -> set[Any]:
    deadline = time.monotonic() + within
    while True:
        one, other = both()
        if one == other:
            return one
        if time.monotonic() > deadline:
            only = sorted(one - other, key=repr)[:SHOWN], sorted(other - one, key=repr)[:SHOWN]
            raise AssertionError(
                f"{name}: {len(one ^ other)} differ of {len(one)} and {len(other)}\n  only here  {only[0]}\n  only there {only[1]}"
            )
        time.sleep(0.5)


def _legacy(scene: Scene, name: str) -> set[Any]:
    return _rows(scene.tryton.database_url, LEGACY[name])


def _store(scene: Scene, name: str) -> set[Any]:
    which, query = STORES[name]
    return _rows(scene.stores[which], query)


def _rows(url: str, query: str) -> set[Any]:
    with psycopg.connect(url) as connection:
        return {tuple(row) for row in connection.execute(query)}  # type: ignore[arg-type]


def _sums(rows: set[Any]) -> set[Any]:
    """Without what adds up to nothing, which reports leave out."""
    return {row for row in rows if row[3] or row[4]}


def _reported(sessions: Mapping[int, Session]) -> set[Any]:
    return {
        (company, account, period, debit, credit)
        for company, session in sessions.items()
        for (account, period), (debit, credit) in reports.trial_balance(session).items()
    }


def _shown(sessions: Mapping[int, Session]) -> set[Any]:
    """Open orders as each company's clerk sees them in Tryton's own list, with the amounts that Tryton itself computes."""
    fields = ["company", "number", "state", "party", "reference", "untaxed_amount"]
    found: set[Any] = set()
    for session in sessions.values():
        rows = session.model(
            "sale.sale.search_read", [["state", "in", ["quotation", "confirmed"]]], 0, None, None, fields
        )
        found |= {
            (row["id"], *(row[name] for name in fields[:-1]), Decimal(row["untaxed_amount"])) for row in rows
        }
    return found
