"""The upstream: keeps every byte of every connection, and answers what a strict server would read.

It lives in a thread with a loop of its own, so that tests are plain calls: they look at what has arrived.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from tests.facade.wire.readings import Request, Strict

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Upstream: it\r\n\r\nok"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
BAD: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

HEALTH: Final = "/healthz"

PATIENCE: Final = 10.0
"""Seconds for which the upstream waits for an event."""


class Connection:
    """One connection from the facade: what came on it, and whether the facade has ended it."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.ended = False


class Script:
    """What is answered to one target: bytes as they are, in pieces, where an event among them is waited for.

    `then`: the connection is closed, or reset, or left to the facade ("keep"), or turns into an echo of whatever comes. With `early` it is
    answered when the head is there, whatever becomes of the body.
    """

    def __init__(self, *pieces: bytes | threading.Event, then: str = "keep", early: bool = False) -> None:
        self.pieces, self.then, self.early = pieces, then, early
        self.said = threading.Event()
        """All of it is on its way, or nobody was there any more to take it."""


class Upstream:
    """`connections` in the order in which they came; `scripts` by target, for what isn't simply answered with `OK`."""

    def __init__(self, scripts: Mapping[str, Script] | None = None) -> None:
        self.connections: list[Connection] = []
        self.asked: list[Request] = []
        self.echoing: set[asyncio.StreamWriter] = set()
        self.scripts = dict(scripts or {})
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection, targets = Connection(), asyncio.Queue[str]()
        self.connections.append(connection)
        # Answering apart from reading: so it is seen when the facade leaves while an answer takes its time.
        answering = asyncio.create_task(self._answer_each(writer, targets))
        with suppress(ConnectionError):
            await self._read(reader, writer, connection, targets)
        connection.ended = True
        answering.cancel()
        writer.close()

    async def _read(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: Connection,
        targets: asyncio.Queue[str],
    ) -> None:
        reading = Strict()
        while piece := await reader.read(65536):
            connection.got += piece
            if writer in self.echoing:
                writer.write(piece)
                await writer.drain()
                continue
            for request in reading.feed(piece):
                self.asked.append(request)
                if not self._script(request.target).early:
                    targets.put_nowait(request.target)
            if self._script(reading.begun).early:
                targets.put_nowait(reading.begun)
            if reading.nonsense:
                writer.write(BAD)
                return

    async def _answer_each(self, writer: asyncio.StreamWriter, targets: asyncio.Queue[str]) -> None:
        with suppress(ConnectionError):
            while True:
                await self._answer(writer, await targets.get())

    def _script(self, target: str) -> Script:
        return self.scripts.get(target, Script(OK))

    async def _answer(self, writer: asyncio.StreamWriter, target: str) -> None:
        script = self._script(target)
        try:
            await self._say(writer, script)
        finally:
            script.said.set()
        if script.then == "reset":
            # Without lingering it is a reset that the facade gets, not an end.
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            writer.transport.abort()
        elif script.then == "close":
            writer.close()
        elif script.then == "echo":
            self.echoing.add(writer)

    async def _say(self, writer: asyncio.StreamWriter, script: Script) -> None:
        for piece in script.pieces:
            if isinstance(piece, threading.Event):
                await asyncio.to_thread(piece.wait, PATIENCE)
            else:
                writer.write(piece)
                await writer.drain()

    def requests(self) -> list[Request]:
        """All whole requests so far, in their order, without questions after health."""
        return [request for request in self.asked if request.target != HEALTH]

    def left(self, target: str) -> bool:
        """Whether the connection over which a target was asked for is ended."""
        asked = f" {target} HTTP/1.1\r\n".encode()
        return any(asked in each.got and each.ended for each in self.connections)

    def marks(self) -> list[int]:
        """How much has arrived on each connection; for `since`."""
        return [len(connection.got) for connection in self.connections]

    def since(self, marks: list[int]) -> list[tuple[Connection, bytes]]:
        """What has arrived on each connection since then, where anything has."""
        marks = [*marks, *[0] * (len(self.connections) - len(marks))]
        pairs = zip(self.connections, marks, strict=True)
        return [(each, bytes(each.got[mark:])) for each, mark in pairs if len(each.got) > mark]


@contextmanager
def standing(upstream: Upstream) -> Iterator[Upstream]:
    """The upstream listens as long as this lasts."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(upstream.serve, "127.0.0.1", 0))
    host, port = server.sockets[0].getsockname()[:2]
    upstream.url = f"http://{host}:{port}"
    thread = threading.Thread(target=loop.run_forever, name="upstream", daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(_end(asyncio.all_tasks(loop)))
        loop.close()


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def until(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Wait for a condition; whether it came to hold."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True
