"""Sets: reading and writing the records of entity sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import LegacyCall, ServiceRequest, Steps
from strangler_adapters.protocols.contract import exact, problems
from strangler_adapters.protocols.contract.problems import Told, as_told
from strangler_adapters.protocols.contract.sources import ABSENT, Scope, Source
from strangler_adapters.protocols.contract.translation import too_late
from strangler_adapters.protocols.odata import filters
from strangler_adapters.protocols.odata.contract import Address, Envelope
from strangler_adapters.protocols.records.fields import Field, Fields, record
from strangler_adapters.protocols.records.records import Records, Refusing
from strangler_adapters.protocols.records.search import Search, searched

_JSON = (("content-type", "application/json"), ("accept", "application/json"))
_READ = (("accept", "application/json"),)


class EntitySet(NamedTuple):
    """One set. `record` is the address of one record in the service, filled in from its key."""

    name: str
    type: str
    key: tuple[str, ...]
    fields: Fields
    record: Source
    records: Records


class Sets:
    """All sets of a service."""

    def __init__(self, version: int, sets: Mapping[str, EntitySet], errors: Mapping[str, Told]) -> None:
        self._version, self._sets, self._errors = version, sets, errors

    def takes(self, call: LegacyCall) -> bool:
        return call.mark.set in self._sets and call.mark.last in (call.mark.set, "$count")

    def keys(self, call: LegacyCall) -> tuple[str, ...]:
        one, key = self._sets[call.mark.set], call.mark.key
        if key is None:
            return ()
        return ("|".join(str(one.fields.value(one.fields[name], key[name])) for name in one.key),)

    def comparable(self, call: LegacyCall, told: Any) -> Any:
        """Records in the order of their text where no order was asked for."""
        if (
            isinstance(told, dict)
            and isinstance(told.get("value"), list)
            and "$orderby" not in call.mark.options
        ):
            return {**told, "value": sorted(told["value"], key=repr)}
        return told

    def steps(self, call: LegacyCall) -> Steps:
        try:
            return (yield from self._steps(self._sets[call.mark.set], call.mark, call.values["body"]))
        except Refusing as error:
            trouble, instead = as_told(error.answer, call.values, self._errors)
            return trouble if instead is ABSENT else instead

    def _steps(self, one: EntitySet, address: Address, body: dict[str, Any]) -> Steps:
        match address.method, address.key:
            case "GET", None if address.last == "$count":
                total = yield from one.records.count(self._search(one, address))
                return Envelope(200, None, str(total))
            case "GET", None:
                return (yield from self._list(one, address))
            case "GET", key if key is not None and address.last == one.name:
                return (yield from self._read(one, address, key))
            case "POST", None:
                return (yield from self._create(one, address, body))
            case (("PATCH" | "MERGE"), key) if key is not None:
                return (yield from self._change(one, key, body))
            case "PUT", key if key is not None:
                self._check_whole(one, body)
                return (yield from self._change(one, key, body))
            case "DELETE", key if key is not None:
                yield from self._put(ServiceRequest("DELETE", self._address(one, key), _READ))
                return Envelope(204, None)
        raise UntranslatableRequest(f"{address.method} of {address.last} can't be put to the new service")

    def _list(self, one: EntitySet, address: Address) -> Steps:
        fields, search = self._selected(one, address), self._search(one, address)
        offset, limit = _window(address)
        found = yield from one.records.search(search, offset, limit)
        told = [self._told(one, address, item, fields) for item in found]
        total = None
        if address.options.get("$inlinecount") == "allpages" or address.options.get("$count") == "true":
            total = yield from one.records.count(search)
        if self._version == 2:
            return Envelope(
                200, {"d": {"results": told} | ({} if total is None else {"__count": str(total)})}
            )
        counted = {} if total is None else {"@odata.count": total}
        return Envelope(
            200, {"@odata.context": f"{address.base}/$metadata#{one.name}", **counted, "value": told}
        )

    def _read(self, one: EntitySet, address: Address, key: Mapping[str, Any]) -> Steps:
        if set(address.options) - {"$select", "$format"}:
            raise UntranslatableRequest("one record is read whole, or by $select")
        fields = self._selected(one, address)
        answer = yield ServiceRequest("GET", self._address(one, key), _READ)
        if not problems.done(answer):
            raise Refusing(answer)
        return self._single(one, address, problems.told(answer), fields, 200)

    def _create(self, one: EntitySet, address: Address, body: dict[str, Any]) -> Steps:
        [item] = yield from one.records.create([one.fields.values(body)])
        try:
            return self._single(one, address, item, one.fields.all(), 201)
        except UntranslatableRequest as error:
            raise too_late(error) from error

    def _change(self, one: EntitySet, key: Mapping[str, Any], body: dict[str, Any]) -> Steps:
        for name in one.key:
            if name in body and body.pop(name) != key[name]:
                raise UntranslatableRequest(f"the key {name} of a record can't be changed")
        try:
            written = exact.written(one.fields.values(body))
        except ValueError as error:
            raise UntranslatableRequest("the values can't be written as JSON", why=str(error)) from error
        yield from self._put(ServiceRequest("PATCH", self._address(one, key), _JSON, written))
        return Envelope(204, None)

    def _put(self, request: ServiceRequest) -> Steps:
        answer = yield request
        if not problems.done(answer):
            raise Refusing(answer)

    def _check_whole(self, one: EntitySet, body: dict[str, Any]) -> None:
        missing = [
            field.name for field in one.fields.all() if field.name not in body and field.name not in one.key
        ]
        if missing:
            raise UntranslatableRequest(
                "a PUT sets what it doesn't name to its default, and the new service can't be asked for that",
                why=f"it doesn't name {', '.join(missing[:5])}",
                do="PATCH, or MERGE in version 2",
            )

    def _single(
        self, one: EntitySet, address: Address, item: Any, fields: list[Field], status: int
    ) -> Envelope:
        told = self._told(one, address, item, fields)
        if self._version == 2:
            return Envelope(status, {"d": told})
        return Envelope(status, {"@odata.context": f"{address.base}/$metadata#{one.name}/$entity", **told})

    def _told(self, one: EntitySet, address: Address, item: Any, fields: list[Field]) -> dict[str, Any]:
        told = record(item, fields)
        if self._version == 4:
            return told
        key = record(item, one.fields.known(one.key))
        where = f"{address.base}/{one.name}({_predicate(key)})"
        return {"__metadata": {"id": where, "uri": where, "type": one.type}, **told}

    def _selected(self, one: EntitySet, address: Address) -> list[Field]:
        names = [name.strip() for name in address.options.get("$select", "*").split(",")]
        return one.fields.all() if names == ["*"] else one.fields.known(names)

    def _search(self, one: EntitySet, address: Address) -> Search:
        wanted = address.options.get("$filter")
        order = address.options.get("$orderby")
        conditions = filters.conditions(wanted, one.fields) if wanted else []
        orders = filters.orders(order, one.fields) if order else []
        return searched(conditions, orders, one.fields, one.key[0] if len(one.key) == 1 else "")

    def _address(self, one: EntitySet, key: Mapping[str, Any]) -> str:
        return str(one.record.value(Scope(key)))


def _window(address: Address) -> tuple[int, int | None]:
    """`$skip` and `$top`. Raises UntranslatableRequest."""
    numbers = []
    for name in ("$skip", "$top"):
        written = address.options.get(name)
        if written is not None and not (written.isascii() and written.isdigit() and len(written) < 12):
            raise UntranslatableRequest(f"{name} must be a number from 0 on")
        numbers.append(None if written is None else int(written))
    return numbers[0] or 0, numbers[1]


def _predicate(key: Mapping[str, Any]) -> str:
    def literal(value: Any) -> str:
        return (
            f"'{quote(value.replace(chr(39), chr(39) * 2), safe='')}'"
            if isinstance(value, str)
            else str(value)
        )

    if len(key) == 1:
        return literal(next(iter(key.values())))
    return ",".join(f"{name}={literal(value)}" for name, value in key.items())
