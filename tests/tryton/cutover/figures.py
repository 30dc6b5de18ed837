"""Figures of both sides, come to in ways that know nothing of each other: Tryton's API and reports, SQL on its tables and the stores."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from decimal import Decimal
from typing import Any, Final

import psycopg

from examples.tryton.books import reports
from examples.tryton.rpc import Session
from tests.tryton.cutover.scene import Scene

WITHIN: Final = 60.0
"""Seconds within which both sides have the same, once nobody writes any more."""
SHOWN: Final = 6

OF_SALES: Final = ("open orders", "orders")
"""Figures that Tryton's tables don't have any more once sales are retired."""

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


def agree(scene: Scene, retired: bool = False, within: float = WITHIN) -> dict[str, set[Any]]:
    """Nobody writes: wait until legacy and the stores say the same by SQL, and then hold Tryton's own words to it.

    Once sales are `retired` their figures are the store's, and what callers are shown through the facade is held to them. Gives the rows of
    each figure. Raises AssertionError with what differs.
    """
    found = {name: _store(scene, name) for name in OF_SALES} if retired else {}
    for name in LEGACY.keys() - found.keys():
        found[name] = _same(name, lambda name=name: (_legacy(scene, name), _store(scene, name)), within)  # type: ignore[misc]
    _balance(found["trial balance"])
    with ExitStack() as stack:
        sessions = {
            clerk.company: stack.enter_context(closing(scene.session(clerk))) for clerk in scene.clerks
        }
        _same(
            "trial balance by Tryton's report",
            lambda: (_reported(sessions), _sums(found["trial balance"])),
            0,
        )
        if retired:
            sessions = {
                clerk.company: stack.enter_context(closing(scene.session(clerk, scene.url)))
                for clerk in scene.clerks
            }
        _same("open orders by Tryton's API", lambda: (_shown(sessions), found["open orders"]), 0)
    return {name: found[name] for name in LEGACY}


def told(found: Mapping[str, set[Any]]) -> tuple[str, str]:
    """The same in words: what adds up, and how many rows of everything else there were."""
    balance, orders = found["trial balance"], found["open orders"]
    debit, credit = (sum((row[place] for row in balance), Decimal(0)) for place in (3, 4))
    worth = sum((row[-1] for row in orders), Decimal(0))
    rest = ", ".join(
        f"{len(found[name])} {name}" for name in found if name not in ("trial balance", "open orders")
    )
    return (
        f"trial balance {debit:,.2f} debit, {credit:,.2f} credit; {len(orders)} open orders of {worth:,.2f}",
        rest,
    )


def orders_in_tryton(scene: Scene) -> set[Any]:
    """All orders as Tryton's tables have them."""
    return _legacy(scene, "orders")


def _balance(rows: set[Any]) -> None:
    """Raises AssertionError unless what each company owes is what it has."""
    sums: dict[int, Decimal] = defaultdict(Decimal)
    for company, _, _, debit, credit in rows:
        sums[company] += debit - credit
    assert sums, "nothing was posted"
    assert not any(sums.values()), f"the books of the companies don't balance: {dict(sums)}"


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
