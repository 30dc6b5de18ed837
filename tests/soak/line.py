"""Line: a caller's connection, on which answers are heard only as a strict client reads them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import h11

from tests.soak.upstream import LINGER


@dataclass
class Answer:
    """An answer, or its beginning: `status` is 0 when not even its head came, `whole` whether all of it did."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    whole: bool = False
    late: bool = False
    odd: str = ""


class Line:
    """One connection. `over` when nothing more can be asked on it.

    A socket as it is: streams of asyncio forget what has come when a reset comes behind it.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket, self._behind = connected, b""
        self.over = False

    @classmethod
    async def open(cls, address: tuple[str, int]) -> Line:
        made = socket.socket()
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(made, address)
        return cls(made)

    async def send(self, data: bytes) -> None:
        """Send, as far as anybody takes it: a facade that has answered may take no more."""
        with suppress(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def answer(self, method: str, until: float) -> Answer:
        """The next answer, at the latest at `until` of the loop's clock."""
        heard = Answer()
        hearing = h11.Connection(h11.CLIENT)
        hearing.send(h11.Request(method=method, target="/", headers=[("host", "erp")]))
        hearing.send(h11.EndOfMessage())
        try:
            async with asyncio.timeout_at(until):
                while not heard.whole and not self.over:
                    await self._hear(hearing, heard)
        except TimeoutError:
            heard.late, self.over = True, True
        except h11.RemoteProtocolError as error:
            # An answer may break off, and that only.
            heard.odd = "" if "peer closed" in str(error) or "closed connection" in str(error) else str(error)
            self.over = True
        if hearing.their_state is not h11.DONE:
            self.over = True
        self._behind = hearing.trailing_data[0]
        return heard

    async def _hear(self, hearing: h11.Connection, heard: Answer) -> None:
        event = hearing.next_event()
        if event is h11.NEED_DATA:
            piece, self._behind = self._behind or await self._some(), b""
            hearing.receive_data(piece)
        elif isinstance(event, h11.Response):
            heard.status = event.status_code
            heard.headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
        elif isinstance(event, h11.Data):
            heard.body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            heard.whole = True
        elif isinstance(event, h11.ConnectionClosed):
            self.over = True

    async def _some(self) -> bytes:
        try:
            return await asyncio.get_running_loop().sock_recv(self._socket, 65536)
        except ConnectionError:
            return b""

    async def peek(self, until: float) -> bytes:
        """What there is to be heard, as soon as there is anything; it stays to be heard."""
        await self._gather(lambda: bool(self._behind), until)
        return self._behind

    async def head(self, until: float) -> bytes:
        """All up to the empty line; nothing when it doesn't come so far."""
        await self._gather(lambda: b"\r\n\r\n" in self._behind, until)
        head, line, self._behind = self._behind.partition(b"\r\n\r\n")
        return head if line else b""

    async def exactly(self, size: int, until: float) -> bytes | None:
        """So many bytes as they are, fewer when the connection ends; None when they don't come in time."""
        if not await self._gather(lambda: len(self._behind) >= size, until):
            return None
        found, self._behind = self._behind[:size], self._behind[size:]
        return found

    async def _gather(self, enough: Callable[[], bool], until: float) -> bool:
        """Hear until it is enough, or the end; False when that takes too long."""
        try:
            async with asyncio.timeout_at(until):
                while not enough() and not self.over:
                    piece = await self._some()
                    self._behind += piece
                    self.over = not piece
        except TimeoutError:
            return False
        return True

    def close(self, hard: bool = False) -> None:
        """End it, `hard` by a reset."""
        if hard:
            # Without lingering a close is a reset.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        self._socket.close()
