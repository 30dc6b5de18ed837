"""Readings: what a server would make of bytes that it gets, for servers that forgive nothing and for ones that forgive much.

A request is smuggled when two servers in a row read it differently. So whatever the facade sends on is read by h11 and by llhttp, which
are strict in different places, and by readers that take every liberty that was ever found in a server: a bare LF or CR ends a line, blanks
and underscores in names don't matter, of two framings one or the other counts. They must all read the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import h11
import httptools

LONGEST: Final = 4 * 1024 * 1024


class Request(NamedTuple):
    """A whole request."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


class Reading(NamedTuple):
    """Whole requests, and what came after them: nothing (""), the beginning of one ("part"), "nonsense", or "another protocol"."""

    requests: tuple[Request, ...]
    rest: str


class Strict:
    """A server that reads as h11 does, piece by piece."""

    def __init__(self) -> None:
        self._connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST)
        self._head: h11.Request | None = None
        self._body = b""
        self.nonsense = False

    def feed(self, piece: bytes) -> list[Request]:
        """The requests that are whole by now and weren't before."""
        found: list[Request] = []
        try:
            self._connection.receive_data(piece)
            while self._event(self._connection.next_event(), found):
                pass
        except h11.RemoteProtocolError:
            self.nonsense = True
        return found

    @property
    def begun(self) -> str:
        """The target of the request whose head is there and whose end isn't."""
        return self._head.target.decode() if self._head else ""

    @property
    def rest(self) -> str:
        if self.nonsense:
            return "nonsense"
        return "part" if self._head is not None or self._connection.trailing_data[0] else ""

    def _event(self, event: object, found: list[Request]) -> bool:
        match event:
            case h11.Request():
                self._head, self._body = event, b""
            case h11.Data():
                self._body += bytes(event.data)
            case h11.EndOfMessage():
                assert self._head is not None
                lines = tuple((n.decode(), v.decode("latin-1")) for n, v in self._head.headers)
                found.append(
                    Request(self._head.method.decode(), self._head.target.decode(), lines, self._body)
                )
                self._head = None
                self._next()
            case h11.NEED_DATA:
                return False
            case _:
                self.nonsense = True
                return False
        return True

    def _next(self) -> None:
        # Whether the server would close after its answer isn't asked here.
        with suppress(h11.LocalProtocolError):
            self._connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            self._connection.send(h11.EndOfMessage())
            self._connection.start_next_cycle()


def strict(sent: bytes) -> Reading:
    """As h11 reads it."""
    reader = Strict()
    return Reading(tuple(reader.feed(sent)), reader.rest)


@dataclass
class _Llhttp:
    """What llhttp calls while it reads."""

    found: list[Request] = field(default_factory=list)
    parser: httptools.HttpRequestParser | None = None

    def on_message_begin(self) -> None:
        self.target, self.headers, self.body, self.begun = b"", list[tuple[str, str]](), b"", True
        self.ended = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.ended:
            self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self.ended = True

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        assert self.parser is not None
        method = self.parser.get_method().decode()
        self.found.append(Request(method, self.target.decode("latin-1"), tuple(self.headers), self.body))
        self.begun = False

    begun = False


def llhttp(sent: bytes) -> Reading:
    """As llhttp reads it, the parser of Node.js and of uvicorn."""
    heard = _Llhttp()
    heard.parser = httptools.HttpRequestParser(heard)
    try:
        heard.parser.feed_data(sent)
    except httptools.HttpParserUpgrade:
        return Reading(tuple(heard.found), "another protocol")
    except httptools.HttpParserError:
        return Reading(tuple(heard.found), "nonsense")
    return Reading(tuple(heard.found), "part" if heard.begun else "")


class Liberty(NamedTuple):
    """Which liberties a forgiving server takes: what ends a line, which framing counts when there are two, and which of two lengths."""

    line: re.Pattern[bytes]
    chunked_wins: bool
    last_length: bool

    def __call__(self, sent: bytes) -> Reading:
        found, at = [], 0
        try:
            while at < len(sent):
                request, at = self._request(sent, at)
                found.append(request)
        except _Short:
            return Reading(tuple(found), "part")
        except ValueError:
            return Reading(tuple(found), "nonsense")
        return Reading(tuple(found), "")

    def _request(self, sent: bytes, at: int) -> tuple[Request, int]:
        line, at = self._line(sent, at)
        method, target = (*line.split(), b"", b"")[:2]
        headers, at = self._lines(sent, at)
        body, at = self._body(sent, at, headers)
        return Request(_text(method), _text(target), tuple(headers), body), at

    def _line(self, sent: bytes, at: int) -> tuple[bytes, int]:
        end = self.line.search(sent, at)
        if end is None:
            raise _Short
        return sent[at : end.start()], end.end()

    def _lines(self, sent: bytes, at: int) -> tuple[list[tuple[str, str]], int]:
        headers: list[tuple[str, str]] = []
        while True:
            line, at = self._line(sent, at)
            if not line:
                return headers, at
            name, _, value = line.partition(b":")
            headers.append((_text(name).strip().lower().replace("_", "-"), _text(value).strip()))

    def _body(self, sent: bytes, at: int, headers: list[tuple[str, str]]) -> tuple[bytes, int]:
        chunked = [v for n, v in headers if n == "transfer-encoding" and "chunked" in v.lower()]
        lengths = [int(d) for n, v in headers if n == "content-length" for d in re.findall(r"\d+", v)]
        if chunked and (self.chunked_wins or not lengths):
            return self._chunks(sent, at)
        length = lengths[-1 if self.last_length else 0] if lengths else 0
        return _cut(sent, at, length), at + length

    def _chunks(self, sent: bytes, at: int) -> tuple[bytes, int]:
        body = b""
        while True:
            line, at = self._line(sent, at)
            digits = re.match(rb"\s*(?:0[xX])?([0-9a-fA-F]*)", line)
            size = int(digits[1] or b"0", 16) if digits else 0
            if not size:
                return body, self._lines(sent, at)[1]
            body += _cut(sent, at, size)
            _, at = self._line(sent, at + size)


class _Short(Exception):
    """There is no more."""


def _cut(sent: bytes, at: int, length: int) -> bytes:
    if len(sent) < at + length:
        raise _Short
    return sent[at : at + length]


def _text(raw: bytes) -> str:
    return raw.decode("latin-1")


_ENDS: Final = {"LF": re.compile(rb"\r?\n"), "CR": re.compile(rb"\r\n|\r|\n")}

READERS: Final[Mapping[str, Callable[[bytes], Reading]]] = {
    "h11": strict,
    "llhttp": llhttp,
} | {
    f"a server to which {end} ends a line, and {framing} framing and the {length} length count": Liberty(
        _ENDS[end], framing == "chunked", length == "last"
    )
    for end in _ENDS
    for framing in ("chunked", "counted")
    for length in ("first", "last")
}
