"""The contract of SOAP: envelopes, Faults, versions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from lxml import etree

from strangler.errors import StranglerError, UntranslatableRequest
from strangler.facade.protocol import Answer, Around, LegacyCall, Request, Trouble
from strangler_adapters.protocols.contract.operation import ContractOptions, all_compiled, checked
from strangler_adapters.protocols.contract.sources import Language, Source
from strangler_adapters.protocols.contract.spelling import TEXTUAL
from strangler_adapters.protocols.contract.structure import structure
from strangler_adapters.protocols.contract.translation import Operations, Translation
from strangler_adapters.protocols.soap.reading import local, parsed, values
from strangler_adapters.protocols.soap.writing import element


class Version(NamedTuple):
    """A version of SOAP, with what it calls the two sides of a fault."""

    namespace: str
    type: str
    caller: str
    server: str


V11: Final = Version(
    "http://schemas.xmlsoap.org/soap/envelope/", "text/xml; charset=utf-8", "Client", "Server"
)
V12: Final = Version(
    "http://www.w3.org/2003/05/soap-envelope", "application/soap+xml; charset=utf-8", "Sender", "Receiver"
)
_VERSIONS: Final = {version.namespace: version for version in (V11, V12)}
_NAME: Final = re.compile(r"[^\W\d][\w.-]*")
_XML: Final = "http://www.w3.org/XML/1998/namespace"


class Options(ContractOptions):
    """`qualified`: whether children of an answer are in its namespace; by default as those of the call are. `understood`: headers
    that may demand to be understood."""

    namespace: str | None = None
    qualified: bool | None = None
    response: str = "{operation}Response"
    understood: tuple[str, ...] = ()


class Mark(NamedTuple):
    """What an answer takes from its call."""

    version: Version
    namespace: str
    qualified: bool


def connect(options: Mapping[str, Any], around: Around) -> Translation:
    """The translation that the options describe. Raises StranglerError."""
    section = checked("soap", Options, options)
    contract = Soap(section)
    compiled = all_compiled(section, contract, Language(TEXTUAL, around.code_maps))
    return Translation(contract, [Operations(compiled)], around.own)


class Soap:
    """The contract: envelopes both ways."""

    spelling = TEXTUAL

    def __init__(self, options: Options) -> None:
        self._options = options

    def call(self, operation: str | None, request: Request) -> LegacyCall:
        _refuse_others(request)
        root = parsed(request.body)
        version, body = self._opened(root)
        if len(body) != 1:
            raise UntranslatableRequest(
                f"the Body of the message holds {len(body)} elements, where one is wanted"
            )
        asked = body[0]
        namespace = etree.QName(asked).namespace or ""
        if self._options.namespace not in (None, namespace):
            raise UntranslatableRequest(
                f"{local(asked)} is of the namespace {namespace!r}, not {self._options.namespace!r}"
            )
        qualified = self._options.qualified
        if qualified is None:
            qualified = bool(len(asked)) and etree.QName(asked[0]).namespace is not None
        return LegacyCall(
            operation or local(asked), values(asked) or {}, request, Mark(version, namespace, qualified)
        )

    def answer(self, call: LegacyCall, told: Any, status: int) -> Answer:
        mark: Mark = call.mark
        name = self._options.response.replace("{operation}", call.operation)
        content = element(mark.namespace, name, told, mark.qualified)
        return _enveloped(mark.version, 200, content)

    def fault(self, request: Request, trouble: Trouble) -> Answer:
        version = _version_of(request)
        mine = trouble.status >= 500
        status = trouble.status if trouble.status in (401, 503) else 500 if mine or version is V11 else 400
        kept = (
            [e for e in trouble.answer.headers if e[0] in ("retry-after", "www-authenticate")]
            if trouble.answer
            else []
        )
        words = _printable(f"{trouble.title}: {trouble.detail}" if trouble.detail else trouble.title)
        write = _fault_11 if version is V11 else _fault_12
        made = write(version.server if mine else version.caller, _printable(trouble.code), words)
        if trouble.told is not None:
            self._detail(made, version, trouble.told)
        answer = _enveloped(version, status, made)
        return answer._replace(headers=[*answer.headers, *kept])

    def accepted(self, answer: Answer) -> bool:
        return 200 <= answer.status < 300 and "fault" not in self.comparable(answer)

    def comparable(self, answer: Answer) -> Any:
        try:
            _, body = self._opened(parsed(answer.body))
            if not len(body):
                return {}
            if local(body[0]) == "Fault":
                return {"fault": _code(body[0])}
            return {local(each): values(each) for each in body}
        except UntranslatableRequest as error:
            raise ValueError(str(error)) from error

    def structure(self, written: Any, language: Language) -> Source:
        _check_names(written)
        return structure(written, language, "write")

    def _opened(self, root: etree._Element) -> tuple[Version, etree._Element]:
        """The version of an envelope and its Body. Raises UntranslatableRequest."""
        version = _VERSIONS.get(etree.QName(root).namespace or "")
        if version is None or local(root) != "Envelope":
            raise UntranslatableRequest("the body is no envelope of SOAP 1.1 or 1.2")
        head, body = root.find(f"{{{version.namespace}}}Header"), root.findall(f"{{{version.namespace}}}Body")
        for each in head if head is not None else ():
            if (
                each.get(f"{{{version.namespace}}}mustUnderstand") in ("1", "true")
                and local(each) not in self._options.understood
            ):
                raise UntranslatableRequest(f"the header {local(each)} must be understood, and isn't")
        if len(body) != 1:
            raise UntranslatableRequest(f"the envelope has {len(body)} Bodies, where one is wanted")
        return version, body[0]

    def _detail(self, made: etree._Element, version: Version, told: Any) -> None:
        namespace = self._options.namespace or ""
        tag = "detail" if version is V11 else f"{{{version.namespace}}}Detail"
        detail = etree.SubElement(made, tag)
        content = told if isinstance(told, dict) else {"message": told}
        for name, each in content.items():
            for item in each if isinstance(each, list) else [each]:
                detail.append(element(namespace, name, item, bool(self._options.qualified)))


def _refuse_others(request: Request) -> None:
    kind = next((value for name, value in request.headers if name == "content-type"), "").lower()
    if kind.startswith("multipart/"):
        raise UntranslatableRequest(
            "a message with attachments (MIME, MTOM) can't be put to the new service",
            why="its parts stand outside of the envelope",
        )
    if request.method != "POST":
        raise UntranslatableRequest(f"a {request.method} is no call of SOAP; a WSDL is legacy's to give")


def _fault_11(side: str, code: str, words: str) -> etree._Element:
    made = etree.Element(f"{{{V11.namespace}}}Fault", nsmap={"soap": V11.namespace})
    own = code and not code.startswith((V11.caller, V11.server))
    etree.SubElement(made, "faultcode").text = code if own else f"soap:{code or side}"
    etree.SubElement(made, "faultstring").text = words
    return made


def _fault_12(side: str, code: str, words: str) -> etree._Element:
    made = etree.Element(f"{{{V12.namespace}}}Fault", nsmap={"soap": V12.namespace})
    codes = etree.SubElement(made, f"{{{V12.namespace}}}Code")
    etree.SubElement(codes, f"{{{V12.namespace}}}Value").text = f"soap:{side}"
    if code:
        below = etree.SubElement(codes, f"{{{V12.namespace}}}Subcode")
        etree.SubElement(below, f"{{{V12.namespace}}}Value").text = code
    reason = etree.SubElement(made, f"{{{V12.namespace}}}Reason")
    text = etree.SubElement(reason, f"{{{V12.namespace}}}Text")
    text.set(f"{{{_XML}}}lang", "en")
    text.text = words
    return made


def _code(fault: etree._Element) -> str:
    """A Fault's code without prefixes, and below it the one of the application."""
    told = values(fault)
    code = told.get("faultcode") if isinstance(told, dict) else None
    if code is None:
        codes = told.get("Code", {})
        code = ".".join(
            [codes.get("Value", ""), *([codes["Subcode"]["Value"]] if "Subcode" in codes else [])]
        )
    return re.sub(r"[\w-]+:", "", str(code))


def _version_of(request: Request) -> Version:
    """The version in which a caller expects a fault, as far as its message tells."""
    kind = next((value for name, value in request.headers if name == "content-type"), "")
    return V12 if "soap+xml" in kind.lower() or V12.namespace.encode() in request.body[:4096] else V11


def _enveloped(version: Version, status: int, content: etree._Element) -> Answer:
    envelope = etree.Element(f"{{{version.namespace}}}Envelope", nsmap={"soap": version.namespace})
    etree.SubElement(envelope, f"{{{version.namespace}}}Body").append(content)
    written = etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)
    return Answer(status, [("content-type", version.type)], written)


def _printable(words: str) -> str:
    """Without what XML can't hold."""
    return "".join(
        c
        if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
        else "\ufffd"
        for c in words
    )


def _check_names(written: Any) -> None:
    """Raises StranglerError for what can't be the name of an element or an attribute."""
    for key, inside in written.items() if isinstance(written, dict) else ():
        name = key.partition("[")[0].removeprefix("@")
        if key != "#text" and not _NAME.fullmatch(name):
            raise StranglerError(f"{name!r} can't be the name of an element", do="Item[lines], @id, #text")
        _check_names(inside)
