"""REST: a legacy API of JSON over HTTP, put to a service whose paths and fields are others. See docs/protocols.md.

    protocol:
      kind: rest
      options:
        operations:
          GET /api/customers/{no}:
            ask: GET /customers/{path.no | zeros(10)}
            answer: {customerNo: id | zeros(10), limit: credit | number}

An operation is a method and a path template, or the name that its route gives it; then the steps of its path are `path.0`, `path.1`.
Values are `path.…`, `query.…` and `body.…`.
A fault is the problem document of the service under its status, unless `errors` says what legacy told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from strangler.errors import StranglerError, UntranslatableRequest
from strangler.facade.protocol import Answer, Around, LegacyCall, Request, Trouble
from strangler_adapters.protocols.contract import exact
from strangler_adapters.protocols.contract.operation import ContractOptions, all_compiled, checked
from strangler_adapters.protocols.contract.sources import Language, Source
from strangler_adapters.protocols.contract.spelling import JSON
from strangler_adapters.protocols.contract.structure import structure
from strangler_adapters.protocols.contract.translation import Operations, Translation

KEPT: Final = ("www-authenticate", "retry-after", "location", "etag")
"""Headers of the service's answer that callers get too."""


def connect(options: Mapping[str, Any], around: Around) -> Translation:
    """The translation that the options describe. Raises StranglerError."""
    section = checked("rest", ContractOptions, options)
    contract = Rest(section.operations)
    compiled = all_compiled(section, contract, Language(JSON, around.code_maps))
    for name, operation in compiled.items():
        if " " not in name:  # The route has read the path already.
            compiled[name] = operation._replace(read=operation.read | {("path",)})
    return Translation(contract, [Operations(compiled)], around.own)


class Rest:
    """The contract: JSON both ways, the status of the service."""

    spelling = JSON

    def __init__(self, operations: Sequence[str] | Mapping[str, Any]) -> None:
        self._templates = [(name, *_template(name)) for name in operations if " " in name]
        self._templates.sort(key=lambda each: [step.startswith("{") for step in each[2]])

    def call(self, operation: str | None, request: Request) -> LegacyCall:
        path, _, query = request.target.partition("?")
        name, taken = self._found(operation, request.method, path)
        values: dict[str, Any] = {"path": taken, "query": _pairs(query), "body": _body(request)}
        return LegacyCall(name, values, request)

    def answer(self, call: LegacyCall, told: Any, status: int) -> Answer:
        if told is None:
            return Answer(204 if status == 200 else status, [], b"")
        return _json(status, told)

    def fault(self, request: Request, trouble: Trouble) -> Answer:
        kept = [each for each in trouble.answer.headers if each[0] in KEPT] if trouble.answer else []
        told = trouble.told
        if told is None:
            told = {
                "title": trouble.title,
                "status": trouble.status,
                "detail": trouble.detail,
                "code": trouble.code,
            }
            told = {name: each for name, each in told.items() if each}
        kind = "application/json" if trouble.told is not None else "application/problem+json"
        return Answer(trouble.status, [("content-type", kind), *kept], _safely(told))

    def accepted(self, answer: Answer) -> bool:
        return 200 <= answer.status < 300

    def comparable(self, answer: Answer) -> Any:
        """Of an error only its status: its words are the two sides' own."""
        if answer.status >= 400:
            return {"status": answer.status}
        return exact.parsed(answer.body) if answer.body.strip() else None

    def structure(self, written: Any, language: Language) -> Source:
        return structure(written, language, "write")

    def _found(self, operation: str | None, method: str, path: str) -> tuple[str, dict[str, str]]:
        """The operation that a call meets, the most literal first, and what its path holds."""
        steps = [unquote(step) for step in path.split("/") if step]
        for name, wanted, template in self._templates:
            if (
                operation in (None, name)
                and wanted == method
                and (taken := _taken(template, steps)) is not None
            ):
                return name, taken
        if operation is not None and " " not in operation:
            return operation, {str(index): step for index, step in enumerate(steps)}
        raise UntranslatableRequest(f"{method} of this path can't be put to the new service")


def _template(name: str) -> tuple[str, list[str]]:
    method, _, path = name.partition(" ")
    if not path.startswith("/"):
        raise StranglerError(
            f"{name!r} is no operation", do="GET /api/customers/{no}, or the name that a route gives it"
        )
    return method, [step for step in path.split("/") if step]


def _taken(template: list[str], steps: list[str]) -> dict[str, str] | None:
    if len(template) != len(steps):
        return None
    taken = {}
    for wanted, step in zip(template, steps, strict=True):
        if wanted.startswith("{") and wanted.endswith("}"):
            taken[wanted[1:-1]] = step
        elif wanted != step:
            return None
    return taken


def _pairs(query: str) -> dict[str, Any]:
    """A name that comes more than once is a list."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in found:
            found[name] = [*(found[name] if isinstance(found[name], list) else [found[name]]), value]
        else:
            found[name] = value
    return found


def _body(request: Request) -> Any:
    if not request.body:
        return None
    kind = next((value for name, value in request.headers if name == "content-type"), "application/json")
    if "json" not in kind.lower():
        raise UntranslatableRequest(
            f"a body of {kind.partition(';')[0]} can't be put to the new service", why="JSON can"
        )
    try:
        return exact.parsed(request.body)
    except ValueError as error:
        raise UntranslatableRequest("the body is no JSON", why=str(error)) from error


def _json(status: int, told: Any) -> Answer:
    return Answer(status, [("content-type", "application/json")], exact.written(told))


def _safely(told: Any) -> bytes:
    try:
        return exact.written(told)
    except ValueError:
        return exact.written(
            {"title": "the new service refused", "detail": "what it said can't be written as JSON"}
        )
