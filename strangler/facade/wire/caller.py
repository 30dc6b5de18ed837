"""Caller: one connection of a caller. Calls come in on it one after the other and are answered in that order.

A call is handed to a `Taker` when its head is read and the one before it is answered; its body follows in pieces. Callers
that are slow, whether in sending or in taking, hold only themselves up, and not for ever: `Front.sweep` looks at all of them.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol, cast

import httptools

from strangler.facade.answers import BadRequest, Refusal
from strangler.facade.wire.cork import Cork
from strangler.facade.wire.framing import CONTINUE
from strangler.facade.wire.known import LONGEST, Known, in_lines
from strangler.facade.wire.request import Heading, RawHeaders, Request, read_heading, read_request

LINGER: Final = 2.0
"""Seconds for which a caller may go on sending what nobody reads any more, so that it sees the answer before the end."""

AHEAD: Final = 16
"""Most calls that a caller may send before the one under way is answered; then nothing more is read."""


_RESET: Final = struct.pack("ii", 1, 0)
"""Linger for no time at all: what ends the connection is a reset."""

_FIRST: Final = re.compile(
    rb"(GET|POST|PUT|DELETE|PATCH|HEAD) (/[A-Za-z0-9/._~!$&'()*+,;=:@?%-]*) HTTP/1\.1\r\n"
).match
"""First lines of calls, written as all write them."""

_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Patience:
    """What a caller may take, in seconds, and in bytes; see `facade.callers`."""

    head_bytes: int
    body_bytes: int | None
    head_time: float
    body_time: float
    write_time: float
    idle_time: float


class Taker(Protocol):
    """Who serves one call. All are called from the event loop's thread."""

    def piece(self, piece: bytes) -> None:
        """More of the body."""

    def whole(self) -> None:
        """The body is over; not called for a body that breaks off."""

    def gone(self, why: Refusal | None) -> None:
        """The rest of the body won't come, or nobody waits for the answer: the caller left (None), or sent what can't be read."""

    def hold(self) -> None:
        """The caller takes no more at the moment."""

    def go_on(self) -> None:
        """It does again."""


class Opener(Protocol):
    """Where calls are handed to."""

    patience: Patience
    connections: set[CallerConnection]
    draining: bool
    known: Known[Heading]
    """Headings that tell all of how a call is framed, by where they come from and by the bytes behind the first line."""

    def take(self, request: Request, connection: CallerConnection) -> Taker:
        """A call's head was read. The answer goes to the connection's `write`, its end to `finished`."""
        ...

    def defect(self, error: Exception) -> None:
        """What goes on here itself is wrong: say it where somebody looks."""
        ...

    def unreadable(self, connection: CallerConnection, refusal: Refusal) -> bytes:
        """What came is no request: the answer that says so, to be the last."""
        ...


class Turn:
    """A call of this connection: under way, or waiting for its turn with what came of its body."""

    __slots__ = ("complete", "pieces", "request", "size", "taker")

    def __init__(self, request: Request, body: bytes = b"") -> None:
        """`body` is what came of it with the head, where that is all of it."""
        self.request = request
        self.taker: Taker | None = None
        self.pieces = [body] if body else []
        self.size = len(body)
        self.complete = bool(body) or not request.has_body


class CallerConnection(asyncio.Protocol):
    """See above. `address` is the caller's, without port; `moment` the monotonic time at which bytes came last, or the turn of those that
    had come before: a call's time doesn't run while it waits for its own caller's others."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._parser = httptools.HttpRequestParser(self)
        self._raw: RawHeaders = []
        self._url = b""
        self._headed = False  # the head of the call that is being read is over
        self._in_head = self._mute = False
        self._head_bytes = self._fed = 0
        self._heading: Heading | None = None  # what the call before said
        self._rest = (
            b""  # what is behind the first line of what is being read, where it may be known next time
        )
        self._turn: Turn | None = None  # the call that is being read
        self._active: Turn | None = None
        self._queue: deque[Turn] = deque()
        self._behind: list[bytes] = []  # what came right behind a request to change the protocol
        self._refusal: Refusal | None = None  # to be said when all before it is answered
        self._reading = True
        self._stuck_since = 0.0
        self._closing = self._lingering = False
        self.lost = False
        self.tunnel: Callable[[bytes], None] | None = None
        """Where all that comes goes, once both sides speak another protocol."""
        self.address, self.scheme = "unknown", "http"
        self._from = ""
        self.moment = self._since = monotonic()

    # What the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's has no such base
        self._cork = Cork(self.transport)
        peer = transport.get_extra_info("peername")
        if peer:
            self.address = peer[0]
        if transport.get_extra_info("ssl_object") is not None:
            self.scheme = "https"
        self._from = f"{self.scheme} {self.address}"
        self._opener.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self.moment = now = monotonic()
        if self.tunnel is not None:
            self._since = now
            self.tunnel(data)
            return
        if self._closing or self._refusal is not None:
            return
        if self._turn is not None:
            self._since = now
        elif self._active is None and not self._in_head and (first := _FIRST(data)) is not None:
            # Between two calls, so it begins a head: when all of that is known, there is nothing to be read.
            at = first.end()
            end = data.find(_END, at - 2) + 4
            rest = data[at:end]
            known, key = self._opener.known, (self._from, rest)
            heading = known.lately.get(key) or known.find(key)
            if (
                heading is not None
                and heading.length == len(data) - end
                and end <= self._opener.patience.head_bytes
            ):
                self._since, self._heading = now, heading
                method, target = first.groups()
                body = data[end:]
                self._start(
                    Turn(Request(method.decode("ascii"), target.decode("ascii"), heading, body), body)
                )
                return
            if len(rest) <= LONGEST:
                self._rest = rest
        self._feed(data)
        self._rest = b""

    def _feed(self, data: bytes) -> None:
        self._fed = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # The facade changes to another protocol only when the upstream does; until then HTTP goes on.
            self._parser = httptools.HttpRequestParser(self)
            self._expect_body()
            if rest := data[upgrade.args[0] :]:
                self._feed_rest(rest)
        except httptools.HttpParserCallbackError as error:
            self._opener.defect(error)
            self.abort()
        except httptools.HttpParserError as error:
            self._unreadable(BadRequest(_what(error)))
        else:
            if self._in_head or self._turn is not None:
                self._head_bytes += self._fed
                if self._head_bytes > self._opener.patience.head_bytes:
                    what = "head of the call is" if self._in_head else "trailers of the call are"
                    self._unreadable(Refusal(431, f"the {what} too long", "http_request_error"))

    def _expect_body(self) -> None:
        """A parser that has seen a request to upgrade leaves the body unread: the next one is told of it."""
        if self._turn is None:
            return
        heading, self._mute = self._turn.request.heading, True
        length = (
            b"Transfer-Encoding: chunked"
            if heading.chunked
            else b"Content-Length: %d" % (heading.length or 0)
        )
        self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % length)
        self._mute, self._headed, self._in_head = False, True, False

    def _feed_rest(self, rest: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel(rest)
        elif self._active is not None and self._active.request.heading.upgrade:
            # What came right behind the request, before it was answered: frames, or the next call if the upstream declines.
            self._active.pieces.append(rest)
            self.hold_back()
        else:
            self._feed(rest)

    def eof_received(self) -> None:
        """A caller that ends its side isn't told from one that is gone: its call isn't waited for."""

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = self._closing = True
        self._opener.connections.discard(self)
        active, self._active = self._active, None
        self._queue.clear()
        self._turn = None
        if active is not None and active.taker is not None:
            active.taker.gone(None)

    def pause_writing(self) -> None:
        self._stuck_since = monotonic()
        if self._active is None:
            self.hold_back()
        elif self._active.taker is not None:
            self._active.taker.hold()

    def resume_writing(self) -> None:
        self._stuck_since = 0.0
        if self._active is None:
            self._next()
        elif self._active.taker is not None:
            self._active.taker.go_on()

    # What httptools says

    def on_message_begin(self) -> None:
        self._raw, self._url, self._headed, self._in_head, self._head_bytes = [], b"", False, True, 0
        if not self._mute:
            self._since = self.moment

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._headed:  # trailers end on this hop
            self._raw.append((name, value))

    def on_headers_complete(self) -> None:
        self._headed, self._in_head = True, False
        rest, self._rest = self._rest, b""  # it is that of the first head alone
        if self._refusal is not None or self._mute or self._closing:  # RFC 9112, section 9.6
            return
        try:
            request = self._request(rest)
        except Refusal as refusal:
            self._unreadable(refusal)
            return
        turn = self._turn = Turn(request)
        if self._active is None:
            self._start(turn)
        else:
            self._queue.append(turn)
            if len(self._queue) >= AHEAD:
                self.hold_back()

    def _request(self, rest: bytes) -> Request:
        parser, raw, heading = self._parser, self._raw, self._heading
        most = self._opener.patience.head_bytes
        if self._head_bytes + self._fed > most and _size(self._url, raw) > most:
            raise Refusal(431, "the head of the call is too long", "http_request_error")
        version = parser.get_http_version()
        if heading is None or heading.raw != raw or heading.version != version:
            heading = self._heading = read_heading(version, raw)
        if heading.length and self._opener.patience.body_bytes is not None:
            self._refuse_body(heading.length)  # before it is known, for what is known isn't asked again
        if rest and heading.plain and in_lines(rest, len(raw)):
            heading.known = True
            self._opener.known.keep((self._from, rest), heading)
        return read_request(parser.get_method(), self._url, heading)

    def _refuse_body(self, length: int) -> None:
        most = self._opener.patience.body_bytes
        if most is not None and length > most:
            raise Refusal(413, f"the body of a call may have {most} bytes", "http_request_error")

    def on_body(self, piece: bytes) -> None:
        turn = self._turn
        self._head_bytes = self._fed = (
            0  # what comes from here on that is no body is extensions of chunks, and trailers
        )
        if turn is None:
            return
        turn.size += len(piece)
        try:
            self._refuse_body(turn.size)
        except Refusal as refusal:
            self._unreadable(refusal)
            return
        if turn.taker is None:
            turn.pieces.append(piece)
            self.hold_back()
        else:
            turn.taker.piece(piece)

    def on_message_complete(self) -> None:
        if self._turn is not None and self._turn.request.has_body and self._parser.should_upgrade():
            return
        turn, self._turn = self._turn, None
        if turn is not None and not turn.complete:
            turn.complete = True
            if turn.taker is not None:
                turn.taker.whole()

    # Turns

    def _start(self, turn: Turn) -> None:
        self._active = turn
        taker = turn.taker = self._opener.take(turn.request, self)
        pieces, turn.pieces = turn.pieces, []
        for piece in pieces:
            taker.piece(piece)
        if turn.complete and turn.request.has_body and self._active is turn:
            taker.whole()

    def finished(self, keep: bool) -> None:
        """The answer of the call under way is out. `keep`: whether the connection may be used again."""
        done, self._active = self._active, None
        if self.lost:
            return
        self._since = monotonic()
        if not keep or done is None or not done.complete:
            self.close()
            return
        self._behind = done.pieces
        self._next()

    def _next(self) -> None:
        """Go on with what is behind the call that is answered, as soon as the caller takes the answer: what it doesn't take is held, so it
        gets no more."""
        if self._closing:
            return
        if self._opener.draining:
            self.close()
        elif self.full:
            self.hold_back()
        elif self._queue:
            if len(self._queue) < AHEAD:
                self.read()
            self.moment = monotonic()
            self._start(self._queue.popleft())
        elif self._refusal is not None:
            self._say_refusal()
        else:
            self.read()
            behind, self._behind = self._behind, []
            if behind:
                self.moment = monotonic()
                self._feed(b"".join(behind))

    def _unreadable(self, refusal: Refusal) -> None:
        """Nothing more can be read here. What is under way and whole is answered first."""
        self._refusal = refusal
        turn, self._turn = self._turn, None
        if turn is not None and turn.taker is not None:
            turn.taker.gone(refusal)
        elif self._active is None:
            self._say_refusal()

    def _say_refusal(self) -> None:
        if self._refusal is not None and not self._closing:
            self.write(self._opener.unreadable(self, self._refusal))
            self.close()

    # What a taker may ask

    def write(self, data: bytes) -> None:
        """Send bytes, as far as the caller is there."""
        if not self._closing:
            self._cork.write(data)

    @property
    def full(self) -> bool:
        """Whether the caller takes no more at the moment."""
        return self._stuck_since > 0.0

    def invite(self) -> None:
        """Tell a caller that waits for it that its body is wanted."""
        self.write(CONTINUE)

    def hold_back(self) -> None:
        """Read nothing more until `read`."""
        if self._reading and not self._closing:
            self._reading = False
            self.transport.pause_reading()

    def read(self) -> None:
        """Go on reading."""
        if not self._reading and not self._closing:
            self._reading = True
            self._since = monotonic()
            self.transport.resume_reading()

    def change(self, tunnel: Callable[[bytes], None]) -> bytes:
        """From now on all that comes goes to `tunnel`; returns what has come already."""
        self.tunnel = tunnel
        assert self._active is not None
        rest = b"".join(self._active.pieces)
        self._active.pieces.clear()
        self.read()
        return rest

    def close(self) -> None:
        """End it when what was written is out. The caller gets a moment to stop sending, so that it sees the answer."""
        if self._closing:
            return
        self._closing = True
        self._since = monotonic()
        self._cork.pull()
        turn = self._turn or self._active
        if self._refusal is None and not self._queue and (turn is None or turn.complete):
            self.transport.close()
            return
        self._lingering = True
        if not self._reading:
            self._reading = True
            self.transport.resume_reading()
        with suppress(OSError, NotImplementedError, RuntimeError):
            self.transport.write_eof()

    def break_off(self, framed: bool) -> None:
        """End it within an answer, so that the caller sees that this isn't whole.

        `framed`: the answer says where it ends, so the caller sees it however the connection ends, and what is still to be sent, which
        may be whole answers to calls before, is sent. Without that an orderly end would be that of the answer: the connection is reset.
        """
        if not framed and not self.lost:
            with suppress(OSError):
                self.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _RESET
                )
        if framed and not self.lost and self._cork.waiting:
            self.close()
        else:
            self.abort()

    def abort(self) -> None:
        """End it at once; what the kernel doesn't take now is lost."""
        self._closing = True
        if not self.lost:
            self._cork.pull()
            self.transport.abort()

    @property
    def idle(self) -> bool:
        """No call is under way or coming."""
        return self._active is None and not self._in_head and not self._queue

    def sweep(self, now: float) -> None:
        """Look whether the caller takes too long."""
        limits, waited = self._opener.patience, now - self._since
        if self._stuck_since and now - self._stuck_since > limits.write_time:
            self.abort()
        elif self._closing:
            said = not self._cork.waiting
            if waited > (LINGER if self._lingering and said else limits.write_time):
                self.abort()
        elif self.tunnel is not None:
            return
        elif self._in_head and self._active is None:
            if waited > limits.head_time:
                self._unreadable(Refusal(408, "the head of the call took too long", "http_request_error"))
        elif self._turn is not None and self._turn.taker is not None:
            if self._reading and waited > limits.body_time:
                self._unreadable(Refusal(408, "the body of the call took too long", "http_request_error"))
        elif self._active is None and waited > limits.idle_time:
            self.close()


def _what(error: httptools.HttpParserError) -> str:
    text = str(error).strip().rstrip(".") or "it isn't HTTP"
    return f"the call can't be read: {text[0].lower()}{text[1:]}"


def _size(url: bytes, raw: RawHeaders) -> int:
    return len(url) + sum(len(name) + len(value) for name, value in raw)
