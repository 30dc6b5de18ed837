"""Parties: who is dealt with, with addresses and the ways to reach them."""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine import Connection

from examples.tryton.cutover.documents import Document, Number, Part
from examples.tryton.cutover.kinds import Kind

CODE: Final = "code"


def settle(party: Document, number: Number, _: Connection) -> None:
    """A code of its own, and what follows from it; addresses and contacts are in use unless somebody says otherwise."""
    party["active"] = True if party["active"] is None else party["active"]
    party["code"] = party["code"] or str(number(CODE))
    party["code_text"] = "".join(filter(str.isalnum, party["code"]))
    party["code_number"] = int("".join(filter(str.isdigit, party["code"])) or 0) or None
    for line in (*party["addresses"], *party["contacts"]):
        line["active"] = True if line["active"] is None else line["active"]
    for contact in party["contacts"]:
        contact["kind"] = contact["kind"] or "other"
        contact["compact"] = contact["value"]


KIND: Final = Kind(
    "/parties",
    Part(
        "party",
        "party_id",
        {
            "addresses": Part("party_addresses", "address_id"),
            "contacts": Part("party_contacts", "contact_id"),
        },
    ),
    settle,
)
