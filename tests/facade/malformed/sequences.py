"""Sequences: what hangs together with the connection, the request before, or the one behind (RFC 9110, 7.6, 7.8 and 10.1; RFC 9112, 9)."""

from __future__ import annotations

from typing import Final

from tests.facade.malformed.cases import (
    NEXT,
    SECOND,
    Asked,
    Case,
    W,
    after,
    breaks,
    either,
    get,
    passed,
    post,
    refused,
)

R: Final = Asked("GET", "/w")
LENGTH: Final = b"Content-Length: 4\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
BODY: Final = b"4\r\nabcd\r\n0\r\n\r\n"
AMBIGUOUS: Final = post(LENGTH + CHUNKED, b"0\r\n\r\n")
ONE: Final = b"GET /w HTTP/1.0\r\nHost: erp\r\n\r\n"


def closing(lines: bytes) -> bytes:
    return get(b"Connection: close\r\n" + lines)


CONNECTION: Final = [
    passed("Connection names Content-Length", "9110 7.6.1", post(b"Connection: content-length\r\n" + LENGTH), W),
    passed("Connection names Transfer-Encoding", "9110 7.6.1", post(b"Connection: transfer-encoding\r\n" + CHUNKED, BODY), W),
    passed("Connection names Host", "9110 7.6.1", get(b"Connection: host\r\n"), Asked("GET", "/w", headers={"host": "erp"})),
    passed("Connection names what the facade adds", "9110 7.6.1", get(b"Connection: x-forwarded-for, via, x-forwarded-host\r\n"),
           Asked("GET", "/w", headers={"x-forwarded-for": "127.0.0.1", "x-forwarded-host": "erp"})),
    passed("Connection names a header", "9110 7.6.1", get(b"Connection: x-hop\r\nX-Hop: 1\r\n"), Asked("GET", "/w", without=("x-hop",))),
    passed("Connection names a header in other letters, on a second line", "9110 7.6.1",
           get(b"Connection: keep-alive\r\nX-Hop: 1\r\nconnection: X-HOP\r\n"), Asked("GET", "/w", without=("x-hop",))),
    either("Connection names Transfer-Encoding, and there is a length", "9110 7.6.1",
           post(b"Connection: transfer-encoding\r\n" + LENGTH), W),
    either("Connection is empty", "9110 7.6.1", get(b"Connection:\r\n"), R),
    either("Connection has empty elements", "9110 7.6.1", get(b"Connection: , ,keep-alive,,\r\n"), R),
    either("Connection has no tokens", "9110 7.6.1", get(b"Connection: (x), \"y\"\r\n"), R),
    either("Keep-Alive without numbers", "9112 C.2.2", get(b"Keep-Alive: timeout=x, max=-1\r\n"), R),
    either("Proxy-Connection", "9112 C.2.2", get(b"Proxy-Connection: keep-alive\r\n"), Asked("GET", "/w", without=("proxy-connection",))),
    either("TE asks for chunked", "9110 10.1.4", get(b"TE: chunked, trailers;q=0.5\r\nConnection: TE\r\n"), R),
]  # fmt: skip

EXPECT: Final = [
    passed("Expect: 100-continue, and the body at once", "9110 10.1.1", post(b"Expect: 100-continue\r\n" + LENGTH), W),
    passed("Expect: 100-Continue in other letters", "9110 10.1.1", post(b"eXPECT: 100-CONTINUE\r\n" + LENGTH), W),
    passed("Expect: 100-continue, and chunks", "9110 10.1.1", post(b"Expect: 100-continue\r\n" + CHUNKED, BODY), W),
    passed("Expect: 100-continue without a body", "9110 10.1.1", get(b"Expect: 100-continue\r\n"), R),
    passed("Expect: 100-continue on 1.0", "9110 10.1.1", post(b"Expect: 100-continue\r\n" + LENGTH, version=b"1.0"), W),
    either("Expect of nobody knows what", "9110 10.1.1", post(b"Expect: 200-ok\r\n" + LENGTH), W, statuses=(400, 417)),
    either("Expect of two things", "9110 10.1.1", post(b"Expect: 100-continue, x\r\n" + LENGTH), W, statuses=(400, 417)),
    either("Expect twice", "9110 10.1.1", post(b"Expect: 100-continue\r\nExpect: 100-continue\r\n" + LENGTH), W, statuses=(400, 417)),
    either("Expect is empty", "9110 10.1.1", post(b"Expect:\r\n" + LENGTH), W, statuses=(400, 417)),
]  # fmt: skip

PLAIN: Final = Asked("GET", "/w", without=("upgrade", "http2-settings"))

UPGRADE: Final = [
    passed("Upgrade without Connection", "9110 7.8", get(b"Upgrade: websocket\r\n"), PLAIN),
    passed("Upgrade to h2c", "9110 7.8", get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
           PLAIN),
    passed("Upgrade to TLS", "2817 3", get(b"Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"), PLAIN),
    passed("Connection: Upgrade to nothing", "9110 7.8", get(b"Connection: Upgrade\r\n"), PLAIN),
    passed("Upgrade to h2c with a body, and a request behind", "9110 7.8",
           post(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n" + LENGTH) + NEXT, W, SECOND),
    either("Upgrade to WebSocket on 1.0", "9110 7.8",
           b"GET /w HTTP/1.0\r\nHost: erp\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", PLAIN),
    either("Upgrade to WebSocket by POST", "6455 4.1", post(b"Connection: Upgrade\r\nUpgrade: websocket\r\n" + LENGTH), W),
]  # fmt: skip

PIPELINES: Final = [
    passed("two requests at once", "9112 9.3.2", get() + NEXT, R, SECOND),
    passed("a body, then a request", "9112 9.3.2", post(LENGTH) + NEXT, W, SECOND),
    passed("fifty requests at once", "9112 9.3.2", get() * 49 + NEXT, *[R] * 49, SECOND),
    passed("an empty line between requests", "9112 2.2", get() + b"\r\n" + NEXT, R, SECOND),
    passed("a request behind the last one", "9112 9.6", closing(b"") + NEXT, R),
    passed("a request behind the last one, said with others", "9112 9.6", get(b"Connection: keep-alive, Close\r\n") + NEXT, R),
    passed("a request behind the only one of 1.0", "9112 9.3", ONE + NEXT, R),
    passed("nonsense behind the last one", "9112 9.6", closing(b"") + b"\0\1\2\r\n\r\n", R),
    refused("an ambiguous request, then a good one", "9112 6.1", AMBIGUOUS + NEXT),
    refused("two Hosts, then a good one", "9112 3.2", get(b"Host: other\r\n") + NEXT),
    refused("a line without colon, then a good one", "9112 5", get(b"Foo\r\n") + NEXT),
    refused("a broken version, then a good one", "9112 2.3", b"GET /w HTTP/1.x\r\nHost: erp\r\n\r\n" + NEXT, (400, 505)),
    after("a good request, then an ambiguous one, then a good one", "9112 6.1", get() + AMBIGUOUS + NEXT, R),
    after("a good request, then nonsense", "9112 2.2", get() + b"\0\1\2\r\n\r\n", R),
    after("a good request, then a broken one in the same breath", "9112 5", post(LENGTH) + get(b"Foo\r\n") + NEXT, W),
    after("a good request, then HTTP/2", "9113 3.4", get() + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", R, statuses=(400, 505)),
    passed("a trailer, then a request", "9112 7.1.2", post(CHUNKED, b"0\r\nX: y\r\n\r\n") + NEXT, Asked("POST", "/w", without=("x",)),
           SECOND),
]  # fmt: skip

ENDS: Final = [
    breaks("nothing at all", "9112 8", b""),
    breaks("one letter", "9112 8", b"G"),
    breaks("half of a request line", "9112 8", b"GET /w HT"),
    breaks("a request line", "9112 8", b"GET /w HTTP/1.1\r\n"),
    breaks("half of a head", "9112 8", b"GET /w HTTP/1.1\r\nHost: erp\r\nX"),
    breaks("a head without its last LF", "9112 8", get()[:-1]),
    breaks("a request, then half of one", "9112 8", get() + get()[:-5], R),
    breaks("a request, then half of a body", "9112 8", get() + post(LENGTH, b"ab"), R),
    breaks("empty lines only", "9112 2.2", b"\r\n" * 50),
]  # fmt: skip

CASES: Final[list[Case]] = [*CONNECTION, *EXPECT, *UPGRADE, *PIPELINES, *ENDS]
