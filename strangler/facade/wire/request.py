"""Request: the head of a call, read strictly. What two servers could read in two ways is refused here (RFC 9110, 9112)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from strangler.facade.answers import BadRequest, Refusal
from strangler.facade.wire.known import Line
from strangler.facade.wire.names import NAMES, Fate
from strangler.routing import Asked, Who

RawHeaders = list[tuple[bytes, bytes]]

MOST_HEADERS: Final = 200
"""Most header lines of a call."""

_TARGET: Final = re.compile(rb"/[!\"$-~]*").fullmatch
_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~-]*)(:[0-9]{0,5})?").fullmatch
_LENGTH: Final = re.compile(r"[0-9]{1,18}").fullmatch


class Origin(NamedTuple):
    """Where a call comes from: the caller's address, and what is said onward of it: `forwarded` lists the hops before this one."""

    address: str
    scheme: str
    forwarded: str
    host: str | None


class Heading:
    """The header lines of a call, read. A caller that says the same again has it read once.

    `raw` are the lines as they came, `passing` those that go on, as bytes; `headers` by lower-case name, joined where a name came twice.
    `length` is that of the body in bytes; None where the body is chunked. `upgrade` names the protocol that the caller asks
    to change to, empty for none; only `websocket` is passed on. `hop` are the lower-case names that Connection lists.
    """

    __slots__ = (
        "alone",
        "chunked",
        "cookies",
        "expects",
        "fixed",
        "framing",
        "headers",
        "hop",
        "keep_alive",
        "known",
        "length",
        "origin",
        "passing",
        "raw",
        "upgrade",
        "version",
        "who",
    )

    def __init__(self, version: str, raw: RawHeaders) -> None:
        self.version, self.raw = version, raw
        self.headers: dict[str, str] = {}
        self.passing = b""
        self.origin: Origin | None = None
        """Where the calls with it come from, once that was looked for: a heading belongs to callers at one address."""
        self.fixed: dict[str, bytes] = {}
        """Address of an upstream → what of the head for it is the same for all calls with this heading."""
        self.who: Who | None = None
        """Who sends them, once that was looked for."""
        self.alone: bool | None = None
        """Whether they ask for nothing that has to be looked after with each call, once that was asked."""
        self.cookies: Mapping[str, tuple[str, ...]] | None = None
        """Theirs, once they were looked at."""
        self.length: int | None = 0
        self.framing = b""
        """The line that tells the length of the body, as it is sent."""
        self.chunked = self.expects = False
        self.keep_alive = version == "1.1"
        self.upgrade = ""
        self.hop: frozenset[str] = frozenset()
        self.known = False
        """Whether it is plain, and found again by its bytes."""

    @property
    def plain(self) -> bool:
        """Whether it is of HTTP/1.1, tells how long the body is, and says nothing of the connection but that it stays."""
        # What Connection lists, as it does with Upgrade, isn't among `headers`.
        said = self.expects or self.upgrade or "upgrade" in self.headers or "max-forwards" in self.headers
        return self.version == "1.1" and self.length is not None and self.keep_alive and not said


class Request(Asked):
    """A call's head: its first line and its `Heading`. `target` is in origin form: `/path?query`, or `*` of OPTIONS.
    `body` is the whole body, where it came with the head."""

    __slots__ = ("body", "heading")

    def __init__(self, line: Line, heading: Heading, body: bytes = b"") -> None:
        super().__init__(line.method, line.target, heading.headers, line.path)
        self.heading, self.body = heading, body

    @property
    def version(self) -> str:
        """Of HTTP, as `1.1`."""
        return self.heading.version

    @property
    def has_body(self) -> bool:
        return self.heading.length != 0

    @property
    def cookies(self) -> Mapping[str, tuple[str, ...]]:
        found = self.heading.cookies
        if found is None:
            found = self.heading.cookies = super().cookies
        return found


def read_heading(version: str, raw: RawHeaders) -> Heading:
    """What the header lines say. Raises Refusal: BadRequest for what is broken or ambiguous."""
    if version not in ("1.1", "1.0"):
        raise Refusal(505, f"HTTP/{version} isn't spoken here", "http_request_error")
    if len(raw) > MOST_HEADERS:
        raise Refusal(431, f"the call has more than {MOST_HEADERS} header lines", "http_request_error")
    heading = Heading(version, raw)
    headers = heading.headers
    hosts = lengths = 0
    for name, value in raw:
        text, fate = NAMES[name]
        if fate is Fate.FRAMING:
            hosts += text == "host"
            lengths += text == "content-length"
            if text == "transfer-encoding" and value.strip(b" \t") != value:
                raise BadRequest(
                    "Transfer-Encoding has blanks around its value, which servers read differently"
                )
        elif fate is Fate.ALIAS:
            raise BadRequest(f"some servers take the header {text} for {text.replace('_', '-')}")
        told = (value.decode("ascii") if value.isascii() else _other(name, value)).strip(" \t")
        if text in headers:
            headers[text] += ("; " if text == "cookie" else ", ") + told
        else:
            headers[text] = told
    if hosts != 1 and (hosts or version == "1.1"):
        raise BadRequest(f"a request needs one Host header and has {hosts}")
    if hosts and not _HOST(headers["host"]):
        raise BadRequest("the Host header isn't a host and a port")
    if lengths or "transfer-encoding" in headers:
        _frame(heading, lengths)
    if "connection" in headers:
        _connection(heading)
    if "expect" in headers:
        if headers["expect"].lower() != "100-continue":
            raise Refusal(417, "of Expect only 100-continue is known", "http_request_error")
        heading.expects = version == "1.1" and heading.length != 0
    heading.passing = b"".join(b"%b: %b\r\n" % line for line in passing(heading))
    return heading


def passing(heading: Heading) -> Iterator[tuple[bytes, bytes]]:
    """The lines that don't end on this hop."""
    for line in heading.raw:
        text, fate = NAMES[line[0]]
        if (fate is Fate.PASSES or fate is Fate.READ) and text not in heading.hop:
            yield line


def read_request(method: bytes, target: bytes, heading: Heading) -> Request:
    """The request that a first line and its heading say. Raises Refusal: BadRequest for what is broken or ambiguous."""
    if method == b"CONNECT":
        raise Refusal(501, "the facade is no tunnel: CONNECT isn't served", "http_request_denied")
    origin = (
        target.decode("ascii") if _TARGET(target) else _origin(method, target, heading.headers.get("host"))
    )
    return Request(Line(method.decode("ascii"), origin), heading)


def _other(name: bytes, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(f"the header {name.decode('ascii', 'replace')} is neither ASCII nor UTF-8") from None


def _origin(method: bytes, target: bytes, host: str | None) -> str:
    """What isn't in origin form in origin form: `/path?query`, or `*` for OPTIONS."""
    if target == b"*" and method == b"OPTIONS":
        return "*"
    if target[:7].lower() != b"http://" and target[:8].lower() != b"https://":
        raise BadRequest("the target of the request isn't a path")
    try:
        parts = urlsplit(target.decode("ascii"))
    except ValueError:
        raise BadRequest("the target of the request can't be read") from None
    if host is None or parts.netloc.lower() != host.lower():
        raise BadRequest("the host in the target isn't that of the Host header")
    path = f"{parts.path or '/'}?{parts.query}" if b"?" in target else parts.path or "/"
    if not _TARGET(path.encode()):
        raise BadRequest("the target of the request isn't a path")
    return path


def _frame(heading: Heading, lengths: int) -> None:
    """How long the body is (RFC 9112, section 6). Nothing that could be read in two ways passes."""
    coding, length = heading.headers.get("transfer-encoding"), heading.headers.get("content-length")
    if coding is not None:
        if lengths:
            raise BadRequest("the request has Content-Length and Transfer-Encoding: its length is ambiguous")
        if heading.version == "1.0":
            raise BadRequest("Transfer-Encoding isn't part of HTTP/1.0: the request's length is ambiguous")
        if coding.lower() != "chunked":
            raise Refusal(
                501, "of transfer codings only chunked, said once, is understood", "http_request_error"
            )
        heading.length, heading.chunked = None, True
    elif length is not None:
        if lengths != 1 or not _LENGTH(length):
            raise BadRequest("the request needs one Content-Length, a number")
        heading.length = int(length)
        heading.framing = b"Content-Length: %b\r\n" % length.encode()


def _connection(heading: Heading) -> None:
    listed = frozenset(part.strip().lower() for part in heading.headers["connection"].split(","))
    if "close" in listed:
        heading.keep_alive = False
    elif heading.version == "1.0" and "keep-alive" in listed:
        heading.keep_alive = True
    asks = heading.headers.get("upgrade", "").lower()
    if asks == "websocket" and "upgrade" in listed and heading.version == "1.1" and heading.length == 0:
        heading.upgrade = asks
    heading.hop = listed
    for name in listed & heading.headers.keys() - _STAY:
        del heading.headers[name]  # nobody behind this hop sees it, so nothing may go by it


_STAY: Final = frozenset(("connection", "content-length", "expect", "host", "transfer-encoding", "via"))
"""What has a meaning here whatever Connection says of it."""
