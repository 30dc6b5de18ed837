"""Reading: what a caller sends, read as HTTP: the heads of calls, the pieces of their bodies, and where each ends.

httptools parses; what it lets pass and two servers could read in two ways is refused by `request`. Heads, and what comes between the
pieces of a body, are limited in size here.
"""

from __future__ import annotations

from typing import Final, Protocol

import httptools

from strangler.facade.answers import BadRequest, Refusal
from strangler.facade.wire.known import LONGEST, in_lines
from strangler.facade.wire.opening import Opener
from strangler.facade.wire.request import Heading, RawHeaders, Request, read_heading, read_request

_END: Final = b"\r\n\r\n"


class Listener(Protocol):
    """Who is told what is read, in the order in which it came."""

    def begun(self) -> None:
        """The head of a call begins."""

    def headed(self, request: Request) -> None:
        """It was read."""

    def came(self, piece: bytes) -> None:
        """A piece of that call's body."""

    def ended(self) -> None:
        """That call has come whole."""

    def came_behind(self, rest: bytes) -> bool:
        """What came right behind a call that asks for another protocol. Whether it was taken; what isn't is read on."""

    def unreadable(self, refusal: Refusal) -> None:
        """Nothing more can be read."""

    def broken(self, error: Exception) -> None:
        """The listener, or this reader, failed."""


class Reader:
    """Of one connection. `origin` is where it comes from, as `known` headings have it; `in_head`: a head has begun and isn't over."""

    __slots__ = (
        "_expected",
        "_fed",
        "_headed",
        "_heading",
        "_heard",
        "_known",
        "_lines",
        "_listener",
        "_most",
        "_opener",
        "_origin",
        "_parser",
        "_raw",
        "_request",
        "_rest",
        "_size",
        "_stopped",
        "_url",
        "in_head",
    )
    __deletable__ = ("_listener", "_parser")

    def __init__(self, listener: Listener, opener: Opener, origin: str) -> None:
        self._listener, self._opener, self._origin = listener, opener, origin
        self._lines, self._known, self._most = opener.lines, opener.known, opener.patience.head_bytes
        self._parser = httptools.HttpRequestParser(self)
        self._raw: RawHeaders = []
        self._url = b""
        self._headed = False  # the head of the call that is being read is over
        self._expected = False  # a head of our own making is fed
        self._stopped = self.in_head = False
        self._heard = self._fed = self._size = 0  # bytes: of this head so far, of what is fed, of this body
        self._rest = b""  # what is behind the first line of a head that may be known next time
        self._request: Request | None = None  # whose body is being read
        self._heading: Heading | None = None  # what the call before said

    def stop(self) -> None:
        """Tell nothing more, though it was fed already."""
        self._stopped, self._request = True, None

    def let_go(self) -> None:
        """The connection is over. The parser and the listener know the reader: no circle is left for the collector."""
        self.stop()
        del self._parser, self._listener

    def recognise(self, data: bytes) -> Request | None:
        """The call that `data` is, between two calls, where all of its head is known and its body is all that follows; else `feed` it."""
        over = data.find(_END)
        if over < 0:
            return None
        at, end = data.find(b"\r\n") + 2, over + 4
        line = self._lines.read(data[:at])
        if line is None:
            return None
        rest = data[at:end]
        known, key = self._known, (self._origin, rest)
        heading = known.lately.get(key) or known.find(key)
        if heading is not None and heading.length == len(data) - end and end <= self._most:
            self._heading = heading
            return Request(line, heading, data[end:])
        if len(rest) <= LONGEST:
            self._rest = rest
        return None

    def feed(self, data: bytes) -> None:
        """Read on."""
        while data:
            data = self._feed(data)

    def _feed(self, data: bytes) -> bytes:
        """The same, as far as one parser goes; gives what is still to be read."""
        behind = b""
        self._fed = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # The facade changes to another protocol only when the upstream does; until then HTTP goes on.
            self._parser = httptools.HttpRequestParser(self)
            self._expect_body()
            behind = data[upgrade.args[0] :]
            if behind and self._listener.came_behind(behind):
                behind = b""
        except httptools.HttpParserCallbackError as error:
            self._listener.broken(error)
        except httptools.HttpParserError as error:
            self._listener.unreadable(BadRequest(_what(error)))
        else:
            self._limit()
        self._rest = b""
        return behind

    def _limit(self) -> None:
        if self.in_head or self._request is not None:
            self._heard += self._fed
            if self._heard > self._most:
                what = "head of the call is" if self.in_head else "trailers of the call are"
                self._listener.unreadable(Refusal(431, f"the {what} too long", "http_request_error"))

    def _expect_body(self) -> None:
        """A parser that has seen a request to upgrade leaves the body unread: the next one is told of it."""
        if self._request is None:
            return
        heading, self._expected = self._request.heading, True
        length = (
            b"Transfer-Encoding: chunked"
            if heading.chunked
            else b"Content-Length: %d" % (heading.length or 0)
        )
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % length)
        self._expected, self._headed, self.in_head = False, True, False

    # What httptools says

    def on_message_begin(self) -> None:
        self._raw, self._url, self._headed, self.in_head, self._heard = [], b"", False, True, 0
        if not self._expected:
            self._listener.begun()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._headed:  # trailers end on this hop
            self._raw.append((name, value))

    def on_headers_complete(self) -> None:
        self._headed, self.in_head = True, False
        rest, self._rest = self._rest, b""  # it is that of the first head alone
        if self._stopped or self._expected:  # RFC 9112, section 9.6
            return
        try:
            self._request = request = self._read(rest)
        except Refusal as refusal:
            self._listener.unreadable(refusal)
            return
        self._size = 0
        self._listener.headed(request)

    def _read(self, rest: bytes) -> Request:
        parser, raw, heading = self._parser, self._raw, self._heading
        most = self._most
        if self._heard + self._fed > most and _size(self._url, raw) > most:
            raise Refusal(431, "the head of the call is too long", "http_request_error")
        version = parser.get_http_version()
        if heading is None or heading.raw != raw or heading.version != version:
            heading = self._heading = read_heading(version, raw)
        if heading.length and self._opener.patience.body_bytes is not None:
            self._refuse_body(heading.length)  # before it is known, for what is known isn't asked again
        if rest and heading.plain and in_lines(rest, len(raw)):
            heading.known = True
            self._known.keep((self._origin, rest), heading)
        return read_request(parser.get_method(), self._url, heading)

    def _refuse_body(self, length: int) -> None:
        most = self._opener.patience.body_bytes
        if most is not None and length > most:
            raise Refusal(413, f"the body of a call may have {most} bytes", "http_request_error")

    def on_body(self, piece: bytes) -> None:
        # What comes from here on that is no body is extensions of chunks, and trailers.
        self._heard = self._fed = 0
        if self._request is None:
            return
        self._size += len(piece)
        try:
            self._refuse_body(self._size)
        except Refusal as refusal:
            self._listener.unreadable(refusal)
            return
        self._listener.came(piece)

    def on_message_complete(self) -> None:
        request = self._request
        if request is None or (request.has_body and self._parser.should_upgrade()):
            return
        self._request = None
        self._listener.ended()


def _what(error: httptools.HttpParserError) -> str:
    text = str(error).strip().rstrip(".") or "it isn't HTTP"
    return f"the call can't be read: {text[0].lower()}{text[1:]}"


def _size(url: bytes, raw: RawHeaders) -> int:
    return len(url) + sum(len(name) + len(value) for name, value in raw)
