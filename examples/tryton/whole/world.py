"""What the editor knows of Tryton's records: enough to choose what to edit next. It is read through Tryton's own API."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from examples.tryton.rpc import Session

ANY: Final = ["active", "in", [True, False]]
PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Party:
    active: bool
    replaced: bool
    addresses: tuple[int, ...]
    contacts: tuple[int, ...]
    categories: tuple[int, ...]
    languages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Template:
    active: bool
    products: tuple[int, ...]
    categories: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sale:
    """`priced` are those of the lines that aren't mere text."""

    state: str
    lines: tuple[int, ...]
    priced: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """What others refer to and what is only ever renamed."""

    company_party: int
    languages: list[int]
    categories: list[int]
    product_categories: list[int]
    accounting: int
    units: list[int]
    taxes: list[int]
    terms: list[int]
    countries: list[int]
    subdivisions: dict[int, int]


@dataclass(slots=True)
class World:
    """Parties, templates and sales by id, as they were when they were last read."""

    session: Session
    catalog: Catalog
    parties: dict[int, Party] = field(default_factory=dict)
    templates: dict[int, Template] = field(default_factory=dict)
    sales: dict[int, Sale] = field(default_factory=dict)

    def look(self, model: str, ids: Iterable[int] | None = None) -> None:
        """Read records of a model again, all of them without `ids`; those that are gone are forgotten."""
        reader = _READERS[model]
        known: dict[int, Any] = getattr(self, reader.kept)
        wanted = None if ids is None else sorted(set(ids))
        if wanted is None:
            known.clear()
        else:
            for id in wanted:
                known.pop(id, None)
        for row in _rows(self.session, model, wanted, reader):
            known[row["id"]] = reader.make(row)


@dataclass(frozen=True, slots=True)
class _Reader:
    kept: str
    fields: list[str]
    make: Any
    has_active: bool = True


def _party(row: dict[str, Any]) -> Party:
    return Party(
        row["active"], row["replaced_by"] is not None, tuple(row["addresses"]), tuple(row["contact_mechanisms"]),
        tuple(row["categories"]), tuple(row["langs"]),
    )  # fmt: skip


def _template(row: dict[str, Any]) -> Template:
    return Template(row["active"], tuple(row["products"]), tuple(row["categories"]))


def _sale(row: dict[str, Any]) -> Sale:
    return Sale(row["state"], tuple(row["lines"]), tuple(row["line_lines"]))


_READERS: Final = {
    "party.party": _Reader(
        "parties",
        ["active", "replaced_by", "addresses", "contact_mechanisms", "categories", "langs"],
        _party,
    ),
    "product.template": _Reader("templates", ["active", "products", "categories"], _template),
    "sale.sale": _Reader("sales", ["state", "lines", "line_lines"], _sale, has_active=False),
}


def _rows(session: Session, model: str, ids: list[int] | None, reader: _Reader) -> Iterable[dict[str, Any]]:
    domain: list[Any] = [] if ids is None else [["id", "in", ids]]
    if reader.has_active:
        domain.append(ANY)
    start = 0
    while True:
        rows = session.model(f"{model}.search_read", domain, start, PAGE, [["id", "ASC"]], reader.fields)
        yield from rows
        if len(rows) < PAGE:
            return
        start += PAGE


def discover(session: Session) -> World:
    """Read all that there is."""
    world = World(session, _catalog(session))
    for model in _READERS:
        world.look(model)
    return world


def _catalog(session: Session) -> Catalog:
    def ids(model: str, *domain: list[Any], limit: int | None = None) -> list[int]:
        found: list[int] = session.model(f"{model}.search", list(domain), 0, limit, [["id", "ASC"]])
        return found

    (company,) = session.model("company.company.search_read", [], 0, 1, None, ["party"])
    (accounting,) = ids("product.category", ["accounting", "=", True])
    below = session.model("country.subdivision.search_read", [], 0, None, [["id", "ASC"]], ["country"])
    return Catalog(
        company_party=company["party"],
        languages=ids("ir.lang", limit=6),
        categories=ids("party.category"),
        product_categories=ids("product.category", ["accounting", "=", False]),
        accounting=accounting,
        units=ids("product.uom", ["category.name", "=", "Units"]),
        taxes=ids("account.tax"),
        terms=ids("account.invoice.payment_term"),
        countries=ids("country.country"),
        subdivisions={row["id"]: row["country"] for row in below},
    )
