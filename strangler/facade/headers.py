"""Headers: what of them goes on, what stays on this hop, and what the facade adds (RFC 9110, section 7.6).

What the caller says about who forwarded the call is replaced, not extended: nobody between here and the caller
is known, so nobody is believed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from typing import Final

from multidict import CIMultiDict

from strangler.facade.answers import BadRequest, Refusal

RawHeaders = list[tuple[bytes, bytes]]

HOP_BY_HOP: Final = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding"
    b" upgrade".split()
)
REPLACED: Final = frozenset(
    b"forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port x-forwarded-server x-real-ip"
    b" x-strangler-shadow via traceparent".split()
)
"""Headers that the facade writes itself."""

_OURS: Final = frozenset((b"expect", b"host"))
_TRACEPARENT: Final = re.compile(
    r"^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$"
)


def check(headers: RawHeaders, http_version: str, pseudonym: str) -> None:
    """Refuse what can be read in two ways, and what has come through here before. Raises Refusal."""
    names = [name for name, _ in headers]
    hosts = names.count(b"host")
    if hosts > 1 or (hosts == 0 and http_version == "1.1"):
        raise BadRequest(f"a request needs one Host header and has {hosts}")
    if b"transfer-encoding" in names:
        if b"content-length" in names:
            raise BadRequest("the request has Content-Length and Transfer-Encoding: its length is ambiguous")
        if http_version == "1.0":
            raise BadRequest("Transfer-Encoding isn't part of HTTP/1.0: the request's length is ambiguous")
    received_by = re.compile(rb"(?:^|[\s,])" + re.escape(pseudonym.encode()) + rb"(?:[\s,]|$)")
    if any(name == b"via" and received_by.search(value) for name, value in headers):
        raise Refusal(
            508,
            "the call came through this facade before: an upstream points back to it",
            "proxy_loop_detected",
        )


def stays(headers: RawHeaders) -> frozenset[bytes]:
    """The names that don't leave this hop: the fixed ones, and those that Connection lists."""
    listed = [
        token.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for token in value.split(b",")
    ]
    return HOP_BY_HOP.union(listed) if listed else HOP_BY_HOP


def onward(
    headers: RawHeaders, *, version: str, pseudonym: str, client: str, scheme: str, trace: str
) -> CIMultiDict[str]:
    """The caller's headers as an upstream gets them. Host stays as the caller wrote it: ERPs make links of it."""
    kept, dropped = CIMultiDict[str](), stays(headers) | REPLACED | _OURS
    vias = []
    for name, value in headers:
        if name == b"host":
            host = _text(name, value)
            kept["host"] = host
            kept["x-forwarded-host"] = host
        elif name == b"via":
            vias.append(_text(name, value))
        elif name not in dropped:
            kept.add(name.decode("ascii"), _text(name, value))
    kept["via"] = ", ".join([*vias, f"{version} {pseudonym}"])
    kept["x-forwarded-for"] = client
    kept["x-forwarded-proto"] = scheme
    kept["traceparent"] = trace
    return kept


def back(headers: Iterable[tuple[bytes, bytes]], pseudonym: str) -> RawHeaders:
    """An upstream's headers as the caller gets them: each line by itself, so that Set-Cookie stays apart."""
    lines = [(name.lower(), value) for name, value in headers]
    dropped = stays(lines)
    kept = [line for line in lines if line[0] not in dropped]
    kept.append((b"via", f"1.1 {pseudonym}".encode()))
    return kept


def traceparent(given: str | None) -> str:
    """The caller's W3C trace context, or a new one when there is none that is valid."""
    if given is not None and _TRACEPARENT.match(given):
        return given
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def _text(name: bytes, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(f"the header {name.decode('ascii', 'replace')} is neither ASCII nor UTF-8") from None
