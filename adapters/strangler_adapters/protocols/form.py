"""Form: pages of an ERP that take urlencoded forms, and answer with a page, a redirect or a scrap of JSON. See docs/protocols.md.

    protocol:
      kind: form
      options:
        operation: action                      # the field that says what is asked
        operations:
          update:
            ask: PATCH /customers/{id}
            body: {name: name}
            ignore: [token]
            answer: {status: 302, location: "/card.php?id={asked:id}"}
        errors:
          "*": {answer: {status: 200, text: "<div class='error'>{detail}</div>"}}

Values are the fields of query and body by name; `name[]` is a list. An answer has `location` or `text` (with `type`, by default HTML:
what is filled in is escaped) or `json`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from email import policy
from email.parser import BytesParser
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote

from pydantic import Field

from strangler.errors import StranglerError, UntranslatableRequest
from strangler.facade.protocol import Answer, Around, LegacyCall, Request, Trouble
from strangler_adapters.protocols.contract import exact
from strangler_adapters.protocols.contract.operation import ContractOptions, Section, all_compiled, checked
from strangler_adapters.protocols.contract.sources import ABSENT, Language, Path, Scope, Source, filled
from strangler_adapters.protocols.contract.spelling import TEXTUAL
from strangler_adapters.protocols.contract.structure import structure
from strangler_adapters.protocols.contract.translation import Operations, Translation

FIELDS: Final = 1000
"""Most fields of a form, as servers limit them too."""


class Options(ContractOptions):
    operation: str | None = None


class ReplyOptions(Section):
    """What stands under `answer`."""

    status: int = Field(200, ge=200, le=599)
    location: str | None = None
    type: str = "text/html; charset=utf-8"
    text: str | None = None
    told: Any = Field(None, alias="json")


class Reply(NamedTuple):
    """A page that was filled in."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def connect(options: Mapping[str, Any], around: Around) -> Translation:
    """The translation that the options describe. Raises StranglerError."""
    section = checked("form", Options, options)
    contract = Form(section.operation)
    compiled = all_compiled(section, contract, Language(TEXTUAL, around.code_maps))
    return Translation(contract, [Operations(compiled)], around.own)


class Form:
    """The contract: fields in, pages out."""

    spelling = TEXTUAL

    def __init__(self, operation: str | None) -> None:
        self._operation = operation

    def call(self, operation: str | None, request: Request) -> LegacyCall:
        values = _fields([*_pairs(request.target.partition("?")[2]), *_body(request)])
        named = values.pop(self._operation, None) if self._operation else None
        if isinstance(named, list):
            raise UntranslatableRequest(f"the form says {self._operation} twice")
        return LegacyCall(operation or named or "", values, request)

    def answer(self, call: LegacyCall, told: Any, status: int) -> Answer:
        reply: Reply = (
            told
            if isinstance(told, Reply)
            else _reply(200, "text/html; charset=utf-8", str(told or "").encode())
        )
        return Answer(reply.status, reply.headers, reply.body)

    def fault(self, request: Request, trouble: Trouble) -> Answer:
        if isinstance(trouble.told, Reply):
            return Answer(trouble.told.status, trouble.told.headers, trouble.told.body)
        kept = (
            [e for e in trouble.answer.headers if e[0] in ("retry-after", "www-authenticate")]
            if trouble.answer
            else []
        )
        text = f"{trouble.title}\n{trouble.detail}".strip().encode("utf-8", "replace")
        return Answer(trouble.status, [("content-type", "text/plain; charset=utf-8"), *kept], text)

    def accepted(self, answer: Answer) -> bool:
        """A page that shows the form again, with what is wrong, can't be told from one that says that it was done."""
        return answer.status < 400

    def comparable(self, answer: Answer) -> Any:
        """JSON as JSON; of a page its text without tags, since what the two sides write around it is theirs."""
        shown = answer.body.decode("utf-8", "replace")
        if "json" in answer.header("content-type"):
            return {"status": answer.status, "json": exact.parsed(answer.body)}
        words = html.unescape(re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", shown)).split()
        return {"status": answer.status, "location": answer.header("location"), "text": " ".join(words)}

    def structure(self, written: Any, language: Language) -> Source:
        if written is None:
            return Page(200, "text/html; charset=utf-8", None, None, None)
        section = checked(
            "form", ReplyOptions, written if isinstance(written, dict) else {"text": str(written)}
        )
        if sum(each is not None for each in (section.location, section.text, section.told)) > 1:
            raise StranglerError("an answer is `location`, `text` or `json`, not several", do="text: saved")
        escape = html.escape if "html" in section.type else str
        return Page(
            section.status if section.location is None or 300 <= section.status < 400 else 302,
            section.type if section.told is None else "application/json",
            None if section.location is None else filled(section.location, language, "write", _quoted),
            None if section.text is None else filled(section.text, language, "write", escape),
            None if section.told is None else structure(section.told, language, "write"),
        )


class Page(NamedTuple):
    """A page to be filled in."""

    status: int
    type: str
    location: Source | None
    text: Source | None
    told: Source | None

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(path for part in self[2:] if part is not None for path in part.paths)

    def value(self, scope: Scope) -> Reply:
        if self.location is not None:
            location = str(self.location.value(scope))
            if not location.isascii() or not location.isprintable():
                raise UntranslatableRequest(
                    "a location must be ASCII", do="percent-encode it in the configuration"
                )
            return Reply(self.status, (("location", location),), b"")
        if self.told is not None:
            built = self.told.value(scope)
            try:
                return _reply(self.status, self.type, exact.written(None if built is ABSENT else built))
            except ValueError as error:
                raise UntranslatableRequest("the answer can't be written as JSON", why=str(error)) from error
        text = str(self.text.value(scope)) if self.text is not None else ""
        return _reply(self.status, self.type, text.encode("utf-8", "replace"))


def _reply(status: int, kind: str, body: bytes) -> Reply:
    return Reply(status, (("content-type", kind),), body)


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _fields(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """By name; `name[]` is a list. Raises UntranslatableRequest for a name that comes twice otherwise: servers differ in which one
    they obey."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name.endswith("[]"):
            listed = found.setdefault(name[:-2], [])
            if not isinstance(listed, list):
                raise UntranslatableRequest(f"the form says {name[:-2]} as a list and as one value")
            listed.append(value)
        elif name in found:
            raise UntranslatableRequest(f"the form says {name[:100]} twice")
        else:
            found[name] = value
    return found


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError as error:
        raise UntranslatableRequest("the form can't be read", why=str(error)) from error


def _body(request: Request) -> list[tuple[str, str]]:
    if not request.body:
        return []
    kind = next((value for name, value in request.headers if name == "content-type"), "")
    what = kind.partition(";")[0].strip().lower()
    if what == "multipart/form-data":
        return _multipart(kind, request.body)
    if what not in ("application/x-www-form-urlencoded", ""):
        raise UntranslatableRequest(f"a body of {what} is no form")
    try:
        return _pairs(request.body.decode("ascii"))
    except UnicodeDecodeError as error:
        raise UntranslatableRequest("the form can't be read", why="an urlencoded form is ASCII") from error


def _multipart(kind: str, body: bytes) -> list[tuple[str, str]]:
    """The fields of a form with parts. Raises UntranslatableRequest for a file among them."""
    message = BytesParser(policy=policy.HTTP).parsebytes(
        b"content-type: " + kind.encode("latin-1", "replace") + b"\r\n\r\n" + body
    )
    if not message.is_multipart() or message.defects:
        raise UntranslatableRequest("the form's parts can't be read")
    found = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None or not isinstance(name, str):
            raise UntranslatableRequest("a form with a file can't be put to the new service")
        content = part.get_payload(decode=True)
        found.append((name, content.decode("utf-8", "replace") if isinstance(content, bytes) else ""))
    return found
