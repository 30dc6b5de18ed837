"""Dialects: how Tryton, Odoo and version 2.0 write calls, results and faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import Answer, LegacyCall, Request, Trouble
from strangler_adapters.protocols.contract import exact
from strangler_adapters.protocols.contract.sources import Language, Source
from strangler_adapters.protocols.contract.spelling import JSON, Spelling
from strangler_adapters.protocols.contract.structure import structure
from strangler_adapters.protocols.jsonrpc import spelling


class Mark(NamedTuple):
    """What of a call isn't among its values. `method` is as the body names it, with its model in front."""

    id: Any
    method: str
    context: Mapping[str, Any]


class Dialect:
    """What the dialects have in common."""

    spelling: Spelling = JSON

    def answer(self, call: LegacyCall, told: Any, status: int) -> Answer:
        return self._written({"result": told}, call.mark.id)

    def structure(self, written: Any, language: Language) -> Source:
        return structure(written, language, "write")

    def accepted(self, answer: Answer) -> bool:
        return 200 <= answer.status < 300 and "error" not in self.comparable(answer)

    def comparable(self, answer: Answer) -> Any:
        """The result; of a fault only what kind it is."""
        told: Any = exact.parsed(answer.body)
        if not isinstance(told, dict):
            raise ValueError("the answer is no JSON-RPC object")
        return (
            {"error": self._kind(told["error"])}
            if told.get("error") is not None
            else {"result": told.get("result")}
        )

    def _kind(self, error: Any) -> Any:
        return error

    def _written(self, told: dict[str, Any], id: Any) -> Answer:
        return Answer(200, [("content-type", "application/json")], exact.written({"id": id, **told}))

    def _fault(self, request: Request, error: Any) -> Answer:
        try:
            return self._written({"error": error}, _id_of(request))
        except ValueError:  # Something that nobody can write stands in the call, or in what was said of it.
            return self._written({"error": _cleaned(error)}, None)


class Tryton(Dialect):
    """`{"id": 7, "method": "model.party.party.read", "params": [[1], ["name"], {…}]}`; the last parameter is the context."""

    spelling = spelling.TRYTON

    def call(self, operation: str | None, request: Request) -> LegacyCall:
        body = _parsed(request)
        try:
            method, (*arguments, context) = body["method"], body["params"]
        except (ValueError, TypeError, KeyError) as error:
            raise UntranslatableRequest("the body is no JSON-RPC call", why=str(error)) from error
        if not isinstance(method, str):
            raise UntranslatableRequest("the body is no JSON-RPC call", why="its method is no text")
        if not isinstance(context, dict):
            raise UntranslatableRequest("the last parameter must be the context")
        if context.get("_datetime"):
            raise UntranslatableRequest("the new service knows no history (_datetime)")
        return LegacyCall(
            operation or method, {"params": arguments}, request, Mark(body.get("id"), method, context)
        )

    def fault(self, request: Request, trouble: Trouble) -> Answer:
        """A business error as Tryton tells it: HTTP 200, with message, description and no domain."""
        if as_it_is := _passed(trouble):
            return as_it_is
        return self._fault(request, [trouble.code or "UserError", [trouble.title, trouble.detail, None]])

    def _kind(self, error: Any) -> Any:
        return error[0] if isinstance(error, list) and error else error


class Odoo(Dialect):
    """`execute_kw` of `/jsonrpc`, and `/web/dataset/call_kw`: a model, a method, arguments by place and by name."""

    spelling = spelling.ODOO

    def call(self, operation: str | None, request: Request) -> LegacyCall:
        body = _parsed(request)
        try:
            model, method, arguments, named = _execution(body["params"])
        except (ValueError, TypeError, KeyError) as error:
            raise UntranslatableRequest("the body is no call of a model's method", why=str(error)) from error
        if not isinstance(arguments, list) or not isinstance(named, dict):
            raise UntranslatableRequest(
                "the body is no call of a model's method", why="args is a list, kwargs an object"
            )
        context = named.get("context") or {}
        values = {
            "args": arguments,
            "kwargs": {name: each for name, each in named.items() if name != "context"},
        }
        name = f"{model}.{method}"
        return LegacyCall(
            operation or name,
            values,
            request,
            Mark(body.get("id"), name, context if isinstance(context, dict) else {}),
        )

    def fault(self, request: Request, trouble: Trouble) -> Answer:
        if trouble.status == 401:
            return self._fault(
                request,
                _odoo_error(100, "Odoo Session Expired", "odoo.http.SessionExpiredException", trouble),
            )
        if trouble.status != 403 and (as_it_is := _passed(trouble)):
            return as_it_is
        name = trouble.code or _ODOO_NAMES.get(trouble.status, "odoo.exceptions.UserError")
        return self._fault(request, _odoo_error(200, "Odoo Server Error", name, trouble))

    def _written(self, told: dict[str, Any], id: Any) -> Answer:
        return super()._written({"jsonrpc": "2.0", **told}, id)

    def _kind(self, error: Any) -> Any:
        data = error.get("data") if isinstance(error, dict) else None
        return data.get("name") if isinstance(data, dict) else error


_ODOO_NAMES: Final = {
    403: "odoo.exceptions.AccessError",
    404: "odoo.exceptions.MissingError",
    409: "odoo.exceptions.ValidationError",
}


class Standard(Dialect):
    """JSON-RPC 2.0 without a model: `operations` say everything."""

    def call(self, operation: str | None, request: Request) -> LegacyCall:
        body = _parsed(request)
        method, params = body.get("method"), body.get("params", {})
        if not isinstance(method, str) or not isinstance(params, dict | list):
            raise UntranslatableRequest(
                "the body is no JSON-RPC call", why="it has a method, and params in a list or an object"
            )
        return LegacyCall(operation or method, {"params": params}, request, Mark(body.get("id"), method, {}))

    def fault(self, request: Request, trouble: Trouble) -> Answer:
        code = int(trouble.code) if trouble.code.lstrip("-").isdigit() else -32000
        data = trouble.told if trouble.told is not None else trouble.detail or None
        error = {"code": code, "message": trouble.title} | ({} if data is None else {"data": data})
        return _passed(trouble) or self._fault(request, error)

    def _written(self, told: dict[str, Any], id: Any) -> Answer:
        return super()._written({"jsonrpc": "2.0", **told}, id)

    def _kind(self, error: Any) -> Any:
        return error.get("code") if isinstance(error, dict) else error


def _execution(params: Any) -> tuple[str, str, Any, Any]:
    """Model, method, args and kwargs of a call. Raises ValueError, TypeError or KeyError."""
    if "service" not in params:
        return str(params["model"]), str(params["method"]), params.get("args", []), params.get("kwargs", {})
    if params["service"] != "object" or params["method"] not in ("execute_kw", "execute"):
        raise ValueError(f"{params['service']}.{params['method']} calls no method of a model")
    _, _, _, model, method, *rest = params["args"]  # the first three are database, user and password
    if params["method"] == "execute":
        return str(model), str(method), rest, {}
    arguments, named = [*rest, {}][:2] if rest else ([], {})
    return str(model), str(method), arguments, named


def _odoo_error(code: int, message: str, name: str, trouble: Trouble) -> dict[str, Any]:
    words = f"{trouble.title}\n{trouble.detail}".strip()
    data = {"name": name, "debug": "", "message": words, "arguments": [words], "context": {}}
    return {"code": code, "message": message, "data": data}


def _passed(trouble: Trouble) -> Answer | None:
    """No session, and a service that fails, are passed on with their status as the ERP's own are."""
    answer = trouble.answer
    return answer if answer is not None and (answer.status in (401, 403) or answer.status >= 500) else None


def _parsed(request: Request) -> dict[str, Any]:
    try:
        body: Any = exact.parsed(request.body)
    except ValueError as error:
        raise UntranslatableRequest("the body is no JSON-RPC call", why=str(error)) from error
    if not isinstance(body, dict):
        raise UntranslatableRequest("the body is no single JSON-RPC call")
    return body


def _id_of(request: Request) -> Any:
    try:
        return exact.parsed(request.body).get("id")
    except (ValueError, AttributeError):
        return 0


def _cleaned(error: Any) -> Any:
    """With a replacement for what has no UTF-8."""
    match error:
        case str():
            return error.encode("utf-8", "replace").decode()
        case dict():
            return {_cleaned(name): _cleaned(each) for name, each in error.items()}
        case list():
            return [_cleaned(each) for each in error]
    return error
