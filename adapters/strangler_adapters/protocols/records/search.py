"""Search: what is asked for in general means, as a REST query: the part of it that a plain query can say, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urlencode

from strangler.errors import UntranslatableRequest
from strangler_adapters.protocols.records.fields import Fields

Scalar = str | int | float | bool


class Condition(NamedTuple):
    """One of conditions that must all hold. `in`: one of the values. `like`: the one value is a pattern of `%` and `_`."""

    name: str
    operator: Literal["in", "like"]
    values: tuple[Any, ...]


class Order(NamedTuple):
    name: str
    descending: bool


class Search(NamedTuple):
    """A search in the service's terms.

    `query` are its parameters. `ids` are the records that the conditions name, None when they name none; then `among` says which
    values each service field may have, and `descending` their order by id.
    """

    query: tuple[tuple[str, str], ...]
    order: str
    ids: tuple[Any, ...] | None
    among: Mapping[str, tuple[Any, ...]]
    descending: bool

    def target(self, path: str, limit: int, offset: int) -> str:
        """The request's target for one page."""
        order = [("order", self.order)] if self.order else []
        parameters = [*self.query, *order, ("limit", str(limit)), ("offset", str(offset))]
        return f"{path}?{encoded(parameters)}"

    def takes(self, item: Mapping[str, Any]) -> bool:
        """Whether a named record fits the rest of the conditions."""
        return all(item.get(field) in values for field, values in self.among.items())


def searched(conditions: Sequence[Condition], order: Sequence[Order], fields: Fields, id: str) -> Search:
    """The search that is asked for. `id` is the name of the key. Raises UntranslatableRequest for what can't be said."""
    among: dict[str, tuple[Any, ...]] = {}
    likes: dict[str, str] = {}
    for condition in conditions:
        if condition.operator == "like":
            _once(likes, condition.name, condition.values[0])
        else:
            _once(among, condition.name, _as_service(condition, fields))
    among = {name: values for name, values in among.items() if not _is_either(values)}
    by = ",".join(f"{'-' * each.descending}{fields[each.name].field}" for each in order)
    if id in among:
        return _named(among, likes, by, fields, id)
    query = [(fields[name].field, _text(_single(name, values))) for name, values in among.items()]
    query += [(f"{fields[name].field}_like", pattern) for name, pattern in likes.items()]
    return Search(tuple(query), by, None, {}, False)


def encoded(parameters: Sequence[tuple[str, str]]) -> str:
    """As a query. Raises UntranslatableRequest."""
    try:
        return urlencode(parameters, quote_via=quote)
    except UnicodeEncodeError as error:
        raise UntranslatableRequest("half of a surrogate pair can't be asked for") from error


def _as_service(condition: Condition, fields: Fields) -> tuple[Any, ...]:
    field = fields[condition.name]
    return tuple(fields.value(field, value) for value in condition.values)


def _is_either(values: Sequence[Any]) -> bool:
    """Whether both true and false are asked for, which is no condition."""
    return all(isinstance(value, bool) for value in values) and set(values) == {True, False}


def _named(
    among: dict[str, tuple[Any, ...]], likes: Mapping[str, str], by: str, fields: Fields, id: str
) -> Search:
    ids = among.pop(id)
    if likes or by.removeprefix("-") not in ("", fields[id].field):
        raise UntranslatableRequest(
            "the new service can't be asked for named keys with a pattern, or in an order other than by key"
        )
    rest = {fields[name].field: values for name, values in among.items()}
    return Search((), by, ids, rest, by.startswith("-"))


def _once(found: dict[str, Any], name: str, value: Any) -> None:
    if name in found:
        raise UntranslatableRequest(f"two conditions on {name} can't be put to the new service")
    found[name] = value


def _single(name: str, values: Sequence[Any]) -> Scalar:
    if len(values) != 1 or values[0] is None:
        raise UntranslatableRequest(
            f"the new service can be asked for one plain value of {name}, not for {list(values)!r}"
        )
    value: Scalar = values[0]
    return value


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
