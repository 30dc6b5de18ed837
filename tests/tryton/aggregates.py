"""Aggregates, compared: what Tryton's own API reads, and what the store holds. Neither knows of the mapping's executions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from examples.tryton.rpc import Session
from examples.tryton.whole.world import ANY
from strangler import assembly
from strangler.settings import Settings
from tests.tryton.scene import Scene

SHOWN: Final = 5
PAGE: Final = 200

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A table of a store, and what of Tryton it should hold.

    `fields` are column → field of the model, `party.code` for one of a record that it refers to. `above` is the domain's path from
    the model to the root's id. `through` is a list of the model's whose members make the rows: Tryton's RPC doesn't show
    the relations themselves.
    """

    function: str
    table: str
    model: str
    above: str
    fields: dict[str, str]
    through: str = ""
    has_active: bool = False


PARTS: Final = (
    Part("party", "party", "party.party", "id", {
        "party_id": "id", "code": "code", "name": "name", "active": "active", "replaced_by": "replaced_by",
        "replaced_by_code": "replaced_by.code",
    }, has_active=True),
    Part("party", "party_languages", "party.party", "id", {
        "party_id": "id", "language_id": "langs.id", "language": "langs.lang.code", "language_name": "langs.lang.name",
    }, through="langs", has_active=True),
    Part("party", "party_categories", "party.party", "id", {
        "party_id": "id", "category_id": "categories.id", "category": "categories.name",
    }, through="categories", has_active=True),
    Part("party", "party_addresses", "party.address", "party", {
        "address_id": "id", "party_id": "party", "position": "sequence", "street": "street_unstructured", "city": "city",
        "country": "country.code", "country_name": "country.name", "subdivision": "subdivision.code", "active": "active",
    }, has_active=True),
    Part("party", "party_contacts", "party.contact_mechanism", "party", {
        "contact_id": "id", "party_id": "party", "kind": "type", "value": "value", "compact": "value_compact",
        "city": "address.city", "active": "active",
    }, has_active=True),
    Part("product", "product", "product.product", "id", {
        "product_id": "id", "template_id": "template", "code": "code", "name": "template.name", "description": "description",
    }, has_active=True),
    Part("product", "product_prices", "product.product", "id", {
        "product_id": "id", "price_id": "list_prices.id", "price": "list_prices.list_price",
    }, through="list_prices", has_active=True),
    Part("product", "template", "product.template", "id", {
        "template_id": "id", "code": "code", "name": "name", "unit": "default_uom.name", "active": "active",
    }, has_active=True),
    Part("product", "template_categories", "product.template", "id", {
        "template_id": "id", "category_id": "categories.id", "category": "categories.name",
    }, through="categories", has_active=True),
    Part("sale", "sale", "sale.sale", "id", {
        "sale_id": "id", "number": "number", "state": "state", "reference": "reference", "party_code": "party.code",
        "party_name": "party.name", "currency": "currency.code", "payment_term": "payment_term.name",
        "billed_in": "invoice_address.city", "total": "total_amount_cache",
    }),
    Part("sale", "sale_lines", "sale.line", "sale", {
        "line_id": "id", "sale_id": "sale", "position": "sequence", "kind": "type", "product_code": "product.code",
        "quantity": "quantity", "unit": "unit.symbol", "unit_price": "unit_price",
    }),
    Part("sale", "sale_lines_taxes", "sale.line", "sale", {
        "sale_id": "sale", "line_id": "id", "tax_id": "taxes.id", "tax": "taxes.name", "rate": "taxes.rate",
    }, through="taxes"),
)  # fmt: skip


def compare(scene: Scene, roots: int, seed: int) -> dict[str, int]:
    """Up to so many aggregates of each kind are in the store what Tryton's API reads; gives how many rows were compared by table.

    Raises AssertionError with the differences.
    """
    dice, session = Random(seed), scene.session()
    compared: dict[str, int] = {}
    chosen: dict[str, list[int]] = {}
    for part in PARTS:
        if part.table not in chosen and "_" not in part.table:
            chosen[part.table] = _some(session, part.model, roots, dice, part.has_active)
        ids = chosen[part.table.split("_")[0]]
        wanted, found = _of_tryton(session, part, ids), _of_store(scene.settings, part, ids)
        wrong = sorted(wanted ^ found, key=repr)
        told = "".join(f"\n{'Tryton' if row in wanted else 'store '}: {row}" for row in wrong[: 2 * SHOWN])
        assert not wrong, f"{part.table}: {len(wrong)} rows differ{told}"
        compared[part.table] = len(wanted)
    session.close()
    return compared


def _some(session: Session, model: str, count: int, dice: Random, has_active: bool) -> list[int]:
    ids: list[int] = session.model(f"{model}.search", [ANY] if has_active else [], 0, None, [["id", "ASC"]])
    return dice.sample(ids, min(count, len(ids)))


def _of_tryton(session: Session, part: Part, roots: list[int]) -> set[Row]:
    found = set()
    for ids in _pages(roots):
        domain: list[Any] = [[part.above, "in", ids], *([ANY] if part.has_active else [])]
        wanted = ["id", *part.fields.values()]
        rows = session.model(f"{part.model}.search_read", domain, 0, None, None, wanted)
        found |= {
            tuple(_read(each, path) for path in part.fields.values()) for each in _members(rows, part.through)
        }
    return found


def _members(rows: list[dict[str, Any]], through: str) -> Iterator[dict[str, Any]]:
    """A row for each member of the list, beside what its owner has; of each row itself without one."""
    for row in rows:
        if through:
            yield from (row | {f"{through}.": member} for member in row.get(f"{through}.", ()))
        else:
            yield row


def _read(row: dict[str, Any], path: str) -> Any:
    """The value of `party.code` is below `party.`, which is None where there is no party."""
    first, _, rest = path.partition(".")
    if not rest:
        return row[first]
    below = row[f"{first}."]
    return None if below is None else _read(below, rest)


def _of_store(settings: Settings, part: Part, roots: list[int]) -> set[Row]:
    name, root = settings.functions[part.function].store, f"{part.table.split('_')[0]}_id"
    found = set()
    with closing(assembly.store(settings, name)) as store, closing(store.reader()) as side:
        for ids in _pages(roots):
            wanted = ", ".join(map(str, ids))
            rows = side.rows(f"SELECT {', '.join(part.fields)} FROM {part.table} WHERE {root} IN ({wanted})")
            found |= {tuple(row) for row in rows}
    return found


def _pages(ids: list[int]) -> Iterator[list[int]]:
    return (ids[start : start + PAGE] for start in range(0, len(ids), PAGE))
