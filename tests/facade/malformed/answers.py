"""Answers of upstreams that are broken, or that can be read in two ways (RFC 9112, sections 2, 4, 6 and 8).

The caller hears 502, or an answer that breaks off so that it sees it; never a whole one that is wrong. What follows an answer unasked must
never become the answer to somebody else's question, so the connection isn't used again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from tests.facade.wire.upstream import Script

MEGABYTE: Final = 1024 * 1024


class Told(NamedTuple):
    """A whole answer as the caller may hear it."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = {}


class Broken(NamedTuple):
    """What an upstream answers, and what may become of it.

    `whole` are the whole answers that the caller may hear, `statuses` those of the facade's own; with `torn` it may hear the beginning of
    one, and then the end of the connection. `again`: the connection to the upstream may be used again.
    """

    name: str
    rfc: str
    script: Script
    whole: tuple[Told, ...] = ()
    statuses: tuple[int, ...] = ()
    torn: bool = False
    again: bool = False
    method: str = "GET"


def head(lines: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + lines + b"\r\n"


LENGTH: Final = b"Content-Length: 2\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
OK: Final = Told()
GOOD: Final = head(LENGTH) + b"ok"
EVIL: Final = head(b"Content-Length: 4\r\n") + b"evil"


def nonsense(name: str, rfc: str, *pieces: bytes, then: str = "keep") -> Broken:
    """Nobody can make an answer of it."""
    return Broken(name, rfc, Script(*pieces, then=then), statuses=(502,))


def torn(name: str, rfc: str, *pieces: bytes, then: str = "close") -> Broken:
    """It begins well and isn't whole; when that is seen at once it may be a 502."""
    return Broken(name, rfc, Script(*pieces, then=then), statuses=(502, 504), torn=True)


def good(
    name: str, rfc: str, *pieces: bytes, told: Told = OK, then: str = "keep", again: bool = True, method: str = "GET"
) -> Broken:  # fmt: skip
    """It looks odd, and is whole all the same."""
    return Broken(name, rfc, Script(*pieces, then=then), (told,), again=again, method=method)


def doubtful(
    name: str, rfc: str, *pieces: bytes, told: Told = OK, then: str = "keep", method: str = "GET"
) -> Broken:
    """It can be taken or not; in any case nothing can be trusted that follows."""
    return Broken(name, rfc, Script(*pieces, then=then), (told,), (502,), torn=True, method=method)


def odd(name: str, rfc: str, *pieces: bytes, told: Told = OK) -> Broken:
    """It can be taken or not, but where it ends is beyond doubt."""
    return Broken(name, rfc, Script(*pieces), (told,), (502,), torn=True, again=True)


def body(lines: bytes, text: bytes, status: bytes = b"200 OK") -> bytes:
    return head(lines, status) + text


STATUS: Final = [
    nonsense(f"status line {line!r}", "9112 4", line + b"\r\n" + LENGTH + b"\r\nok")
    for line in (
        b"HTTP/1.1 OK", b"HTTP/1.1 20", b"HTTP/1.1 2000 OK", b"HTTP/1.1 -200 OK", b"HTTP/1.1 2x0 OK", b"HTTP/1.1", b"HTTP/x.1 200 OK",
        b"200 OK",
        b"SSH-2.0-OpenSSH_9.2", b"GET / HTTP/1.1", b"<html>", b"", b"HTTP/1.1 000 OK", b"\0\1\2\3",
    )
] + [
    odd(f"status line {line!r}", "9112 4", line + b"\r\n" + LENGTH + b"\r\nok")
    for line in (
        b"HTTP/2 200 OK", b"HTTP/2.0 200 OK", b"HTTP/1.2 200 OK", b"HTTP/0.9 200 OK", b"http/1.1 200 OK", b"HTTP/1.1  200 OK",
        b"HTTP/1.1\t200 OK",
        b"ICY 200 OK", b"HTTP/1.1 200OK", b"HTTP/1.1 200 O\0K", b"HTTP/1.1 200 O\rK",
    )
] + [
    good("no reason", "9112 4", b"HTTP/1.1 200\r\n" + LENGTH + b"\r\nok"),
    good("an empty reason", "9112 4", b"HTTP/1.1 200 \r\n" + LENGTH + b"\r\nok"),
    good("a reason beyond ASCII", "9112 4", "HTTP/1.1 200 Größe\r\n".encode() + LENGTH + b"\r\nok"),
    good("a status that nobody knows", "9110 15", body(LENGTH, b"ok", b"299 Odd"), told=Told(299)),
    good("a status of the 5xx", "9110 15.6", body(LENGTH, b"ok", b"599 Odd"), told=Told(599)),
    odd("a status beyond 599", "9110 15", body(LENGTH, b"ok", b"999 Odd"), told=Told(999)),
]  # fmt: skip

FRAMING: Final = [
    doubtful("length and chunked", "9112 6.3", body(LENGTH + CHUNKED, b"2\r\nok\r\n0\r\n\r\n")),
    doubtful("chunked and length", "9112 6.3", body(CHUNKED + LENGTH, b"2\r\nok\r\n0\r\n\r\n")),
    doubtful("chunked on 1.0", "9112 6.1", b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n2\r\nok\r\n0\r\n\r\n", then="close"),
    nonsense("two lengths", "9112 6.3", body(LENGTH + b"Content-Length: 3\r\n", b"ok?")),
    nonsense("a list of two lengths", "9112 6.3", body(b"Content-Length: 2, 3\r\n", b"ok?")),
    nonsense("length -2", "9112 6.3", body(b"Content-Length: -2\r\n", b"ok")),
    nonsense("length +2", "9112 6.3", body(b"Content-Length: +2\r\n", b"ok")),
    nonsense("length x", "9112 6.3", body(b"Content-Length: x\r\n", b"ok")),
    nonsense("length 2x", "9112 6.3", body(b"Content-Length: 2x\r\n", b"ok")),
    nonsense("an empty length", "9112 6.3", body(b"Content-Length:\r\n", b"ok")),
    nonsense("a length beyond 64 bits", "9112 6.3", body(b"Content-Length: 18446744073709551618\r\n", b"ok")),
    doubtful("the same length twice", "9112 6.3", body(LENGTH + LENGTH, b"ok")),
    doubtful("a list of the same length", "9112 6.3", body(b"Content-Length: 2, 2\r\n", b"ok")),
    doubtful("chunked twice", "9112 6.1", body(b"Transfer-Encoding: chunked, chunked\r\n", b"2\r\nok\r\n0\r\n\r\n"), then="close"),
    Broken("a coding that isn't known", "9112 6.1", Script(body(b"Transfer-Encoding: cow\r\n", b"ok"), then="close"), (OK,), (502,), True),
    Broken("gzip, chunked", "9112 6.1", Script(body(b"Transfer-Encoding: gzip, chunked\r\n", b"2\r\nok\r\n0\r\n\r\n"), then="close"), (),
           (502,), True),
    torn("shorter than it says", "9112 8", body(b"Content-Length: 9\r\n", b"ok")),
    torn("shorter than it says, then reset", "9112 8", body(b"Content-Length: 9\r\n", b"ok"), then="reset"),
    torn("a length, then nothing more for ever", "9112 8", body(b"Content-Length: 9\r\n", b"ok"), then="keep"),
    torn("a million million bytes", "9112 8", body(b"Content-Length: 1000000000000\r\n", b"ok")),
    good("until the end", "9112 6.3", body(b"", b"ok"), then="close", again=False),
    good("until the end, on 1.0", "9112 6.3", b"HTTP/1.0 200 OK\r\n\r\nok", then="close", again=False),
    good("1.0 with a length", "9112 9.3", b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\nok", again=False),
    good("the last answer, though nothing is closed", "9112 9.6", body(LENGTH + b"Connection: close\r\n", b"ok"), again=False),
    torn("until the end, then reset", "9112 8", body(b"", b"ok"), then="reset"),
]  # fmt: skip


def chunks(text: bytes) -> bytes:
    return body(CHUNKED, text)


CHUNKS: Final = [
    torn(f"chunks {text!r}", "9112 7.1", chunks(text))
    for text in (
        b"", b"2\r\nok\r\n", b"2\r\nok\r\n0\r\n", b"9\r\nok", b"x\r\nok\r\n0\r\n\r\n", b"-2\r\nok\r\n0\r\n\r\n",
        b"0x2\r\nok\r\n0\r\n\r\n", b"2\nok\n0\n\n",
        b"2\r\nokay\r\n0\r\n\r\n", b"3\r\nok\r\n0\r\n\r\n", b"10000000000000002\r\nok\r\n0\r\n\r\n", b"2\rok\r0\r\r",
        b"\r\nok\r\n0\r\n\r\n",
        b"2\r\nok\r\nHTTP/1.1 200 OK\r\n\r\n", b"2\r\nok0\r\n\r\n",
    )
] + [
    good("chunks with extensions", "9112 7.1.1", chunks(b"2;x=y\r\nok\r\n0;z\r\n\r\n")),
    good("chunks byte by byte", "9112 7.1", *(bytes((byte,)) for byte in chunks(b"2\r\nok\r\n0\r\n\r\n"))),
    good("chunks with a trailer", "9112 7.1.2", chunks(b"2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n")),
    odd("a trailer that is a length", "9112 7.1.2", chunks(b"2\r\nok\r\n0\r\nContent-Length: 99\r\n\r\n")),
]  # fmt: skip

FIELDS: Final = [
    nonsense("NUL in a value", "9110 5.5", body(b"X: a\0b\r\n" + LENGTH, b"ok")),
    nonsense("a bare CR in a value", "9112 2.2", body(b"X: a\rb\r\n" + LENGTH, b"ok")),
    nonsense("a line without a colon", "9112 5", body(b"Foo\r\n" + LENGTH, b"ok")),
    nonsense("an empty name", "9112 5", body(b": x\r\n" + LENGTH, b"ok")),
    nonsense("a blank in a name", "9110 5.1", body(b"X Y: 1\r\n" + LENGTH, b"ok")),
    nonsense("a name beyond ASCII", "9110 5.1", body("Größe: 1\r\n".encode() + LENGTH, b"ok")),
    nonsense("a value of eight megabytes", "9110 5.4", body(b"X: " + b"x" * 8 * MEGABYTE + b"\r\n" + LENGTH, b"ok")),
    nonsense("a head without end", "9110 5.4", b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 500_000),
    odd("a blank before a colon", "9112 5.1", body(b"X : 1\r\n" + LENGTH, b"ok")),
    doubtful("a blank before the colon of a length", "9112 5.1", body(b"Content-Length : 2\r\n", b"ok"), then="close"),
    odd("a folded line", "9112 5.2", body(b"X: a\r\n b\r\n" + LENGTH, b"ok")),
    odd("lines that end with a bare LF", "9112 2.2", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    odd("control characters in a value", "9110 5.5", body(b"X: a\x01b\r\n" + LENGTH, b"ok")),
    good("Latin-1 in a value", "9110 5.5", body(b"X-Y: Stra\xdfe\r\n" + LENGTH, b"ok"), told=Told(headers={"x-y": "Stra\xdfe"})),
    good("ten cookies", "6265 3", body(b"Set-Cookie: a@b=1; Path=/\r\n" * 10 + LENGTH, b"ok")),
    good("sixty kilobytes of cookies", "6265 3", body((b"Set-Cookie: a=" + b"x" * 4000 + b"\r\n") * 15 + LENGTH, b"ok")),
]  # fmt: skip

INFORMED: Final = [
    good("100, then 200", "9110 15.2", head(b"", b"100 Continue") + GOOD),
    good("103, then 200", "8297 2", head(b"Link: </x>\r\n", b"103 Early Hints") + GOOD),
    good("102 and 103, then 200", "9110 15.2", head(b"", b"102 Processing"), head(b"", b"103 Early Hints"), GOOD),
    Broken("a hundred thousand 100s, then 200", "9110 15.2", Script(head(b"", b"100 Continue") * 100_000, GOOD), (OK,), (502, 504),
           again=True),
    nonsense("101 that nobody asked for", "9110 7.8", head(b"Connection: upgrade\r\nUpgrade: x\r\n", b"101 Switching Protocols") + EVIL),
    torn("100, then nothing", "9110 15.2", head(b"", b"100 Continue")),
    torn("100 with a length, then 200", "9110 8.6", head(b"Content-Length: 4\r\n", b"100 Continue") + b"evil" + GOOD),
]  # fmt: skip

EMPTY: Final = [
    doubtful("204 with a length and a body", "9110 8.6", body(b"Content-Length: 4\r\n", b"evil", b"204 No Content"), told=Told(204, b"")),
    good("204 with a length of 0", "9110 8.6", head(b"Content-Length: 0\r\n", b"204 No Content"), told=Told(204, b"")),
    doubtful("204 with chunks", "9112 6.1", body(CHUNKED, b"4\r\nevil\r\n0\r\n\r\n", b"204 No Content"), told=Told(204, b"")),
    good("304 with a length", "9110 8.6", body(b"Content-Length: 4\r\n", b"", b"304 Not Modified"), told=Told(304, b"")),
    doubtful("304 with a body", "9112 6.3", body(b"Content-Length: 4\r\n", b"evil", b"304 Not Modified"), told=Told(304, b"")),
    good("HEAD with a length", "9110 9.3.2", head(b"Content-Length: 4\r\n"), told=Told(200, b"", {"content-length": "4"}), method="HEAD"),
    good("HEAD with chunked", "9110 9.3.2", head(CHUNKED), told=Told(200, b""), method="HEAD"),
    doubtful("HEAD with a body", "9112 6.3", body(b"Content-Length: 4\r\n", b"evil"), told=Told(200, b""), method="HEAD"),
    doubtful("HEAD with a second answer", "9112 6.3", head(b"Content-Length: 4\r\n") + EVIL, told=Told(200, b""), method="HEAD"),
    good("200 of no bytes", "9112 6.3", head(b"Content-Length: 0\r\n"), told=Told(200, b"")),
    good("205 with a body", "9110 15.3.6", body(LENGTH, b"ok", b"205 Reset Content"), told=Told(205)),
]  # fmt: skip

MORE: Final = [
    doubtful("a second answer behind the first", "9112 9.2", GOOD + EVIL),
    doubtful("a second answer, a little later", "9112 9.2", GOOD, EVIL),
    doubtful("bytes behind the answer", "9112 9.2", GOOD + b"evil"),
    odd("a line end behind the answer", "9112 9.2", GOOD + b"\r\n"),
    doubtful("a second answer behind chunks", "9112 9.2", chunks(b"2\r\nok\r\n0\r\n\r\n") + EVIL),
    odd("a line end before the answer", "9112 2.2", b"\r\n" + GOOD),
]  # fmt: skip

SILENCE: Final = [
    torn("nothing, then the end", "9110 15.6.3", then="close"),
    torn("nothing, then a reset", "9110 15.6.3", then="reset"),
    torn("half of a status line", "9112 8", b"HTTP/1.1 20"),
    torn("half of a head", "9112 8", b"HTTP/1.1 200 OK\r\nContent-Le"),
    torn("a head without its end", "9112 8", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"),
    Broken("nothing, for ever", "9110 15.6.5", Script(), statuses=(504,)),
    Broken("half of a head, for ever", "9110 15.6.5", Script(b"HTTP/1.1 200 OK\r\nX"), statuses=(502, 504)),
]  # fmt: skip

CASES: Final[list[Broken]] = [*STATUS, *FRAMING, *CHUNKS, *FIELDS, *INFORMED, *EMPTY, *MORE, *SILENCE]
