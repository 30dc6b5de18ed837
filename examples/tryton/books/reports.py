"""What Tryton itself says of its books: the figures of its own reports, read through its API.

They are what balances are held to. Nothing here knows of a mapping.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from examples.tryton.rpc import Session

LAST_DAY = date(9999, 12, 31)

Turnover = tuple[Decimal, Decimal]
"""Debit and credit."""


def trial_balance(session: Session) -> dict[tuple[str, str], Turnover]:
    """(account's code, period's name) → its turnover of posted moves, where there is any."""
    found = {}
    codes = _by_id(session, "account.account", "code")
    for period in session.model("account.period.search_read", [], 0, None, None, ["name", "fiscalyear"]):
        chosen = {
            "start_period": period["id"],
            "end_period": period["id"],
            "fiscalyear": period["fiscalyear"],
            "posted": True,
        }
        rows = _with(
            session,
            chosen,
            "account.general_ledger.account.search_read",
            [],
            0,
            None,
            None,
            ["account", "debit", "credit"],
        )
        for row in rows:
            if row["debit"] or row["credit"]:
                found[codes[row["account"]], period["name"]] = (row["debit"], row["credit"])
    return found


def receivables(session: Session) -> dict[str, Decimal]:
    """Party's code → what it owes, where it does."""
    rows = session.model("party.party.search_read", [], 0, None, None, ["code", "receivable"])
    return {row["code"]: row["receivable"] for row in rows if row["receivable"]}


def stock(session: Session) -> dict[tuple[str, str], Decimal]:
    """(product's code, location's code) → how much is there, where it isn't nothing."""
    found = {}
    for location, code in _by_id(session, "stock.location", "code").items():
        chosen = {"locations": [location], "with_childs": False, "stock_date_end": LAST_DAY}
        for row in _with(
            session, chosen, "product.product.search_read", [], 0, None, None, ["code", "quantity"]
        ):
            if row["quantity"]:
                found[row["code"], code] = Decimal(str(row["quantity"]))
    return found


def _by_id(session: Session, model: str, field: str) -> dict[int, Any]:
    return {
        row["id"]: row[field] for row in session.model(f"{model}.search_read", [], 0, None, None, [field])
    }


def _with(session: Session, chosen: dict[str, Any], method: str, *arguments: Any) -> Any:
    """Call with what a user has chosen in the report's form."""
    return session.call(f"model.{method}", *arguments, session.context | chosen)
