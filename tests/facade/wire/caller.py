"""The caller: sends bytes over a raw socket, and hears answers only as a strict client reads them."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import h11

PATIENCE: Final = 3.0
"""Seconds to wait for an answer, or for the end of a connection, before a case counts as hanging."""

PIECES: Final = 4000
"""Longest request that is sent byte by byte; longer ones go in so many pieces."""


@dataclass
class Answer:
    """A whole answer, or its beginning."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    whole: bool = False

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class Heard:
    """What came back. `ended` says that the facade closed the connection, `odd` what no client may be told."""

    answers: list[Answer] = field(default_factory=list)
    informed: list[int] = field(default_factory=list)
    raw: bytes = b""
    ended: bool = False
    odd: str = ""

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.answers]


class Line:
    """A connection to the facade. `methods` are those of the requests, since an answer to HEAD has no body."""

    def __init__(self, address: tuple[str, int], methods: Sequence[str] = ()) -> None:
        self._socket = socket.create_connection(address, timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._methods = list(methods)
        self.heard = Heard()
        self._behind = b""
        self._reader = self._fresh()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, sent: bytes, slowly: bool = False) -> None:
        """Send all of it, `slowly` byte by byte; what the facade doesn't want any more is not sent."""
        step = max(1, len(sent) // PIECES) if slowly else max(1, len(sent))
        with suppress(ConnectionError, TimeoutError):
            for at in range(0, len(sent), step):
                self._socket.sendall(sent[at : at + step])

    def hang_up(self) -> None:
        """Say that nothing more will come."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break off without a word."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def listen(self, answers: int | None = None) -> Heard:
        """Hear until so many answers are whole or the facade ends; None hears until the end only."""
        return self._hear(
            lambda heard: answers is not None and sum(a.whole for a in heard.answers) >= answers
        )

    def until(self, condition: Callable[[Heard], bool]) -> Heard:
        """Hear until a condition holds. Raises AssertionError when it never does."""
        self._hear(condition)
        assert condition(self.heard), f"heard only {self.heard.raw[:500]!r}"
        return self.heard

    def switched(self) -> None:
        """Hear the answer that ends HTTP on this line; from then on there is only `raw`. Raises AssertionError."""
        while b"\r\n\r\n" not in self.heard.raw and not self.heard.ended:
            self._keep(self._socket.recv(65536))
        assert self.heard.raw.startswith(b"HTTP/1.1 101 "), f"heard {self.heard.raw[:500]!r}"
        self._behind = self.heard.raw.partition(b"\r\n\r\n")[2]

    def raw(self, size: int) -> bytes:
        """So many bytes as they are, less when the line ends."""
        while len(self._behind) < size and (piece := self._socket.recv(65536)):
            self._behind += piece
        found, self._behind = self._behind[:size], self._behind[size:]
        return found

    def _keep(self, piece: bytes) -> None:
        self.heard.raw += piece
        self.heard.ended = not piece

    def _hear(self, condition: Callable[[Heard], bool]) -> Heard:
        while not self.heard.ended and not condition(self.heard):
            try:
                piece = self._socket.recv(65536)
            except ConnectionError:
                piece = b""
            except TimeoutError:
                return self.heard
            self._take(piece)
        return self.heard

    def more(self) -> bytes:
        """What waits to be heard at this moment."""
        if self.heard.ended or not select.select([self._socket], [], [], 0)[0]:
            return b""
        with suppress(ConnectionError):
            return self._socket.recv(65536)
        return b""

    def _fresh(self) -> h11.Connection:
        reader = h11.Connection(h11.CLIENT)
        method = self._methods.pop(0) if self._methods else "GET"
        reader.send(h11.Request(method=method, target="/", headers=[("host", "erp")]))
        reader.send(h11.EndOfMessage())
        return reader

    def _take(self, piece: bytes) -> None:
        self._keep(piece)
        if self.heard.odd:
            return
        try:
            self._reader.receive_data(piece)
            while self._event(self._reader.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            # An answer may break off; nonsense may not be told.
            if piece:
                self.heard.odd = str(error)

    def _event(self, event: object) -> bool:
        match event:
            case h11.InformationalResponse():
                self.heard.informed.append(event.status_code)
            case h11.Response():
                headers = [(name.decode(), value.decode("latin-1")) for name, value in event.headers]
                self.heard.answers.append(Answer(event.status_code, headers))
            case h11.Data():
                self.heard.answers[-1].body += bytes(event.data)
            case h11.EndOfMessage():
                self.heard.answers[-1].whole = True
                more = self._reader.trailing_data[0]
                closing = self._reader.their_state is h11.MUST_CLOSE
                if closing:
                    self.heard.odd = "more after an answer that closes the connection" if more else ""
                    return False
                self._reader = self._fresh()
                if more:
                    self._reader.receive_data(more)
            case _:
                return False
        return True
