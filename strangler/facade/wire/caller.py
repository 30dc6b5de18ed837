"""Caller: one connection of a caller. Calls come in on it one after the other and are answered in that order.

A call is handed to a `Taker` when its head is read and the one before it is answered; its body follows in pieces. Callers
that are slow, whether in sending or in taking, hold only themselves up, and not for ever: `Front.sweep` looks at all of them.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final, cast

from strangler.facade.answers import Refusal
from strangler.facade.wire.cork import Cork
from strangler.facade.wire.framing import CONTINUE
from strangler.facade.wire.opening import Opener, Taker
from strangler.facade.wire.reading import Reader
from strangler.facade.wire.request import Request

LINGER: Final = 2.0
"""Seconds for which a caller may go on sending what nobody reads any more, so that it sees the answer before the end."""

AHEAD: Final = 16
"""Most calls that a caller may send before the one under way is answered; then nothing more is read."""


_RESET: Final = struct.pack("ii", 1, 0)
"""Linger for no time at all: what ends the connection is a reset."""


class Turn:
    """A call of this connection: under way, or waiting for its turn with what came of its body."""

    __slots__ = ("complete", "pieces", "request", "taker")

    def __init__(self, request: Request, body: bytes = b"") -> None:
        """`body` is what came of it with the head, where that is all of it."""
        self.request = request
        self.taker: Taker | None = None
        self.pieces = [body] if body else []
        self.complete = bool(body) or not request.has_body


class CallerConnection(asyncio.Protocol):
    """See above. `address` is the caller's, without port; `moment` the monotonic time at which bytes came last, or the turn of those that
    had come before: a call's time doesn't run while it waits for its own caller's others."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._turn: Turn | None = None  # the call that is being read
        self._active: Turn | None = None
        self._queue: deque[Turn] = deque()
        self._behind: list[bytes] = []  # what came right behind a request to change the protocol
        self._refusal: Refusal | None = None  # to be said when all before it is answered
        self._reading = True
        self._stuck_since = 0.0
        self._closing = self._lingering = False
        self._turning = False  # those of the queue are started, one after the other
        self.lost = False
        self.tunnel: Callable[[bytes], None] | None = None
        """Where all that comes goes, once both sides speak another protocol."""
        self.address, self.scheme = "unknown", "http"
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
        self._reader = Reader(self, self._opener, f"{self.scheme} {self.address}")
        self._opener.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self.moment = now = monotonic()
        if self.tunnel is not None:
            self._since = now
            self.tunnel(data)
            return
        if self._closing or self._refusal is not None:
            return
        reader = self._reader
        if self._turn is not None:
            self._since = now
        elif self._active is None and not reader.in_head and (request := reader.recognise(data)) is not None:
            self._since = now
            self._start(Turn(request, request.body))
            return
        reader.feed(data)

    def eof_received(self) -> None:
        """A caller that ends its side isn't told from one that is gone: its call isn't waited for."""

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = self._closing = True
        self._reader.let_go()
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

    # What the reader says

    def begun(self) -> None:
        self._since = self.moment

    def headed(self, request: Request) -> None:
        turn = self._turn = Turn(request)
        if self._active is None:
            self._start(turn)
        else:
            self._queue.append(turn)
            if len(self._queue) >= AHEAD:
                self.hold_back()

    def came(self, piece: bytes) -> None:
        turn = self._turn
        if turn is None:
            return
        if turn.taker is None:
            turn.pieces.append(piece)
            self.hold_back()
        else:
            turn.taker.piece(piece)

    def ended(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None and not turn.complete:
            turn.complete = True
            if turn.taker is not None:
                turn.taker.whole()

    def came_behind(self, rest: bytes) -> bool:
        if self.tunnel is not None:
            self.tunnel(rest)
        elif self._active is not None and self._active.request.heading.upgrade:
            # What came right behind the request, before it was answered: frames, or the next call if the upstream declines.
            self._active.pieces.append(rest)
            self.hold_back()
        else:
            return False
        return True

    def unreadable(self, refusal: Refusal) -> None:
        """What is under way and whole is answered first."""
        self._refusal = refusal
        self._reader.stop()
        turn, self._turn = self._turn, None
        if turn is not None and turn.taker is not None:
            turn.taker.gone(refusal)
        elif self._active is None:
            self._say_refusal()

    def broken(self, error: Exception) -> None:
        self._opener.defect(error)
        self.abort()

    # Turns

    def _start(self, turn: Turn) -> None:
        self._active = turn
        taker = turn.taker = self._opener.take(turn.request, self)
        pieces, turn.pieces = turn.pieces, []
        for piece in pieces:
            taker.piece(piece)
        if turn.complete and turn.request.has_body and self._is_under_way(turn):
            taker.whole()

    def _is_under_way(self, turn: Turn) -> bool:
        """Asked apart: whoever took it may have answered already, which types don't see where it was set just before."""
        return self._active is turn

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
            if not self._turning:
                self._take_turns()
        elif self._refusal is not None:
            self._say_refusal()
        else:
            self.read()
            behind, self._behind = self._behind, []
            if behind:
                self.moment = monotonic()
                self._reader.feed(b"".join(behind))

    def _take_turns(self) -> None:
        """Start the call whose turn it is, and those behind it as long as each is answered in the moment in which its turn comes: one after
        the other, not one within the other, which would go as deep as a caller has sent calls."""
        self._turning = True
        try:
            while self._has_turn():
                if len(self._queue) < AHEAD:
                    self.read()
                self.moment = monotonic()
                self._start(self._queue.popleft())
        finally:
            self._turning = False

    def _has_turn(self) -> bool:
        return (
            bool(self._queue)
            and self._active is None
            and not (self._closing or self.full or self._opener.draining)
        )

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
        self._reader.stop()
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
        self._reader.stop()
        if not self.lost:
            self._cork.pull()
            self.transport.abort()

    @property
    def idle(self) -> bool:
        """No call is under way or coming."""
        return self._active is None and not self._reader.in_head and not self._queue

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
        elif self._reader.in_head and self._active is None:
            if waited > limits.head_time:
                self.unreadable(Refusal(408, "the head of the call took too long", "http_request_error"))
        elif self._turn is not None and self._turn.taker is not None:
            if self._reading and waited > limits.body_time:
                self.unreadable(Refusal(408, "the body of the call took too long", "http_request_error"))
        elif self._active is None and waited > limits.idle_time:
            self.close()
