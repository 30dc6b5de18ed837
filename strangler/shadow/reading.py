"""Reading: what of an answer counts when two of them are compared, by what kind of text it is. Pure.

What a protocol knows better it says itself (`ServiceProtocol.comparable`); this is for answers that are passed on as they are.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl
from xml.parsers import expat

from strangler.facade.protocol import Answer

PLAIN: Final = 16 * 1024 * 1024
"""Longest body that a compressed one may stand for."""

DEPTH: Final = 200
"""Elements of XML that may stand inside of each other."""

_CHARSET: Final = re.compile(r"charset=\"?([-\w.:]+)")


def read(answer: Answer) -> Any:
    """The answer's body as JSON values: of JSON itself with exact numbers, of XML its tree, of a form its fields, of other texts the
    text, of anything else its length and digest. Raises ValueError for what isn't what it says it is."""
    kind = answer.header("content-type").partition(";")[0].strip().lower()
    body = answer.body
    if not body:
        return None
    # Old systems send JSON as text/html, or say nothing.
    if kind.endswith(("/json", "+json")) or (body[:1] in b"{[" and (not kind or kind.startswith("text/"))):
        return parse(body)
    if kind.endswith(("/xml", "+xml")):
        return tree(body)
    if kind == "application/x-www-form-urlencoded":
        return fields(_text(answer))
    if kind.startswith("text/"):
        return _text(answer)
    return {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def parse(body: bytes) -> Any:
    """A JSON body with its numbers exact. Raises ValueError."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=str)
    except RecursionError:
        raise ValueError("the answer is nested too deeply") from None


def fields(text: str) -> dict[str, Any]:
    """The fields of a form; of one that comes more than once a list."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def tree(body: bytes) -> Any:
    """An XML document as JSON values: an element is an object of its attributes (`@name`), its children by their local names, a list
    where one comes more than once, and its text (`#`); one that has only text is the text. Prefixes of namespaces don't count.

    A document with a DTD is refused with ValueError: it could say anything, and take any amount of memory.
    """
    builder = _Tree()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.text
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise ValueError(f"the answer isn't XML: {error}") from error
    return builder.root


class _Tree:
    """Puts the tree together from what the parser says."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[dict[str, Any]] = [self.root]

    def refuse(self, *_: Any) -> None:
        raise ValueError("the answer has a DTD, which isn't read")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > DEPTH:
            raise ValueError("the answer is nested too deeply")
        self._open.append({f"@{_local(each)}": value for each, value in attributes.items()})

    def text(self, text: str) -> None:
        element = self._open[-1]
        element["#"] = element.get("#", "") + text

    def end(self, name: str) -> None:
        element = self._open.pop()
        text = element.pop("#", "").strip()
        value: Any = text
        if element:
            value = {**element, "#": text} if text else element
        above, local = self._open[-1], _local(name)
        if local not in above:
            above[local] = value
        elif isinstance(above[local], list):
            above[local].append(value)
        else:
            above[local] = [above[local], value]


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _text(answer: Answer) -> str:
    charset = _CHARSET.search(answer.header("content-type"))
    try:
        return answer.body.decode(charset[1] if charset else "utf-8")
    except (UnicodeDecodeError, LookupError) as error:
        raise ValueError(f"the answer isn't the text that it says it is: {error}") from error


def plain(answer: Answer) -> Answer:
    """The answer with its body decompressed. Raises ValueError.

    Tryton writes `Content-Encoding: gzip` over long answers even where it sends them plain, so the bytes decide.
    """
    encoding = answer.header("content-encoding")
    try:
        if encoding == "gzip" and answer.body.startswith(b"\x1f\x8b"):
            return answer._replace(body=_inflated(answer.body, zlib.MAX_WBITS | 16))
        if encoding == "deflate":
            return answer._replace(body=_inflated(answer.body, zlib.MAX_WBITS))
    except zlib.error as error:
        raise ValueError(f"the answer can't be decompressed: {error}") from error
    if encoding not in ("", "identity", "gzip"):
        raise ValueError(f"the answer is compressed by {encoding}, which isn't read")
    return answer


def _inflated(body: bytes, window: int) -> bytes:
    """At most `PLAIN` bytes: a short answer may stand for a gigabyte. A gzip file may have several members."""
    plain, pieces = b"", body
    while pieces:
        stream = zlib.decompressobj(window)
        plain += stream.decompress(pieces, PLAIN + 1 - len(plain))
        if len(plain) > PLAIN:
            raise ValueError(f"decompressed, the answer is longer than {PLAIN} bytes")
        if not stream.eof:
            raise ValueError("the answer can't be decompressed: it breaks off")
        pieces = stream.unused_data
    return plain
