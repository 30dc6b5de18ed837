"""Tryton's JSON-RPC, put to a REST service: `model.party.party.read` becomes `GET /parties?ids=1,2`.

    protocol:
      kind: jsonrpc
      options:
        model: party.party                # the model whose methods are translated
        path: /parties                    # where the service has them, under its base URL
        fields:                           # field as Tryton's callers know it: field of the service
          id: id
          name: name
          create_date: {field: created_at, type: timestamp}
        batch: 1                          # most records of one create, write or delete

| Tryton | service |
| --- | --- |
| `read(ids, fields)` | `GET path?ids=1,2` |
| `search`, `search_read`, `search_count` `(domain, offset, limit, order)` | `GET path?name=…&name_like=…&order=name,-id&limit=…&offset=…` |
| `create([values])` | `POST path`, once per record |
| `write([ids], values)` | `PATCH path/id`, once per record |
| `delete([ids])` | `DELETE path/id`, once per record |

The service answers `{"items": […], "total": n}`, a record, or `application/problem+json`; it must refuse a query
parameter or a field that it doesn't know (400 or 422), since that is how it says what it can't be asked. `…_like` takes `%` and
`_` whatever the case, like Tryton's `ilike`. A batch of more than one is several calls and so not atomic as it was in
Tryton; that is why it must be asked for. What isn't in these tables is refused, never guessed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strangler.errors import StranglerError, UntranslatableRequest
from strangler.facade.protocol import Answer, Exchange, Request, ServiceRequest
from strangler_adapters import jsonrpc_answers as answers
from strangler_adapters.jsonrpc_search import Search, searched
from strangler_adapters.jsonrpc_values import ValueType, to_service, to_tryton

PAGE: Final = 1000
"""Records asked for at once when Tryton's caller wants all."""

_JSON: Final = (("content-type", "application/json"), ("accept", "application/json"))
_READ: Final = (("accept", "application/json"),)

_NOTHING: Final = Answer(200, [], b"")
"""Stands for an answer where nothing had to be asked."""


class FieldOption(BaseModel):
    """A field of the service, and its type where JSON has none for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    field: str
    type: ValueType = "plain"


class Options(BaseModel):
    """`protocol.options` of a function."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    model: str
    path: str = Field(pattern=r"^/[^?#]*$")
    fields: dict[str, FieldOption | str]
    batch: int = Field(1, ge=1)


class Call(NamedTuple):
    """A JSON-RPC call of a method of the model. `arguments` are without the context, which is the last one."""

    id: Any
    method: str
    arguments: list[Any]
    context: Mapping[str, Any]


def connect(options: Mapping[str, Any]) -> JsonRpc:
    """The translation that the options describe. Raises StranglerError naming every option that doesn't fit."""
    try:
        return JsonRpc(Options.model_validate(options))
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise StranglerError(
            "the options of the jsonrpc protocol don't fit", why=found, do="model, path, fields"
        ) from error


class JsonRpc:
    """The translation for one model. Pure: it yields what to ask the service and is sent what it answered."""

    def __init__(self, options: Options) -> None:
        self._prefix, self._path, self._batch = (
            f"model.{options.model}.",
            options.path.rstrip("/"),
            options.batch,
        )
        self._fields = {
            name: FieldOption(field=option) if isinstance(option, str) else option
            for name, option in options.fields.items()
        }
        if "id" not in self._fields:
            raise StranglerError(
                "the options of the jsonrpc protocol have no field id", do="add `id: id` to fields"
            )
        self._id = self._fields["id"].field

    def translate(self, operation: str | None, request: Request) -> Exchange:
        call = self._call(request)
        match operation or call.method, call.arguments:
            case "read", [list(ids), list(names)]:
                return (yield from self._read(call, ids, names))
            case "search", [list(domain), *rest]:
                return (yield from self._search(call, domain, rest, None))
            case "search_read", [list(domain), *rest]:
                return (yield from self._search_read(call, domain, rest))
            case "search_count", [list(domain), *rest]:
                return (yield from self._count(call, domain, rest))
            case "create", [list(records)]:
                return (yield from self._create(call, records))
            case "write", [list(ids), dict(values)]:
                return (yield from self._write(call, ids, values))
            case "delete", [list(ids)]:
                return (yield from self._delete(call, ids))
        raise UntranslatableRequest(
            f"{self._prefix}{call.method} with {len(call.arguments)} arguments can't be put to the new service",
            why="translated are read, search, search_read, search_count, create, write and delete",
        )

    def refuse(self, request: Request, why: str) -> Answer:
        what, _, more = why.partition("\n")
        return answers.fault(answers.id_of(request), what, more.strip())

    def comparable(self, operation: str | None, request: Request, answer: Answer) -> Any:
        """Records of a read in the order of their ids, since Tryton promises none; of a fault only its kind."""
        told: Any = json.loads(answer.body, parse_float=Decimal)
        if not isinstance(told, dict):
            raise ValueError("the answer is no JSON-RPC object")
        if "error" in told:
            return {
                "error": told["error"][0]
                if isinstance(told["error"], list) and told["error"]
                else told["error"]
            }
        result = told.get("result")
        if (operation or self._call(request).method) == "read" and isinstance(result, list):
            result = sorted(result, key=lambda record: str(record.get("id")))
        return {"result": result}

    def _call(self, request: Request) -> Call:
        try:
            body: Any = answers.parsed(request.body)
            method, params = body["method"], body["params"]
            *arguments, context = params
        except (ValueError, TypeError, KeyError) as error:
            raise UntranslatableRequest("the body is no JSON-RPC call", why=str(error)) from error
        if not isinstance(method, str) or not method.startswith(self._prefix):
            raise UntranslatableRequest(
                f"{method} is no method of {self._prefix.removeprefix('model.').rstrip('.')}"
            )
        if not isinstance(context, dict):
            raise UntranslatableRequest("the last parameter must be the context")
        if context.get("_datetime") or context.get("_timestamp"):
            raise UntranslatableRequest(
                "the new service knows no history (_datetime) and no record stamps (_timestamp)"
            )
        return Call(body.get("id"), method.removeprefix(self._prefix), arguments, context)

    # reads

    def _read(self, call: Call, ids: list[Any], names: list[Any]) -> Exchange:
        self._known(names)
        if not ids:
            return answers.result(call.id, [])
        answer = yield self._by_ids(_whole_numbers(ids))
        if trouble := answers.trouble(call.id, answer, asked=True):
            return trouble
        found = {self._identity(item): item for item in answers.items(answer)}
        if missing := [str(id) for id in ids if id not in found]:
            return answers.fault(
                call.id, "You are trying to read records that don't exist.", f"ids: {', '.join(missing)}"
            )
        return answers.result(call.id, [self._record(found[id], names) for id in ids])

    def _search(self, call: Call, domain: list[Any], rest: list[Any], names: list[Any] | None) -> Exchange:
        offset, limit, order = _window(rest)
        search = searched(domain, order, self._service_fields(), call.context)
        gather = self._gather_by_ids if search.ids is not None else self._gather
        answer, items = yield from gather(search, offset, limit)
        if trouble := answers.trouble(call.id, answer, asked=True):
            return trouble
        if names is None:
            return answers.result(call.id, [self._identity(item) for item in items])
        return answers.result(call.id, [self._record(item, names) for item in items])

    def _search_read(self, call: Call, domain: list[Any], rest: list[Any]) -> Exchange:
        *window, names = rest if len(rest) == 4 else [*rest, None]
        if not isinstance(names, list):
            raise UntranslatableRequest(
                "search_read without a list of fields can't be put to the new service"
            )
        self._known(names)
        return (yield from self._search(call, domain, window, names))

    def _count(self, call: Call, domain: list[Any], rest: list[Any]) -> Exchange:
        offset, limit, _ = _window(rest)
        search = searched(domain, None, self._service_fields(), call.context)
        if search.ids is not None:
            answer, items = yield from self._gather_by_ids(search, 0, None)
            total = len(items)
        else:
            answer = yield ServiceRequest("GET", search.target(self._path, 1, 0), _READ)
            total = answers.total(answer) if answer.status < 300 else 0
        if trouble := answers.trouble(call.id, answer, asked=True):
            return trouble
        left = max(total - offset, 0)
        return answers.result(call.id, left if limit is None else min(left, limit))

    def _gather(self, search: Search, offset: int, limit: int | None) -> Any:
        """Page by page until all that is wanted is there; the service may give fewer at once than asked."""
        items: list[dict[str, Any]] = []
        while True:
            page = PAGE if limit is None else min(PAGE, limit - len(items))
            target = search.target(self._path, page, offset + len(items))
            answer = yield ServiceRequest("GET", target, _READ)
            if answer.status >= 300:
                return answer, []
            more = answers.items(answer)
            items += more
            wanted = (
                max(answers.total(answer) - offset, 0)
                if limit is None
                else min(limit, max(answers.total(answer) - offset, 0))
            )
            if len(items) >= wanted or not more:
                return answer, items

    def _gather_by_ids(self, search: Search, offset: int, limit: int | None) -> Any:
        """The service gives exactly the records that are named; what else is asked of them is seen to here."""
        if not search.ids:
            return _NOTHING, []
        answer = yield self._by_ids(search.ids)
        if answer.status >= 300:
            return answer, []
        items = sorted(
            filter(search.takes, answers.items(answer)),
            key=self._identity,
            reverse=search.descending,
        )
        return answer, items[offset : None if limit is None else offset + limit]

    # writes

    def _create(self, call: Call, records: list[Any]) -> Exchange:
        bodies = [self._values(values) for values in self._bounded(records)]
        created: list[Any] = []
        for body in bodies:
            answer = yield ServiceRequest("POST", self._path, _JSON, body)
            if trouble := answers.trouble(call.id, answer, done=len(created)):
                return trouble
            created.append(self._identity(answers.record(answer)))
        return answers.result(call.id, created)

    def _write(self, call: Call, ids: list[Any], values: dict[str, Any]) -> Exchange:
        body = self._values(values)
        return (yield from self._each(call, "PATCH", ids, _JSON, body))

    def _delete(self, call: Call, ids: list[Any]) -> Exchange:
        return (yield from self._each(call, "DELETE", ids, _READ, b""))

    def _each(self, call: Call, verb: str, ids: list[Any], headers: Any, body: bytes) -> Exchange:
        for done, id in enumerate(self._bounded(_whole_numbers(ids))):
            answer = yield ServiceRequest(verb, f"{self._path}/{id}", headers, body)
            if trouble := answers.trouble(call.id, answer, done=done):
                return trouble
        return answers.result(call.id, None)

    def _bounded(self, records: list[Any]) -> list[Any]:
        if len(records) > self._batch:
            raise UntranslatableRequest(
                f"{len(records)} records at once can't be put to the new service, {self._batch} can",
                why="each record is a call of its own, so a batch wouldn't be all or nothing as it is in Tryton",
                do="send fewer at once, or raise protocol.options.batch if that is acceptable",
            )
        return records

    # fields

    def _service_fields(self) -> dict[str, str]:
        return {name: option.field for name, option in self._fields.items()}

    def _known(self, names: list[Any]) -> None:
        unknown = [str(name) for name in names if not isinstance(name, str) or name not in self._fields]
        if unknown or not names:
            raise UntranslatableRequest(
                f"fields that the new service doesn't have: {', '.join(unknown) or 'all of them, since none is named'}",
                why=f"it has {', '.join(self._fields)}",
            )

    def _record(self, item: dict[str, Any], names: list[str]) -> dict[str, Any]:
        try:
            told = {"id": self._identity(item)}
            for name in names:
                option = self._fields[name]
                told[name] = to_tryton(item[option.field], option.type)
        except (KeyError, ValueError, TypeError) as error:
            raise UntranslatableRequest(
                "a record of the new service can't be put back", why=repr(error)
            ) from error
        return told

    def _values(self, values: Any) -> bytes:
        if not isinstance(values, dict):
            raise UntranslatableRequest("values must be an object")
        if values:
            self._known(list(values))
        told: dict[str, Any] = {}
        for name, value in values.items():
            option = self._fields[name]
            if option.field in told:
                raise UntranslatableRequest(
                    f"two fields of the call are one in the new service: {option.field}"
                )
            told[option.field] = to_service(name, value, option.type)
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    def _identity(self, item: Any) -> Any:
        """The id of a record as the service gave it."""
        try:
            identity = item[self._id]
            hash(identity)
            return identity
        except (KeyError, TypeError) as error:
            raise UntranslatableRequest(f"the new service gave a record without its {self._id}") from error

    def _by_ids(self, ids: Any) -> ServiceRequest:
        """Exactly these; never none, since a service might take an empty `ids` for no condition at all."""
        return ServiceRequest("GET", f"{self._path}?ids={','.join(map(str, ids))}", _READ)


def _window(rest: list[Any]) -> tuple[int, int | None, Any]:
    """Offset, limit and order as Tryton's search takes them, with its defaults."""
    padded: list[Any] = rest + [None] * (3 - len(rest))
    offset, limit, order, *others = padded
    if any(others) or not all(type(number or 0) is int and (number or 0) >= 0 for number in (offset, limit)):
        raise UntranslatableRequest(
            "offset and limit must be numbers from 0 on, and nothing may follow the order"
        )
    return offset or 0, limit, order


def _whole_numbers(ids: list[Any]) -> list[int]:
    if any(isinstance(id, bool) or not isinstance(id, int) for id in ids):
        raise UntranslatableRequest("ids must be whole numbers")
    return ids
