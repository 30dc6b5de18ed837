"""Edits of parties, with their addresses, contacts, categories and languages.

Tryton doesn't let anybody move an address or a contact to another party, but for the wizard that replaces a party: it moves them all.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final

from examples.tryton.erp import NAMES, STREETS
from examples.tryton.whole.kinds import Act, Change, Edit, Values
from examples.tryton.whole.world import World

MODEL: Final = "party.party"
CITIES: Final = ("Łódź", "Dún Laoghaire", "München", "Kraków ", "'s-Hertogenbosch", "")
CONTACTS: Final = ("email", "website", "skype", "other")


def name(dice: Random) -> str | None:
    """NULL and the empty name among them."""
    if dice.random() < 0.04:
        return dice.choice((None, ""))
    return f"{dice.choice(NAMES)} {dice.randrange(10_000)}"


def address(dice: Random, world: World) -> Values:
    country = dice.choice([None, *world.catalog.countries])
    below = [id for id, of in world.catalog.subdivisions.items() if of == country]
    return {
        "street_unstructured": dice.choice((None, *STREETS)),
        "postal_code": f" {dice.randrange(100):02}-{dice.randrange(1000):03}",
        "city": dice.choice(CITIES),
        "country": country,
        "subdivision": dice.choice([None, *below]),
    }


def contact(dice: Random, addresses: tuple[int, ...]) -> Values:
    kind, number = dice.choice(CONTACTS), dice.randrange(10_000)
    value = f"p{number}@example.org" if kind == "email" else f"https://example.org/{number}"
    return {"type": kind, "value": value, "address": dice.choice((None, *addresses))}


def new(dice: Random, world: World) -> Values:
    categories = world.catalog.categories
    return {
        "name": name(dice),
        "addresses": [["create", [address(dice, world) for _ in range(dice.randrange(4))]]],
        "contact_mechanisms": [["create", [contact(dice, ()) for _ in range(dice.randrange(3))]]],
        "categories": [["add", dice.sample(categories, dice.randrange(3))]],
    }


def editable(world: World) -> list[int]:
    """Tryton lets nobody rename an inactive party."""
    return [id for id, party in world.parties.items() if party.active]


def _rename(dice: Random, world: World, id: int) -> Values:
    return {"name": name(dice)}


def _speak(dice: Random, world: World, id: int) -> Values:
    return {"lang": dice.choice([None, *world.catalog.languages])}


def _forget_languages(dice: Random, world: World, id: int) -> Values | None:
    languages = world.parties[id].languages
    return {"langs": [["delete", list(languages)]]} if languages else None


def _join_category(dice: Random, world: World, id: int) -> Values | None:
    left = [each for each in world.catalog.categories if each not in world.parties[id].categories]
    return {"categories": [["add", [dice.choice(left)]]]} if left else None


def _leave_category(dice: Random, world: World, id: int) -> Values | None:
    return _some(dice, "categories", "remove", world.parties[id].categories)


def _add_address(dice: Random, world: World, id: int) -> Values:
    return {"addresses": [["create", [address(dice, world)]]]}


def _change_address(dice: Random, world: World, id: int) -> Values | None:
    return _some(dice, "addresses", "write", world.parties[id].addresses, address(dice, world))


def _archive_address(dice: Random, world: World, id: int) -> Values | None:
    return _some(dice, "addresses", "write", world.parties[id].addresses, {"active": False})


def _drop_address(dice: Random, world: World, id: int) -> Values | None:
    return _some(dice, "addresses", "delete", world.parties[id].addresses)


def _add_contact(dice: Random, world: World, id: int) -> Values:
    return {"contact_mechanisms": [["create", [contact(dice, ())]]]}


def _change_contact(dice: Random, world: World, id: int) -> Values | None:
    party = world.parties[id]
    return _some(dice, "contact_mechanisms", "write", party.contacts, contact(dice, party.addresses))


def _drop_contact(dice: Random, world: World, id: int) -> Values | None:
    return _some(dice, "contact_mechanisms", "delete", world.parties[id].contacts)


def _reorder_addresses(dice: Random, world: World, id: int) -> Values | None:
    addresses = list(world.parties[id].addresses)
    dice.shuffle(addresses)
    moves = [["write", [each], {"sequence": place}] for place, each in enumerate(addresses)]
    return {"addresses": moves} if len(moves) > 1 else None


def _some(dice: Random, field: str, action: str, ids: tuple[int, ...], *rest: Any) -> Values | None:
    return {field: [[action, [dice.choice(ids)], *rest]]} if ids else None


CHANGES: Final = (
    Change("party renamed", 12, "name", _rename),
    Change("language set", 6, "language", _speak),
    Change("languages forgotten", 1, "language", _forget_languages),
    Change("category joined", 6, "categories", _join_category),
    Change("category left", 4, "categories", _leave_category),
    Change("address added", 8, "new address", _add_address),
    Change("address changed", 8, "addresses", _change_address),
    Change("address archived", 2, "addresses", _archive_address),
    Change("address deleted", 5, "addresses", _drop_address),
    Change("addresses reordered", 2, "addresses", _reorder_addresses),
    Change("contact added", 7, "new contact", _add_contact),
    Change("contact changed", 6, "contacts", _change_contact),
    Change("contact deleted", 4, "contacts", _drop_contact),
)


def _create(dice: Random, world: World) -> Edit:
    return Edit(("party created",), MODEL, "create", ([new(dice, world)],), 0)


def _deactivate(dice: Random, world: World) -> Edit | None:
    left = [id for id in editable(world) if id != world.catalog.company_party]
    return _write(dice, left, "party deactivated", {"active": False})


def _reactivate(dice: Random, world: World) -> Edit | None:
    left = [id for id, party in world.parties.items() if not party.active and not party.replaced]
    return _write(dice, left, "party reactivated", {"active": True})


def _delete(dice: Random, world: World) -> Edit | None:
    left = [id for id in world.parties if id != world.catalog.company_party]
    id = dice.choice(left)
    return Edit(("party deleted",), MODEL, "delete", ([id],), id)


def _replace(dice: Random, world: World) -> Edit | None:
    active = [id for id in editable(world) if id != world.catalog.company_party]
    if len(active) < 2:
        return None
    source, destination = dice.sample(active, 2)
    return Edit(("party replaced",), MODEL, "replace", (source, destination), source)


def _write(dice: Random, ids: list[int], kind: str, values: Values) -> Edit | None:
    if not ids:
        return None
    id = dice.choice(ids)
    return Edit((kind,), MODEL, "write", ([id], values), id)


ACTS: Final = (
    Act("party created", 12, _create),
    Act("party deactivated", 5, _deactivate),
    Act("party reactivated", 3, _reactivate),
    Act("party deleted", 5, _delete, bulk=False),
    Act("party replaced", 4, _replace, bulk=False),
)
