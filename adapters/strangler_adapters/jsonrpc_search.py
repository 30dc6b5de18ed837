"""Tryton's search domains as REST queries: the part of them that a plain query can say, and nothing else.

A domain is a list of clauses that must all hold. Taken are `=`, `in` and `ilike` on known fields. As in Tryton a model that has
`active` is searched among its active records, unless the domain or the context says something about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from strangler.errors import UntranslatableRequest

ACTIVE: Final = "active"

Scalar = str | int | float | bool


class Search(NamedTuple):
    """A search in the service's terms.

    `query` are its parameters. `ids` are the records that the domain names, None when it names none; then `among` says which
    values each service field may have, and `descending` their order by id.
    """

    query: tuple[tuple[str, str], ...]
    order: str
    ids: tuple[int, ...] | None
    among: Mapping[str, tuple[Any, ...]]
    descending: bool

    def target(self, path: str, limit: int, offset: int) -> str:
        """The request's target for one page."""
        order = [("order", self.order)] if self.order else []
        parameters = [*self.query, *order, ("limit", str(limit)), ("offset", str(offset))]
        return f"{path}?{urlencode(parameters, quote_via=quote)}"

    def takes(self, item: Mapping[str, Any]) -> bool:
        """Whether a named record fits the rest of the domain."""
        return all(item.get(field) in values for field, values in self.among.items())


def searched(domain: list[Any], order: Any, fields: Mapping[str, str], context: Mapping[str, Any]) -> Search:
    """The search that a domain and an order ask for. Raises UntranslatableRequest for what can't be said."""
    among: dict[str, tuple[Any, ...]] = {}
    likes: dict[str, str] = {}
    mentioned = set()
    for clause in domain:
        name, operator, value = _clause(clause, fields)
        mentioned.add(name)
        if operator == "ilike":
            _once(likes, name, value if isinstance(value, str) else _cant(clause))
        else:
            _once(among, name, tuple(value) if operator == "in" else (value,))
    if ACTIVE in fields and ACTIVE not in mentioned and context.get("active_test", True):
        among[ACTIVE] = (True,)
    if _is_either(among.get(ACTIVE, ())):
        del among[ACTIVE]
    if "id" in among:
        return _named(among, likes, order, fields)
    query = [(fields[name], _text(_single(name, values))) for name, values in among.items()]
    query += [(f"{fields[name]}_like", pattern) for name, pattern in likes.items()]
    return Search(tuple(query), _order(order, fields), None, {}, False)


def _is_either(values: Sequence[Any]) -> bool:
    """Whether both active and inactive records are asked for."""
    return all(isinstance(value, bool) for value in values) and set(values) == {True, False}


def _named(
    among: dict[str, tuple[Any, ...]], likes: Mapping[str, str], order: Any, fields: Mapping[str, str]
) -> Search:
    ids = among.pop("id")
    if any(isinstance(id, bool) or not isinstance(id, int) for id in ids):
        raise UntranslatableRequest("the new service has whole numbers as ids")
    by = _order(order, fields)
    if likes or by.removeprefix("-") not in ("", fields["id"]):
        raise UntranslatableRequest(
            "the new service can't be asked for named ids with ilike, or in an order other than by id"
        )
    return Search(
        (), by, tuple(ids), {fields[name]: values for name, values in among.items()}, by.startswith("-")
    )


def _clause(clause: Any, fields: Mapping[str, str]) -> tuple[str, str, Any]:
    if (
        not isinstance(clause, list)
        or len(clause) != 3
        or not all(isinstance(part, str) for part in clause[:2])
    ):
        _cant(clause)
    name, operator, value = clause
    if (
        name not in fields
        or operator not in ("=", "in", "ilike")
        or (operator == "in" and not isinstance(value, list))
    ):
        _cant(clause)
    return name, operator, value


def _cant(clause: Any) -> Any:
    raise UntranslatableRequest(
        f"the condition {clause!r} can't be put to the new service",
        why="it can be asked with =, in and ilike on its fields, all of which must hold",
    )


def _once(found: dict[str, Any], name: str, value: Any) -> None:
    if name in found:
        raise UntranslatableRequest(f"two conditions on {name} can't be put to the new service")
    found[name] = value


def _single(name: str, values: Sequence[Any]) -> Scalar:
    if len(values) != 1 or not isinstance(values[0], str | int | float):
        raise UntranslatableRequest(
            f"the new service can be asked for one plain value of {name}, not for {list(values)!r}"
        )
    return values[0]


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _order(order: Any, fields: Mapping[str, str]) -> str:
    """`[["name", "ASC"], ["id", "DESC"]]` as `name,-id`; nothing asked leaves it to the service."""
    parts = []
    if order is not None and not isinstance(order, list):
        raise UntranslatableRequest(f"the order {order!r} can't be put to the new service")
    for part in order or []:
        match part:
            case [str(name), str(direction)] if name in fields and direction.upper() in ("ASC", "DESC"):
                parts.append(f"-{fields[name]}" if direction.upper() == "DESC" else fields[name])
            case _:
                raise UntranslatableRequest(f"the order {part!r} can't be put to the new service")
    return ",".join(parts)
