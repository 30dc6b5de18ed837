"""What there must be before anything can be sold: a company with its accounts, taxes, terms and categories.

It is set up as an administrator would do it, by the calls that Tryton's own client makes.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from examples.tryton.rpc import Session
from examples.tryton.whole.wizards import Wizard

RATES: Final = ("0.05", "0.08", "0.23", "0")
TERMS: Final = ("At once", "In 14 days", "In 30 days")
CATEGORIES: Final = ("Retail", "Wholesale", "Export", "Key account", "Łódź & okolice", "Late payers")
PRODUCT_CATEGORIES: Final = ("Tools", "Tea & coffee", "Spare parts")
COUNTRIES: Final = {
    "PL": ("Poland", ("PL-10", "Łódzkie"), ("PL-14", "Mazowieckie")),
    "DE": ("Germany", ("DE-BY", "Bayern"), ("DE-HH", "Hamburg")),
    "IE": ("Ireland", ("IE-D", "Dublin"), ("IE-CO", "Corcaigh")),
}
CHART: Final = "account_template_root_en"
TAXES: Final = "6.3.6"
"""The chart's account of taxes."""


def found(session: Session) -> None:
    """Found the company in a database that has none; from then on the session works for it."""
    (currency,) = _create(
        session,
        "currency.currency",
        {"name": "Euro", "code": "EUR", "symbol": "€", "rounding": Decimal("0.01")},
    )
    _company(session, "Strangler & Figs", currency)
    _create(session, "account.invoice.payment_term", *(_term(name) for name in TERMS))
    _create(session, "party.category", *({"name": name} for name in CATEGORIES))
    _countries(session)
    _create(
        session, "product.category", {"name": "Goods for sale", "accounting": True, **_accounting(session)}
    )
    _create(session, "product.category", *({"name": name} for name in PRODUCT_CATEGORIES))


def found_another(session: Session, name: str) -> int:
    """Found one more company, with accounts and taxes of its own; the session works for it from then on. Gives its id."""
    (currency,) = session.model("currency.currency.search", [["code", "=", "EUR"]])
    company = _company(session, name, currency)
    goods = session.model("product.category.search", [["accounting", "=", True]])
    session.model("product.category.write", goods, _accounting(session))
    return company


def work_for_company(session: Session) -> None:
    """Let the session's calls be made for the user's company, as Tryton's client does after the login."""
    session.context = session.model("res.user.get_preferences", True)


def _company(session: Session, name: str, currency: int) -> int:
    (party,) = _create(session, "party.party", {"name": name, "addresses": [["create", [{}]]]})
    (company,) = _create(session, "company.company", {"party": party, "currency": currency})
    user = session.model("res.user.search", [["login", "=", "admin"]])
    session.model("res.user.write", user, {"companies": [["add", [company]]], "company": company})
    work_for_company(session)
    session.context |= {
        "company": company,
        "companies": [company],
    }  # Tryton may still tell the preferences from before.
    _chart(session, company)
    _taxes(session, _account(session, ["code", "=", TAXES]))
    return company


def _accounting(session: Session) -> dict[str, int]:
    return {
        f"account_{kind}": _account(session, [f"type.{kind}", "=", True]) for kind in ("expense", "revenue")
    }


def _chart(session: Session, company: int) -> None:
    template = session.model("ir.model.data.get_id", "account", CHART)
    with Wizard(session, "account.create_chart") as wizard:
        wizard.go("account")
        properties = wizard.go("create_account", account={"company": company, "account_template": template})
        wizard.go("create_properties", properties=_shown(properties["view"]))


def _shown(view: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in view["defaults"].items() if not name.endswith(".")}


def _account(session: Session, clause: list[Any]) -> int:
    accounts: list[int] = session.model("account.account.search", [clause, ["closed", "!=", True]], 0, 1)
    return accounts[0]


def _taxes(session: Session, account: int) -> None:
    common = {"type": "percentage", "invoice_account": account, "credit_note_account": account}
    taxes = [
        {"name": f"VAT {rate}", "description": f"VAT {rate}", "rate": Decimal(rate), **common}
        for rate in RATES
    ]
    _create(session, "account.tax", *taxes)


def _term(name: str) -> dict[str, Any]:
    return {"name": name, "lines": [["create", [{"type": "remainder"}]]]}


def _countries(session: Session) -> None:
    countries = _create(
        session, "country.country", *({"code": code, "name": name} for code, (name, *_) in COUNTRIES.items())
    )
    below = [
        {"country": country, "code": code, "name": name}
        for country, (_, *parts) in zip(countries, COUNTRIES.values(), strict=True)
        for code, name in parts
    ]
    _create(session, "country.subdivision", *below)


def _create(session: Session, model: str, *values: dict[str, Any]) -> list[int]:
    ids: list[int] = session.model(f"{model}.create", list(values))
    return ids
