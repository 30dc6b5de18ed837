"""Methods: reading and writing a model's records, in the ways of Tryton and of Odoo.

| Tryton | Odoo |
| --- | --- |
| `read(ids, fields)` | `read(ids, fields)` |
| `search`, `search_count` `(domain, offset, limit, order)` | `search(domain, offset, limit, order)`, `search_count(domain)` |
| `search_read(domain, offset, limit, order, fields)` | `search_read(domain, fields, offset, limit, order)` |
| `create([values])` | `create(values)`, `create([values])` |
| `write([ids], values)` | `write(ids, values)` |
| `delete([ids])` | `unlink(ids)` |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import LegacyCall, Steps, Trouble
from strangler_adapters.protocols.contract.problems import Told, as_told
from strangler_adapters.protocols.contract.sources import ABSENT
from strangler_adapters.protocols.jsonrpc import domain as domains
from strangler_adapters.protocols.records.fields import Field, Fields, record
from strangler_adapters.protocols.records.records import Records, Refusing
from strangler_adapters.protocols.records.search import Search, searched

_WAYS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "tryton": {
        "read": ("ids", "fields"),
        "search": ("domain", "offset", "limit", "order"),
        "search_read": ("domain", "offset", "limit", "order", "fields"),
        "search_count": ("domain", "offset", "limit"),
        "create": ("vals_list",),
        "write": ("ids", "vals"),
        "delete": ("ids",),
    },
    "odoo": {
        "read": ("ids", "fields"),
        "search": ("domain", "offset", "limit", "order"),
        "search_read": ("domain", "fields", "offset", "limit", "order"),
        "search_count": ("domain",),
        "create": ("vals_list",),
        "write": ("ids", "vals"),
        "unlink": ("ids",),
    },
}
"""Dialect → method → what its arguments are called."""

_NAMED: Final = {"args": "domain", "ids": "ids", "values": "vals"}


class Model(NamedTuple):
    """What is known of a model. `prefix` stands before its methods."""

    dialect: str
    prefix: str
    fields: Fields
    records: Records
    errors: Mapping[str, Told]


class Methods:
    """The methods of one model."""

    def __init__(self, model: Model) -> None:
        self._model, self._fields, self._records = model, model.fields, model.records
        self._ways = _WAYS[model.dialect]
        self._odoo = model.dialect == "odoo"

    def takes(self, call: LegacyCall) -> bool:
        return str(call.mark.method).startswith(self._model.prefix)

    def steps(self, call: LegacyCall) -> Steps:
        try:
            return (yield from self._steps(call))
        except Refusing as error:
            trouble, instead = as_told(error.answer, call.values, self._model.errors)
            before = f" ({error.done} of the records were done before)" if error.done else ""
            return trouble._replace(title=trouble.title + before) if instead is ABSENT else instead

    def keys(self, call: LegacyCall) -> tuple[str, ...]:
        method, arguments = self._arranged(call)
        if method not in ("read", "write", "delete", "unlink"):
            return ()
        return tuple(map(str, self._ids(arguments.get("ids"))))

    def comparable(self, call: LegacyCall, told: Any) -> Any:
        """Records of a read in the order of their ids, since neither promises one."""
        result = told.get("result")
        if self._method(call) == "read" and isinstance(result, list):
            return {
                "result": sorted(
                    result, key=lambda each: str(each.get("id")) if isinstance(each, dict) else ""
                )
            }
        return told

    def _method(self, call: LegacyCall) -> str:
        own = call.mark.method.removeprefix(self._model.prefix)
        return own if call.operation == call.mark.method else call.operation

    def _arranged(self, call: LegacyCall) -> tuple[str, dict[str, Any]]:
        """The method, and its arguments by name. Raises UntranslatableRequest."""
        if call.mark.context.get("_timestamp"):
            raise UntranslatableRequest("the new service knows no record stamps (_timestamp)")
        method = self._method(call)
        names = self._ways.get(method)
        given = call.values.get("params", call.values.get("args", []))
        named = {_NAMED.get(name, name): each for name, each in call.values.get("kwargs", {}).items()}
        if names is None or len(given) > len(names) or set(named) - set(names[len(given) :]):
            raise UntranslatableRequest(
                f"{call.mark.method} with {len(given) + len(named)} arguments can't be put to the new service",
                why=f"translated are {', '.join(self._ways)}",
            )
        return method, {**dict(zip(names, given, strict=False)), **named}

    def _steps(self, call: LegacyCall) -> Steps:
        method, given = self._arranged(call)
        match method, given:
            case "read", {"ids": ids, "fields": list(names)}:
                return (yield from self._read(self._ids(ids), names))
            case "search_read", {"domain": list(), "fields": list(names)}:
                found = yield from self._found(call, given)
                fields = self._with_id(names)
                return [record(item, fields) for item in found]
            case "search", {"domain": list()}:
                return [self._told_id(item) for item in (yield from self._found(call, given))]
            case "search_count", {"domain": list()}:
                return (yield from self._count(call, given))
            case "create", {"vals_list": list(records)}:
                return (yield from self._create(records))
            case "create", {"vals_list": dict(values)} if self._odoo:
                return (yield from self._create([values]))[0]
            case "write", {"ids": ids, "vals": dict(values)}:
                yield from self._records.change(self._service_ids(ids), self._fields.values(values))
                return True if self._odoo else None
            case (("delete" | "unlink"), {"ids": ids}):
                yield from self._records.remove(self._service_ids(ids))
                return True if self._odoo else None
        raise UntranslatableRequest(
            f"{call.mark.method} with these arguments can't be put to the new service"
        )

    def _read(self, ids: list[int], names: list[Any]) -> Steps:
        fields = self._with_id(names)
        wanted = self._service_ids(ids)
        found = yield from self._records.read(wanted)
        if missing := [str(id) for id in wanted if id not in found]:
            return Trouble(
                404, "You are trying to read records that don't exist.", f"ids: {', '.join(missing)}"
            )
        return [record(found[id], fields) for id in wanted]

    def _found(self, call: LegacyCall, given: Mapping[str, Any]) -> Steps:
        offset, limit = _window(given)
        search = self._search(call, given)
        return (yield from self._records.search(search, offset, limit))

    def _count(self, call: LegacyCall, given: Mapping[str, Any]) -> Steps:
        offset, limit = _window(given)
        total = yield from self._records.count(self._search(call, given))
        left = max(total - offset, 0)
        return left if limit is None else min(left, limit)

    def _create(self, records: list[Any]) -> Steps:
        created = yield from self._records.create([self._fields.values(values) for values in records])
        return [self._told_id(item) for item in created]

    def _search(self, call: LegacyCall, given: Mapping[str, Any]) -> Search:
        operators = domains.ODOO if self._odoo else domains.TRYTON
        conditions = domains.conditions(given["domain"], self._fields, call.mark.context, operators)
        return searched(conditions, domains.orders(given.get("order"), self._fields), self._fields, "id")

    def _ids(self, ids: Any) -> list[int]:
        """Raises UntranslatableRequest for what are no whole numbers."""
        listed = [ids] if self._odoo and not isinstance(ids, list) else ids
        if not isinstance(listed, list) or any(type(id) is not int for id in listed):
            raise UntranslatableRequest("ids must be whole numbers")
        return listed

    def _service_ids(self, ids: Any) -> list[Any]:
        return [self._fields.value(self._fields["id"], id) for id in self._ids(ids)]

    def _told_id(self, item: Any) -> Any:
        self._records.identity(item)
        return self._fields["id"].told(item)

    def _with_id(self, names: list[Any]) -> list[Field]:
        known = self._fields.known(names)
        return [self._fields["id"], *(field for field in known if field.name != "id")]


def _window(given: Mapping[str, Any]) -> tuple[int, int | None]:
    """Offset and limit, with their defaults. Raises UntranslatableRequest."""
    offset, limit = given.get("offset"), given.get("limit")
    for number in (offset, limit):
        if number is not None and number is not False and (type(number) is not int or number < 0):
            raise UntranslatableRequest("offset and limit must be numbers from 0 on")
    return offset or 0, None if limit is False else limit
