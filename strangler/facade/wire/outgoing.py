"""Outgoing: heads as they are sent, to upstreams and back to callers (RFC 9110, section 7.6).

What the caller says about who forwarded the call is replaced, not extended: nobody between here and the caller is known, so
nobody is believed. Host stays as the caller wrote it, since ERPs make links of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from strangler.facade.answers import Refusal
from strangler.facade.wire.answer import AnswerHead
from strangler.facade.wire.framing import status_line
from strangler.facade.wire.names import Fate, header_name
from strangler.facade.wire.request import Request

Pairs = list[tuple[str, str]]


class Passing:
    """How this facade calls itself to others. `pseudonym` stands in Via."""

    def __init__(self, pseudonym: str) -> None:
        self._pseudonym = pseudonym
        self._received_by = re.compile(rf"(?:^|[\s,]){re.escape(pseudonym)}(?:[\s,]|$)")
        self._back = f"Via: 1.1 {pseudonym}\r\n".encode()

    def refuse_loops(self, request: Request) -> None:
        """Refuse what has come through here before. Raises Refusal."""
        via = request.headers.get("via")
        if via is not None and self._received_by.search(via):
            raise Refusal(
                508,
                "the call came through this facade before: an upstream points back to it",
                "proxy_loop_detected",
            )

    def _via(self, request: Request) -> str:
        before, this = request.headers.get("via"), f"{request.version} {self._pseudonym}"
        return this if before is None else f"{before}, {this}"

    def onward(
        self, request: Request, prefix: str, address: str, scheme: str, trace: str, more: bytes = b""
    ) -> bytes:
        """The head of a call for an upstream, up to the empty line. `prefix` is the path of its base URL; `more` are whole
        header lines."""
        hop, host = request.hop, request.headers.get("host")
        lines = [f"{request.method} {prefix}{request.target} HTTP/1.1\r\n".encode()]
        for name, value in request.raw:
            known = header_name(name)
            if known.fate is Fate.PASSES and known.text not in hop:
                lines.append(b"%b: %b\r\n" % (name, value))
        named = f"Host: {host}\r\nX-Forwarded-Host: {host}\r\n" if host is not None else ""
        lines.append(
            f"{named}Via: {self._via(request)}\r\nX-Forwarded-For: {address}\r\nX-Forwarded-Proto: {scheme}\r\n"
            f"traceparent: {trace}\r\n{_framing(request)}".encode()
        )
        if more:
            lines.append(more)
        lines.append(b"\r\n")
        return b"".join(lines)

    def told(self, request: Request, address: str, scheme: str, trace: str) -> Pairs:
        """The same as pairs, names in lower case, without the framing: for a call that is put anew."""
        pairs = [
            (known.text, value.decode("utf-8"))
            for name, value in request.raw
            if (known := header_name(name)).fate is Fate.PASSES and known.text not in request.hop
        ]
        if host := request.headers.get("host"):
            pairs += [("host", host), ("x-forwarded-host", host)]
        pairs += [("via", self._via(request)), ("x-forwarded-for", address), ("x-forwarded-proto", scheme)]
        pairs.append(("traceparent", trace))
        return pairs

    def back(self, head: AnswerHead, request: Request, keep: bool, more: bytes = b"") -> tuple[bytes, bool]:
        """The head of an answer for its caller, and whether its body has to be cut into chunks."""
        lines = [status_line(head.status)]
        for name, value in head.passes:
            lines.append(b"%b: %b\r\n" % (name, value))
        if head.vias:
            lines.append(b"Via: %b, %b" % (b", ".join(head.vias), self._back[5:]))
        else:
            lines.append(self._back)
        cut = False
        if head.length is not None and head.status != 204:
            lines.append(b"Content-Length: %d\r\n" % head.length)
        elif head.chunked or head.until_close:
            cut = request.version == "1.1" and request.method != "HEAD"
            if request.version == "1.1":
                lines.append(b"Transfer-Encoding: chunked\r\n")
        if not keep:
            lines.append(b"Connection: close\r\n")
        elif request.version == "1.0":
            lines.append(b"Connection: keep-alive\r\n")
        if more:
            lines.append(more)
        lines.append(b"\r\n")
        return b"".join(lines), cut

    def changed(self, head: AnswerHead, request: Request) -> bytes:
        """The head of an answer that changes to the protocol that the caller asked for."""
        kept = b"".join(b"%b: %b\r\n" % line for line in head.passes)
        return b"%bConnection: Upgrade\r\nUpgrade: %b\r\n%b%b\r\n" % (
            status_line(head.status),
            request.upgrade.encode(),
            kept,
            self._back,
        )

    def whole(
        self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes, request: Request | None, keep: bool
    ) -> bytes:
        """An answer of the facade's own, whole."""
        lines = [status_line(status)]
        lines += [b"%b: %b\r\n" % line for line in headers]
        if status >= 200 and status != 204:
            lines.append(b"Content-Length: %d\r\n" % len(body))
        if not keep:
            lines.append(b"Connection: close\r\n")
        elif request is not None and request.version == "1.0":
            lines.append(b"Connection: keep-alive\r\n")
        lines.append(b"\r\n")
        if request is None or (request.method != "HEAD" and status not in (204, 304)):
            lines.append(body)
        return b"".join(lines)


def _framing(request: Request) -> str:
    if request.upgrade:
        return f"Connection: Upgrade\r\nUpgrade: {request.upgrade}\r\n"
    if request.chunked:
        return "Transfer-Encoding: chunked\r\n"
    length = request.headers.get("content-length")
    return "" if length is None else f"Content-Length: {length}\r\n"
