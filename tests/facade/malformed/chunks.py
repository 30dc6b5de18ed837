"""Chunks: a body in pieces, each of which can lie about its length (RFC 9112, section 7.1)."""

from __future__ import annotations

from typing import Final

from tests.facade.malformed.cases import NEXT, SECOND, Asked, Case, W, breaks, or_breaks, passed, post

CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
MEGABYTE: Final = 1024 * 1024


def chunks(body: bytes) -> bytes:
    return post(CHUNKED, body)


def sized(size: bytes, end: bytes = b"\r\n") -> bytes:
    """Four bytes under a size as it is written there."""
    return chunks(size + end + b"abcd\r\n0\r\n\r\n")


SIZES: Final = [
    passed("a small hex digit", "9112 7.1", chunks(b"a\r\n0123456789\r\n0\r\n\r\n"), Asked("POST", "/w", b"0123456789")),
    passed("a capital hex digit", "9112 7.1", chunks(b"A\r\n0123456789\r\n0\r\n\r\n"), Asked("POST", "/w", b"0123456789")),
    passed("a size with leading zeros", "9112 7.1", sized(b"0004"), W),
    passed("a last chunk of several zeros", "9112 7.1", chunks(b"4\r\nabcd\r\n000\r\n\r\n"), W),
    passed("an extension", "9112 7.1.1", sized(b"4;x=y"), W),
    passed("an extension in quotes", "9112 7.1.1", sized(b'4;x="y z"'), W),
    passed("an extension on the last chunk", "9112 7.1.1", chunks(b"4\r\nabcd\r\n0;x=y\r\n\r\n"), W),
    passed("a request behind the last chunk", "9112 9.3.2", sized(b"4") + NEXT, W, SECOND),
    or_breaks("a size with a hundred leading zeros", "9112 7.1", sized(b"0" * 100 + b"4"), W),
    or_breaks("five thousand chunks with an extension each", "9112 7.1.1", chunks(b"1;x=y\r\na\r\n" * 5000 + b"0\r\n\r\n"),
              Asked("POST", "/w", b"a" * 5000)),
]  # fmt: skip
SIZES += [
    breaks(f"chunk size {size!r}", "9112 7.1", sized(size))
    for size in (
        b"", b"0x4", b"+4", b"-4", b" 4", b"\t4", b"g", b"4_0", b"4.0", b"4 4", b"4,", b"\xd9\xa4", b"10000000000000004",
        b"FFFFFFFFFFFFFFFF",
        b"7FFFFFFFFFFFFFFF", b"FFFFFFFFFFFFFFFFF", b"\xef\xbb\xbf4", b"4\0", b"4\x0b", b"4=", b"4;\0", b'4;x="', b"4;x=\x7f",
    )
]  # fmt: skip
SIZES += [
    or_breaks(f"chunk size {size!r}", "9112 7.1.1", sized(size), W) for size in (b"4 ", b"4\t", b"4 ;x", b"4;", b"4; x = y")
]  # fmt: skip

ENDS: Final = [
    breaks("sizes end with a bare LF", "9112 7.1", chunks(b"4\nabcd\n0\n\n")),
    breaks("one size ends with a bare LF", "9112 7.1", sized(b"4", b"\n")),
    breaks("one size ends with a bare CR", "9112 7.1", sized(b"4", b"\r")),
    breaks("one size ends with CR CR LF", "9112 7.1", sized(b"4", b"\r\r\n")),
    breaks("an extension ends with a bare LF", "9112 7.1.1", sized(b"4;x", b"\n")),
    breaks("an extension holds a bare LF", "9112 7.1.1", sized(b"4;x\ny")),
    breaks("an extension holds a bare CR", "9112 7.1.1", sized(b"4;x\ry")),
    breaks("an extension holds a bare LF and a chunk", "9112 7.1.1", chunks(b"2;\nxx\r\n27\r\n0\r\n\r\n" + NEXT)),
    breaks("a chunk longer than it says", "9112 7.1", chunks(b"3\r\nabcd\r\n0\r\n\r\n")),
    breaks("a chunk shorter than it says", "9112 7.1", chunks(b"5\r\nabcd\r\n0\r\n\r\n")),
    breaks("nothing ends the data", "9112 7.1", chunks(b"4\r\nabcd0\r\n\r\n")),
    breaks("a bare LF ends the data", "9112 7.1", chunks(b"4\r\nabcd\n0\r\n\r\n")),
    breaks("a bare CR ends the data", "9112 7.1", chunks(b"4\r\nabcd\r0\r\n\r\n")),
    breaks("two other bytes end the data", "9112 7.1", chunks(b"4\r\nabcdXX0\r\n\r\n")),
    breaks("no last chunk", "9112 8", chunks(b"4\r\nabcd\r\n")),
    breaks("half of a chunk", "9112 8", chunks(b"8\r\nabcd")),
    breaks("half of a size", "9112 8", chunks(b"4\r\nabcd\r\n1")),
    breaks("no end behind the last chunk", "9112 8", chunks(b"4\r\nabcd\r\n0\r\n")),
    breaks("half of an end behind the last chunk", "9112 8", chunks(b"4\r\nabcd\r\n0\r\n\r")),
    breaks("the next request in the place of the end", "9112 7.1.2", chunks(b"4\r\nabcd\r\n0\r\n" + NEXT)),
    or_breaks("an extension of a megabyte", "9112 7.1.1", sized(b"4;" + b"x" * MEGABYTE), W),
]  # fmt: skip

LOST: Final = ("x-trailer", "authorization")
"""What trailers mustn't become: headers."""


def trailer(lines: bytes) -> bytes:
    return chunks(b"4\r\nabcd\r\n0\r\n" + lines + b"\r\n")


TRAILERS: Final = [
    or_breaks(f"a trailer {line!r}", "9110 6.5.1", trailer(line + b"\r\n"), Asked("POST", "/w", b"abcd", {"host": "erp"}, LOST))
    for line in (
        b"X-Trailer: 1", b"Content-Length: 99", b"Transfer-Encoding: chunked", b"Host: evil", b"Authorization: Basic eA==",
        b"X-Forwarded-For: 6.6.6.6",
        b"Connection: keep-alive", b"X-Trailer: a\r\n b",
    )
]  # fmt: skip
TRAILERS += [
    breaks(f"a trailer {line!r}", "9112 7.1.2", trailer(line + b"\r\n"))
    for line in (b"X-Trailer : 1", b"X-Trailer", b" X-Trailer: 1", b": 1", b"X-Trailer: a\0b", b"X-Trailer: a\rb", b"X\x01: 1")
]  # fmt: skip
TRAILERS += [
    breaks("trailers of a megabyte", "9112 7.1.2", trailer(b"X-Trailer: " + b"x" * MEGABYTE + b"\r\n")),
    breaks(
        "trailers without end", "9112 7.1.2", chunks(b"4\r\nabcd\r\n0\r\n" + b"X-Trailer: 1\r\n" * 20_000)
    ),
]

CASES: Final[list[Case]] = [*SIZES, *ENDS, *TRAILERS]
