"""Outgoing: heads as they are sent, to upstreams and back to callers (RFC 9110, section 7.6).

What a caller says about who forwarded the call is replaced, unless it is a proxy that is believed (`peers`).
Host stays as the caller wrote it, since ERPs make links of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from strangler.facade.answers import Refusal
from strangler.facade.traces import goes_on
from strangler.facade.wire.answer import AnswerHead
from strangler.facade.wire.framing import status_line
from strangler.facade.wire.names import NAMES, hyphened
from strangler.facade.wire.pool import Pool
from strangler.facade.wire.request import Heading, Origin, Request, passing

_HOPS: Final = re.compile("[0-9]{1,9}").fullmatch

FIXED: Final = 16
"""Upstreams for which a heading is remembered as it is sent."""

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
        self,
        request: Request,
        pool: Pool,
        origin: Origin,
        trace: str,
        more: str = "",
        drop: frozenset[str] = frozenset(),
    ) -> bytes:
        """The head of a call for an upstream. `more` are whole header lines; `drop`: what doesn't go on, `hyphened`."""
        fixed = request.heading.fixed.get(pool.base)
        if fixed is None or drop:
            fixed = self._fixed(request, pool, origin, drop)
        return b"%b%b%b%b\r\n" % (
            f"{request.method} {pool.prefix}{request.target} HTTP/1.1\r\n".encode(),
            fixed,
            f"traceparent: {trace}\r\n{_state(request, trace)}{more}".encode(),
            _framing(request),
        )

    def _fixed(self, request: Request, pool: Pool, origin: Origin, drop: frozenset[str]) -> bytes:
        """What is the same for all calls of a heading to an upstream."""
        heading, host = request.heading, request.headers.get("host")
        # HTTP/1.0 need not say a host, and what we speak must.
        named = f"Host: {pool.authority if host is None else host}\r\n"
        if origin.host is not None:
            named += f"X-Forwarded-Host: {origin.host}\r\n"
        hops = f"Via: {self._via(request)}\r\nX-Forwarded-For: {origin.forwarded}\r\nX-Forwarded-Proto: {origin.scheme}\r\n"
        fixed = b"%b%b%b" % (
            named.encode(),
            _without(heading, drop) if drop else heading.passing,
            hops.encode(),
        )
        if not drop:
            if len(heading.fixed) >= FIXED:
                heading.fixed.clear()
            heading.fixed[pool.base] = fixed
        return fixed

    def told(self, request: Request, origin: Origin, trace: str) -> Pairs:
        """The same as pairs, names in lower case, without the framing: for a call that is put anew."""
        pairs = [(NAMES[name].text, value.decode("utf-8")) for name, value in passing(request.heading)]
        if host := request.headers.get("host"):
            pairs.append(("host", host))
        if origin.host is not None:
            pairs.append(("x-forwarded-host", origin.host))
        pairs += [("via", self._via(request)), ("x-forwarded-for", origin.forwarded)]
        pairs.append(("x-forwarded-proto", origin.scheme))
        pairs.append(("traceparent", trace))
        if goes_on(request.headers, trace):
            pairs.append(("tracestate", request.headers["tracestate"]))
        return pairs

    def back(self, head: AnswerHead, request: Request, keep: bool, more: bytes = b"") -> tuple[bytes, bool]:
        """The head of an answer for its caller, and whether its body has to be cut into chunks."""
        plain = keep and not more and request.version == "1.1" and head.length is not None
        if plain and head.told is not None:
            return head.told, False
        lines = [status_line(head.status), *head.lines]
        lines.append(b"Via: %b, %b" % (b", ".join(head.vias), self._back[5:]) if head.vias else self._back)
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
        told = b"".join(lines)
        if plain:
            head.told = told
        return told, cut

    def changed(self, head: AnswerHead, request: Request) -> bytes:
        """The head of an answer that changes to the protocol that the caller asked for."""
        return b"%bConnection: Upgrade\r\nUpgrade: %b\r\n%b%b\r\n" % (
            status_line(head.status),
            request.heading.upgrade.encode(),
            b"".join(head.lines),
            self._back,
        )

    def whole(
        self,
        status: int,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        request: Request | None,
        keep: bool,
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


def _without(heading: Heading, drop: frozenset[str]) -> bytes:
    lines = (line for line in passing(heading) if hyphened(NAMES[line[0]].text) not in drop)
    return b"".join(b"%b: %b\r\n" % line for line in lines)


def _state(request: Request, trace: str) -> str:
    headers = request.headers
    return f"tracestate: {headers['tracestate']}\r\n" if goes_on(headers, trace) else ""


def _framing(request: Request) -> bytes:
    heading = request.heading
    if heading.upgrade:
        return f"Connection: Upgrade\r\nUpgrade: {heading.upgrade}\r\n".encode()
    framing = b"Transfer-Encoding: chunked\r\n" if heading.chunked else heading.framing
    hops = heading.headers.get("max-forwards")
    if hops is None or not _HOPS(hops):
        return framing
    return f"Max-Forwards: {forwards_left(request, hops)}\r\n".encode() + framing


def forwards_left(request: Request, hops: str) -> str:
    """Max-Forwards behind this hop (RFC 9110, section 7.6.2): it means something to OPTIONS and TRACE only."""
    return str(int(hops) - 1) if request.method in ("OPTIONS", "TRACE") else hops
