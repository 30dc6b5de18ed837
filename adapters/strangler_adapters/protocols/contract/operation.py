"""Operation: one call of the legacy contract as one call of the service. Options, and what they compile to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from strangler.errors import StranglerError, UntranslatableRequest
from strangler.facade.protocol import LegacyCall, ServiceRequest
from strangler_adapters.protocols.contract import exact
from strangler_adapters.protocols.contract.contract import Contract
from strangler_adapters.protocols.contract.problems import Told
from strangler_adapters.protocols.contract.sources import (
    ABSENT,
    Language,
    Path,
    Scope,
    Source,
    filled,
    looked_up,
    source,
    unread,
)
from strangler_adapters.protocols.contract.structure import structure

_ASK: Final = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE) (/[^?#]*)")
_SAFE: Final = ("GET", "HEAD")


class Section(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ErrorOptions(Section):
    """What callers are told for a status of the service."""

    status: int | None = Field(None, ge=200, le=599)
    code: str = ""
    message: str | None = None
    answer: Any = None
    fault: bool = True


class OperationOptions(Section):
    """What stands under an operation's name."""

    ask: str
    query: dict[str, Any] = {}
    headers: dict[str, Any] = {}
    body: Any = None
    answer: Any = None
    expect: dict[str, list[Any]] = {}
    ignore: list[str] = []
    key: str | None = None
    errors: dict[str, ErrorOptions] = {}

    @field_validator("errors", mode="before")
    @classmethod
    def _statuses_are_text(cls, value: Any) -> Any:
        return _with_text_keys(value)

    @field_validator("expect", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: each if isinstance(each, list) else [each] for name, each in value.items()}


class Operation(NamedTuple):
    """A compiled operation."""

    method: str
    target: Source
    query: Mapping[str, Source]
    headers: Mapping[str, Source]
    body: Source | None
    answer: Source
    expect: Mapping[Path, frozenset[str]]
    read: frozenset[Path]
    key: Source | None
    errors: Mapping[str, Told]

    @property
    def writes(self) -> bool:
        return self.method not in _SAFE

    def request(self, call: LegacyCall) -> ServiceRequest:
        """What the service is asked. Raises UntranslatableRequest."""
        self._check(call)
        scope = Scope(call.values)
        query = [(name, _as_query(value)) for name, value in _present(self.query, scope)]
        headers = [(name.lower(), _as_header(name, value)) for name, value in _present(self.headers, scope)]
        target = str(self.target.value(scope))
        if query:
            target += f"?{urlencode(query, quote_via=quote)}"
        headers.append(("accept", "application/json"))
        if self.body is None:
            return ServiceRequest(self.method, target, headers)
        headers.append(("content-type", "application/json"))
        return ServiceRequest(self.method, target, headers, self._written(self.body.value(scope)))

    def keys(self, call: LegacyCall) -> tuple[str, ...]:
        """The record that the call names."""
        key = self.key.value(Scope(call.values)) if self.key else ABSENT
        return () if key is ABSENT or key is None else (str(key),)

    def _check(self, call: LegacyCall) -> None:
        for path, accepted in self.expect.items():
            found = looked_up(call.values, path)
            shown = "" if found is ABSENT or found is None else _as_query(found)
            if shown not in accepted:
                raise UntranslatableRequest(
                    f"{'.'.join(path)} is {shown[:60]!r}, which can't be put to the new service",
                    why=f"it may be {', '.join(map(repr, sorted(accepted)))}",
                )
        if left := unread(call.values, self.read):
            raise UntranslatableRequest(
                f"the new service isn't told of {', '.join(left[:5])}{' and more' if len(left) > 5 else ''}",
                why=f"nothing of {call.operation} reads it, and what is sent must not get lost in silence",
            )

    def _written(self, value: Any) -> bytes:
        try:
            return exact.written({} if value is ABSENT else value)
        except ValueError as error:
            raise UntranslatableRequest("the values can't be written as JSON", why=str(error)) from error


class ContractOptions(Section):
    """What all contracts have among their options."""

    operations: dict[str, OperationOptions] = {}
    errors: dict[str, ErrorOptions] = {}

    @field_validator("errors", mode="before")
    @classmethod
    def _statuses_are_text(cls, value: Any) -> Any:
        return _with_text_keys(value)


Options = TypeVar("Options", bound=BaseModel)


def checked(kind: str, model: type[Options], options: Mapping[str, Any]) -> Options:
    """The options as the model has them. Raises StranglerError naming every one that doesn't fit."""
    try:
        return model.model_validate(options)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise StranglerError(
            f"the options of the {kind} protocol don't fit", why=found, do="see docs/protocols.md"
        ) from error


def all_compiled(options: ContractOptions, contract: Contract, language: Language) -> dict[str, Operation]:
    """The operations by name. Raises StranglerError."""
    shared = {}
    for name, each in options.operations.items():
        whole = each.model_copy(update={"errors": {**options.errors, **each.errors}})
        shared[name] = compiled(name, whole, contract, language)
    return shared


def _with_text_keys(value: Any) -> Any:
    return {str(name): each for name, each in value.items()} if isinstance(value, dict) else value


def compiled(name: str, options: OperationOptions, contract: Contract, language: Language) -> Operation:
    """The operation that the options describe. Raises StranglerError."""
    try:
        return _compiled(options, contract, language)
    except StranglerError as error:
        raise StranglerError(f"operation {name}: {error.what}", why=error.why, do=error.do) from error


def _compiled(options: OperationOptions, contract: Contract, language: Language) -> Operation:
    found = _ASK.fullmatch(options.ask.strip())
    if not found:
        raise StranglerError(f"{options.ask!r} is no call", do="GET /customers/{CustomerNo}")
    target = filled(found[2], language, "read", quoted)
    query = {name: source(each, language, "read") for name, each in options.query.items()}
    headers = {name: source(each, language, "read") for name, each in options.headers.items()}
    body = None if options.body is None else structure(options.body, language, "read")
    if body is not None and found[1] in _SAFE:
        raise StranglerError(f"a {found[1]} has no body", do="query:")
    key = source(options.key, language, "read") if options.key else _only(target)
    expect = {
        tuple(path.split(".")): frozenset(map(_as_query, each)) for path, each in options.expect.items()
    }
    used: list[Source] = [
        target,
        *query.values(),
        *headers.values(),
        *(part for part in (body, key) if part),
    ]
    read = {path for each in used for path in each.paths} | set(expect)
    read |= {() if each == "*" else tuple(each.split(".")) for each in options.ignore}
    return Operation(
        found[1],
        target,
        query,
        headers,
        body,
        contract.structure(options.answer, language),
        expect,
        frozenset(read),
        key,
        errors(options.errors, contract, language),
    )


def errors(options: Mapping[str, ErrorOptions], contract: Contract, language: Language) -> dict[str, Told]:
    """What callers are told, by status: `404`, `4xx`, `*`. Raises StranglerError."""
    found = {}
    for status, each in options.items():
        if not re.fullmatch(r"[345][0-9x]{2}|\*", status):
            raise StranglerError(f"{status!r} is no status of an error", do="404, 4xx or *")
        message = None if each.message is None else filled(each.message, language, "write")
        answer = None if each.answer is None else contract.structure(each.answer, language)
        found[status] = Told(each.status, each.code, message, answer, each.fault)
    return found


def _only(target: Source) -> Source | None:
    """What the path names, where it names one thing."""
    named: tuple[Source, ...] = getattr(target, "sources", ())
    return named[0] if len(named) == 1 else None


def _present(sources: Mapping[str, Source], scope: Scope) -> list[tuple[str, Any]]:
    found = [(name, each.value(scope)) for name, each in sources.items()]
    return [(name, value) for name, value in found if value is not ABSENT and value is not None]


def _as_query(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _as_header(name: str, value: Any) -> str:
    shown = _as_query(value)
    if not shown.isascii() or not shown.isprintable():
        raise UntranslatableRequest(f"the header {name} can't hold {shown[:60]!r}")
    return shown


def quoted(value: str) -> str:
    """As one segment of a path. Raises UntranslatableRequest for what would be another path."""
    if value in ("", ".", ".."):
        raise UntranslatableRequest(f"{value!r} can't be part of a path")
    try:
        return quote(value, safe="")
    except UnicodeEncodeError as error:
        raise UntranslatableRequest("half of a surrogate pair can't be part of a path") from error
