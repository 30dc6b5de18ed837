"""Request: the head of a call, read strictly. What two servers could read in two ways is refused here (RFC 9110, 9112)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from strangler.facade.answers import BadRequest, Refusal
from strangler.facade.wire.names import Fate, header_name

RawHeaders = list[tuple[bytes, bytes]]

MOST_HEADERS: Final = 200
"""Most header lines of a call."""

_TARGET: Final = re.compile(rb"/[!\"$-~]*").fullmatch
_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~-]*)(:[0-9]{0,5})?").fullmatch
_LENGTH: Final = re.compile(r"[0-9]{1,18}").fullmatch
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search


class Request:
    """A call's head. `raw` are its header lines as they came, `headers` by lower-case name, joined where a name came twice.

    `length` is that of the body in bytes; None where the body is chunked. `upgrade` names the protocol that the caller asks
    to change to, empty for none; only `websocket` is passed on. `hop` are the lower-case names that Connection lists.
    """

    __slots__ = (
        "chunked", "expects", "headers", "hop", "keep_alive", "length", "method", "raw", "target", "upgrade", "version"
    )  # fmt: skip

    def __init__(
        self, method: str, target: str, version: str, raw: RawHeaders, headers: dict[str, str]
    ) -> None:
        self.method, self.target, self.version = method, target, version
        self.raw, self.headers = raw, headers
        self.length: int | None = 0
        self.chunked = self.expects = False
        self.keep_alive = version == "1.1"
        self.upgrade = ""
        self.hop: frozenset[str] = frozenset()

    @property
    def has_body(self) -> bool:
        return self.length != 0


def read_request(method: bytes, target: bytes, version: str, raw: RawHeaders) -> Request:
    """The request that a head says. Raises Refusal: BadRequest for what is broken or ambiguous."""
    if len(raw) > MOST_HEADERS:
        raise Refusal(431, f"the call has more than {MOST_HEADERS} header lines", "http_request_error")
    headers: dict[str, str] = {}
    hosts = lengths = 0
    for name, value in raw:
        known = header_name(name)
        text = value.decode("latin-1") if value.isascii() else _other(name, value)
        if _CONTROL(value):
            raise BadRequest(f"the header {known.text} has control characters")
        if known.fate is Fate.FRAMING:
            hosts += known.text == "host"
            lengths += known.text == "content-length"
        key = known.text
        if key in headers:
            headers[key] += ("; " if key == "cookie" else ", ") + text
        else:
            headers[key] = text
    origin = _origin(method, target, headers, hosts)
    request = Request(method.decode("ascii"), origin, version, raw, headers)
    if hosts != 1 and (hosts or version == "1.1"):
        raise BadRequest(f"a request needs one Host header and has {hosts}")
    if hosts and not _HOST(headers["host"]):
        raise BadRequest("the Host header isn't a host and a port")
    if lengths or "transfer-encoding" in headers:
        _frame(request, lengths)
    if "connection" in headers:
        _connection(request)
    if "expect" in headers:
        if headers["expect"].lower() != "100-continue":
            raise Refusal(417, "of Expect only 100-continue is known", "http_request_error")
        request.expects = version == "1.1" and request.has_body
    return request


def _other(name: bytes, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(f"the header {name.decode('ascii', 'replace')} is neither ASCII nor UTF-8") from None


def _origin(method: bytes, target: bytes, headers: dict[str, str], hosts: int) -> str:
    """The target in origin form: `/path?query`, or `*` for OPTIONS."""
    if _TARGET(target):
        return target.decode("ascii")
    if method == b"CONNECT":
        raise Refusal(501, "the facade is no tunnel: CONNECT isn't served", "http_request_denied")
    if target == b"*" and method == b"OPTIONS":
        return "*"
    if target[:7].lower() != b"http://" and target[:8].lower() != b"https://":
        raise BadRequest("the target of the request isn't a path")
    try:
        parts = urlsplit(target.decode("ascii"))
    except ValueError:
        raise BadRequest("the target of the request can't be read") from None
    if hosts != 1 or parts.netloc.lower() != headers["host"].lower():
        raise BadRequest("the host in the target isn't that of the Host header")
    path = f"{parts.path or '/'}?{parts.query}" if b"?" in target else parts.path or "/"
    if not _TARGET(path.encode()):
        raise BadRequest("the target of the request isn't a path")
    return path


def _frame(request: Request, lengths: int) -> None:
    """How long the body is (RFC 9112, section 6). Nothing that could be read in two ways passes."""
    coding, length = request.headers.get("transfer-encoding"), request.headers.get("content-length")
    if coding is not None:
        if lengths:
            raise BadRequest("the request has Content-Length and Transfer-Encoding: its length is ambiguous")
        if request.version == "1.0":
            raise BadRequest("Transfer-Encoding isn't part of HTTP/1.0: the request's length is ambiguous")
        if coding.lower() != "chunked":
            raise Refusal(
                501, "of transfer codings only chunked, said once, is understood", "http_request_error"
            )
        request.length, request.chunked = None, True
    elif length is not None:
        if lengths != 1 or not _LENGTH(length):
            raise BadRequest("the request needs one Content-Length, a number")
        request.length = int(length)


def _connection(request: Request) -> None:
    listed = frozenset(part.strip().lower() for part in request.headers["connection"].split(","))
    if "close" in listed:
        request.keep_alive = False
    elif request.version == "1.0" and "keep-alive" in listed:
        request.keep_alive = True
    if "upgrade" in listed and request.headers.get("upgrade", "").lower() == "websocket":
        request.upgrade = "websocket"
    if forbidden := listed & _ENDS:
        # Dropping it would make another request of this one (RFC 9110, section 7.6.1).
        raise BadRequest(f"Connection names {', '.join(sorted(forbidden))}, which every hop needs")
    request.hop = listed


_ENDS: Final = frozenset(("host", "content-length", "transfer-encoding", "authorization", "cookie", "via"))
