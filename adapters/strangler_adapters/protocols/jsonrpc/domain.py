"""Domains: how Tryton and Odoo ask for records. A list of clauses that must all hold; anything else is no plain query.

Taken are `=`, `in` and `ilike` on known fields. As in both a model that has `active` is searched among its active records, unless the
domain or the context says something about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from strangler.errors import UntranslatableRequest
from strangler_adapters.protocols.records.fields import Fields
from strangler_adapters.protocols.records.search import Condition, Order

ACTIVE: Final = "active"


class Operators(NamedTuple):
    """What a dialect calls its patterns: those that are taken as they are, and those that stand for a part of the text."""

    patterns: frozenset[str]
    parts: frozenset[str]


TRYTON: Final = Operators(frozenset({"ilike"}), frozenset())
ODOO: Final = Operators(frozenset({"=ilike"}), frozenset({"ilike"}))


def conditions(
    domain: list[Any], fields: Fields, context: Mapping[str, Any], operators: Operators
) -> list[Condition]:
    """The conditions of a domain. Raises UntranslatableRequest for what a plain query can't say."""
    found = [_condition(clause, fields, operators) for clause in domain if clause != "&"]
    mentioned = any(each.name == ACTIVE for each in found)
    if ACTIVE in fields and not mentioned and context.get("active_test", True):
        found.append(Condition(ACTIVE, "in", (True,)))
    return found


def _condition(clause: Any, fields: Fields, operators: Operators) -> Condition:
    match clause:
        case [str(name), "=", value] if name in fields and not isinstance(value, list):
            return Condition(name, "in", (value,))
        case [str(name), "in", list(values)] if name in fields:
            return Condition(name, "in", tuple(values))
        case [str(name), str(operator), str(pattern)] if name in fields:
            if operator in operators.patterns:
                return Condition(name, "like", (pattern,))
            if operator in operators.parts:
                return Condition(name, "like", (f"%{pattern}%",))
    raise UntranslatableRequest(
        f"the condition {clause!r} can't be put to the new service",
        why="it can be asked with =, in and ilike on its fields, all of which must hold",
    )


def orders(order: Any, fields: Fields) -> list[Order]:
    """`[["name", "ASC"], ["id", "DESC"]]` or `name asc, id desc`; nothing asked leaves it to the service. Raises UntranslatableRequest."""
    if isinstance(order, str):
        order = [
            [*part.split(), "ASC"][:2] if len(part.split()) < 3 else part
            for part in order.split(",")
            if part.strip()
        ]
    if order is not None and not isinstance(order, list):
        raise UntranslatableRequest(f"the order {order!r} can't be put to the new service")
    found = []
    for part in order or []:
        match part:
            case [str(name), str(direction)] if name in fields and direction.upper() in ("ASC", "DESC"):
                found.append(Order(name, direction.upper() == "DESC"))
            case _:
                raise UntranslatableRequest(f"the order {part!r} can't be put to the new service")
    return found
