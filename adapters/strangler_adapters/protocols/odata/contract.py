"""The contract of OData: addresses, envelopes and errors of versions 2 and 4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from strangler.errors import UntranslatableRequest
from strangler.facade.protocol import Answer, LegacyCall, Request, Trouble
from strangler_adapters.protocols.contract import exact
from strangler_adapters.protocols.contract.sources import Language, Source
from strangler_adapters.protocols.contract.structure import structure
from strangler_adapters.protocols.odata import spelling
from strangler_adapters.protocols.odata.literals import key, literal, tokens

OPTIONS: Final = frozenset(
    ("$filter", "$select", "$orderby", "$top", "$skip", "$count", "$inlinecount", "$format")
)
_METADATA: Final = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
_KEPT: Final = ("www-authenticate", "retry-after")


class Address(NamedTuple):
    """What a call is about. `set` and its `key` where it names them; `last` is the last step of the path: the set, an operation, or
    `$count`."""

    method: str
    set: str
    key: Mapping[str, Any] | None
    last: str
    options: Mapping[str, str]
    base: str


class Envelope(NamedTuple):
    """An answer in the making, with what stands around its values."""

    status: int
    told: Any
    text: str | None = None


class OData:
    """The contract. `keys`: entity set → the names of its key."""

    def __init__(self, version: int, root: str, keys: Mapping[str, tuple[str, ...]]) -> None:
        self.version, self.root, self._keys = version, root.rstrip("/"), keys
        self.spelling = spelling.V2 if version == 2 else spelling.V4

    def call(self, operation: str | None, request: Request) -> LegacyCall:
        address, query = self._address(request)
        _check_conditions(request)
        body = _body(request)
        if address.method == "GET" or address.method == "POST":
            self._check_format(request, address.options)
        name = operation or (
            address.last if address.last != address.set else f"{address.method} {address.set}"
        )
        values = {"key": dict(address.key or {}), "query": query, "body": body}
        return LegacyCall(name, values, request, address)

    def answer(self, call: LegacyCall, told: Any, status: int) -> Answer:
        envelope = (
            told if isinstance(told, Envelope) else Envelope(200, {"d": told} if self.version == 2 else told)
        )
        if envelope.text is not None:
            return Answer(
                envelope.status, [("content-type", "text/plain"), self._version()], envelope.text.encode()
            )
        if envelope.told is None or (isinstance(envelope.told, dict) and envelope.told.get("d", "") is None):
            return Answer(204, [self._version()], b"")
        return Answer(
            envelope.status, [("content-type", self._type()), self._version()], exact.written(envelope.told)
        )

    def fault(self, request: Request, trouble: Trouble) -> Answer:
        # What can't be asked for is "not implemented" (OData 4.01 protocol, 9.3.1), and refused is all that has no answer behind it.
        status = 501 if trouble.answer is None and trouble.status == 422 else trouble.status
        kept = [each for each in trouble.answer.headers if each[0] in _KEPT] if trouble.answer else []
        words = f"{trouble.title}: {trouble.detail}" if trouble.detail else trouble.title
        code = trouble.code or str(status)
        if self.version == 2 and not _wants_json(request):
            body = _xml_error(code, words)
            return Answer(status, [("content-type", "application/xml"), self._version(), *kept], body)
        body = _json_error(self.version, code, words, trouble.told)
        return Answer(status, [("content-type", self._type()), self._version(), *kept], body)

    def accepted(self, answer: Answer) -> bool:
        told = self.comparable(answer) if 200 <= answer.status < 300 else {"error": None}
        return not (isinstance(told, dict) and "error" in told)

    def comparable(self, answer: Answer) -> Any:
        """Values without what the two sides say about themselves: addresses, contexts, stamps. Of an error its code."""
        if not answer.body.strip():
            return None
        if "text/plain" in answer.header("content-type"):
            return int(answer.body.decode("utf-8-sig"))
        told = exact.parsed(answer.body)
        if isinstance(told, dict) and "error" in told:
            return {"error": told["error"].get("code") if isinstance(told["error"], dict) else None}
        bare = _bare(told)
        if isinstance(bare, dict):
            bare = bare.get("d", bare)
        if isinstance(bare, dict) and isinstance(bare.get("results"), list):
            bare["value"] = bare.pop("results")
        return bare

    def structure(self, written: Any, language: Language) -> Source:
        return structure(written, language, "write")

    def document(self) -> Answer:
        """The service document, as far as the sets are known."""
        named = [{"name": name, "kind": "EntitySet", "url": name} for name in self._keys]
        told = (
            {"d": {"EntitySets": list(self._keys)}}
            if self.version == 2
            else {"@odata.context": "$metadata", "value": named}
        )
        return Answer(200, [("content-type", self._type()), self._version()], exact.written(told))

    def address(self, request: Request) -> str:
        """The path below the root. Raises UntranslatableRequest."""
        path = request.target.partition("?")[0]
        if not (path == self.root or path.startswith(f"{self.root}/")):
            raise UntranslatableRequest(f"the path isn't below {self.root}")
        return path[len(self.root) :].strip("/")

    def _address(self, request: Request) -> tuple[Address, dict[str, Any]]:
        below = self.address(request)
        steps = [unquote(step) for step in below.split("/")]
        if steps[0] in ("$batch", "$metadata", ""):
            raise UntranslatableRequest(*_NOT_TAKEN[steps[0]])
        name, predicate = _opened(steps[0])
        keys = self._keys.get(name)
        method = next(
            (value for n, value in request.headers if n in ("x-http-method", "x-http-method-override")),
            request.method,
        )
        options, query = self._query(request.target.partition("?")[2])
        if (
            predicate is not None and keys is None and len(steps) == 1
        ):  # A function of version 4: Total(year=2026)
            query |= _arguments(predicate)
        if len(steps) > 2 or (len(steps) == 2 and "(" in steps[1]):
            raise UntranslatableRequest(f"a path of {len(steps)} steps can't be put to the new service")
        last = steps[-1] if len(steps) == 2 else name
        named = key(predicate, keys) if predicate is not None and keys is not None else None
        base = f"{_header(request, 'x-forwarded-proto') or 'http'}://{_header(request, 'host')}{self.root}"
        return Address(
            method.upper(), name if keys else "", named, last.rpartition(".")[2], options, base
        ), query

    def _query(self, text: str) -> tuple[dict[str, str], dict[str, Any]]:
        """The options of the system, and the parameters of an operation. Raises UntranslatableRequest."""
        options: dict[str, str] = {}
        others: dict[str, Any] = {}
        for name, value in parse_qsl(text, keep_blank_values=True):
            if name in options or name in others:
                raise UntranslatableRequest(f"the query says {name} twice")
            if name.startswith("$"):
                if name not in OPTIONS:
                    raise UntranslatableRequest(
                        f"{name} can't be put to the new service",
                        why=f"it knows {', '.join(sorted(OPTIONS))}",
                    )
                options[name] = value
            elif not name.startswith("sap-"):
                read = tokens(value)
                told = literal(read[0]) if len(read) == 1 else None
                others[name.removeprefix("@")] = told.value if told else value
        return options, others

    def _check_format(self, request: Request, options: Mapping[str, str]) -> None:
        """Raises UntranslatableRequest where Atom would be answered."""
        if options.get("$format", "json").partition(";")[0] not in ("json", "application/json"):
            raise UntranslatableRequest(
                f"$format={options['$format']} can't be answered by the new service, JSON can"
            )
        if (
            self.version == 2
            and "$format" not in options
            and not _wants_json(request)
            and "$count" not in request.target
        ):
            raise UntranslatableRequest(
                "version 2 answers in Atom where JSON isn't asked for, and that can't be put back from the new service"
            )

    def _type(self) -> str:
        return "application/json" if self.version == 2 else "application/json;odata.metadata=minimal"

    def _version(self) -> tuple[str, str]:
        return ("dataserviceversion", "2.0") if self.version == 2 else ("odata-version", "4.0")


_NOT_TAKEN: Final = {
    "$batch": (
        "a $batch can't be put to the new service: it holds calls of several functions at once, and a changeset is all or nothing",
    ),
    "$metadata": ("the $metadata can't be asked of the new service; name a file with it under `metadata`",),
    "": ("the service document can't be asked of the new service",),
}


def _opened(step: str) -> tuple[str, str | None]:
    """`Orders('1')` as its name and what stands in the brackets."""
    name, bracket, rest = step.partition("(")
    if not bracket:
        return name, None
    if not rest.endswith(")"):
        raise UntranslatableRequest(f"{step[:60]!r} isn't understood")
    return name, rest[:-1]


def _arguments(predicate: str) -> dict[str, Any]:
    names = tuple(
        token.text
        for token in tokens(predicate)
        if token.kind == "word" and token.text not in ("true", "false", "null")
    )
    return key(predicate, names) if names else {}


def _header(request: Request, name: str) -> str:
    return next((value for key, value in request.headers if key == name), "")


def _check_conditions(request: Request) -> None:
    if _header(request, "if-match") not in ("", "*") or _header(request, "if-none-match"):
        raise UntranslatableRequest("the new service knows no stamps of records (If-Match)")


def _body(request: Request) -> Any:
    if not request.body.strip():
        return {}
    if "json" not in _header(request, "content-type").lower():
        raise UntranslatableRequest("a body that isn't JSON can't be put to the new service")
    try:
        told: Any = exact.parsed(request.body)
    except ValueError as error:
        raise UntranslatableRequest("the body is no JSON", why=str(error)) from error
    if not isinstance(told, dict):
        raise UntranslatableRequest("the body is no JSON object")
    told = told.get("d", told)
    return {name: each for name, each in told.items() if name != "__metadata" and "@odata." not in name}


def _wants_json(request: Request) -> bool:
    return "json" in _header(request, "accept").lower() or "$format=json" in unquote(request.target)


def _bare(value: Any) -> Any:
    match value:
        case dict():
            kept = {
                n: e
                for n, e in value.items()
                if n != "__metadata" and "@odata." not in n and not _deferred(e)
            }
            return {name: _bare(each) for name, each in kept.items()}
        case list():
            return [_bare(each) for each in value]
    return value


def _deferred(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == ["__deferred"]


def _json_error(version: int, code: str, words: str, told: Any) -> bytes:
    error: dict[str, Any] = {
        "code": code,
        "message": {"lang": "en", "value": words} if version == 2 else words,
    }
    if told is not None:
        error["innererror"] = told
    try:
        return exact.written({"error": error})
    except ValueError:
        return _json_error(version, code, words.encode("utf-8", "replace").decode(), None)


def _xml_error(code: str, words: str) -> bytes:
    shown = "".join(c if c >= " " and not "\ud800" <= c <= "\udfff" else " " for c in words)
    return (
        f'<?xml version="1.0" encoding="utf-8"?><error xmlns="{_METADATA}"><code>{escape(code)}</code>'
        f'<message xml:lang="en">{escape(shown)}</message></error>'
    ).encode()
