"""Answers on their way: what the service told, read strictly, and what Tryton's caller is told for it."""

from __future__ import annotations

import json
from typing import Any, Literal

import orjson

from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import Answer, Request


def parsed(body: bytes) -> Any:
    """A caller's JSON with its numbers exact. Raises ValueError, also for what Python's parser alone would let pass and
    nobody could write again: half of a surrogate pair, NaN, nesting without end."""
    orjson.loads(body)
    return json.loads(body)


def record(answer: Answer) -> dict[str, Any]:
    try:
        told: Any = json.loads(answer.body)
    except ValueError as error:
        raise UntranslatableRequest("the new service's answer is no JSON", why=str(error)) from error
    if not isinstance(told, dict):
        raise UntranslatableRequest("the new service's answer is no JSON object")
    return told


def items(answer: Answer) -> list[dict[str, Any]]:
    found: Any = record(answer).get("items")
    if not isinstance(found, list):
        raise UntranslatableRequest("the new service's answer has no items")
    return found


def total(answer: Answer) -> int:
    found: Any = record(answer).get("total")
    if not isinstance(found, int):
        raise UntranslatableRequest("the new service's answer has no total")
    return found


def trouble(id: Any, answer: Answer, *, asked: bool = False, done: int = 0) -> Answer | None:
    """The answer for the caller when the service didn't do it; None when it did.

    No session, and a service that fails, are passed on with their status as Tryton's own are. `asked`: a query that the
    service refuses is one that it can't be asked.
    """
    if 200 <= answer.status < 300:
        return None
    if answer.status in (401, 403) or answer.status >= 500:
        return answer
    title, detail = _problem(answer)
    if answer.status < 400:  # A redirect isn't followed, so nothing was done.
        detail = f"the new service answered {answer.status}, and redirects aren't followed"
    if asked and (answer.status in (400, 422) or answer.status < 400):
        raise UntranslatableRequest(f"the new service can't be asked this: {detail or title}")
    before = f" ({done} of the records were done before)" if done else ""
    return fault(id, title + before, detail)


def _problem(answer: Answer) -> tuple[str, str]:
    """Title and detail of a problem document (RFC 9457); what isn't one is shown by its status."""
    try:
        told: Any = json.loads(answer.body)
        return str(told.get("title") or f"HTTP {answer.status}"), str(told.get("detail") or "")
    except (ValueError, AttributeError):
        return f"HTTP {answer.status}", ""


def id_of(request: Request) -> Any:
    try:
        return parsed(request.body)["id"]
    except (ValueError, TypeError, KeyError):
        return 0


def result(id: Any, value: Any) -> Answer:
    return _answer({"id": id, "result": value})


def fault(id: Any, message: str, description: str, kind: Literal["UserError"] = "UserError") -> Answer:
    """A business error as Tryton tells it: HTTP 200, with message, description and no domain."""
    return _answer({"id": id, "error": [kind, [message, description, None]]})


def _answer(told: dict[str, Any]) -> Answer:
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(200, [("content-type", "application/json")], body)
