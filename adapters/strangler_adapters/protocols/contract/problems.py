"""Problems: what a service that didn't do what was asked says, and what legacy's callers are told for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import Answer, Trouble
from strangler_adapters.protocols.contract import exact
from strangler_adapters.protocols.contract.sources import ABSENT, Scope, Source

OTHERS: Final = "*"


def done(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def told(answer: Answer) -> Any:
    """The values of an answer, None for an empty one. Raises UntranslatableRequest when it is no JSON."""
    if not answer.body.strip():
        return None
    try:
        return exact.parsed(answer.body)
    except ValueError as error:
        raise UntranslatableRequest("the new service's answer is no JSON", why=str(error)) from error


def trouble(answer: Answer) -> Trouble:
    """What a problem document (RFC 9457) says; what isn't one is shown by its status."""
    title, detail, problem = f"HTTP {answer.status}", "", {}
    try:
        problem = exact.parsed(answer.body)
        title, detail = str(problem.get("title") or title), str(problem.get("detail") or "")
    except (ValueError, AttributeError):
        problem = {}
    if answer.status < 400:  # A redirect isn't followed, so nothing was done.
        detail = f"the new service answered {answer.status}, and redirects aren't followed"
    return Trouble(answer.status, title, detail, told=None, answer=answer)


class Told(NamedTuple):
    """What legacy's callers are told for a status of the service. `fault`: as a fault; else as an answer like any other."""

    status: int | None
    code: str
    message: Source | None
    answer: Source | None
    fault: bool


def problem_of(answer: Answer) -> Mapping[str, Any]:
    """The members of a problem document, with `status`, `title` and `detail` whatever the service sent."""
    said = trouble(answer)
    try:
        members = exact.parsed(answer.body)
    except ValueError:
        members = {}
    members = members if isinstance(members, dict) else {}
    return {**members, "status": said.status, "title": said.title, "detail": said.detail}


def as_told(answer: Answer, asked: Any, errors: Mapping[str, Told]) -> tuple[Trouble, Any]:
    """The trouble in the contract's words; and instead of a fault the values of an answer, ABSENT where it is one."""
    plain = trouble(answer)
    rule = errors.get(str(answer.status)) or errors.get(f"{answer.status // 100}xx") or errors.get(OTHERS)
    if rule is None:
        return plain, ABSENT
    scope = Scope(problem_of(answer), asked)
    built = rule.answer.value(scope) if rule.answer else None
    message = str(rule.message.value(scope)) if rule.message else plain.title
    detail = "" if rule.message else plain.detail
    said = Trouble(
        rule.status or plain.status, message, detail, rule.code, None if built is ABSENT else built, answer
    )
    return said, ABSENT if rule.fault else said.told
