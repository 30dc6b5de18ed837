"""Upstreams for proxies under test: real servers in a thread, each of which says its name and remembers what it was asked."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple


class Got(NamedTuple):
    """One request as an upstream got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Upstream:
    """One server. `delay`: seconds before each answer. `status`: of each answer. `done`: what it has answered."""

    def __init__(self, name: str) -> None:
        self.name, self.delay, self.status = name, 0.0, 200
        self.got: list[Got] = []
        self.done: list[Got] = []
        self.server: asyncio.Server | None = None
        self.port = 0
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def listen(self, port: int = 0) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def die(self) -> None:
        """Nobody listens any more, and what was connected is cut off."""
        assert self.server is not None
        self.server.close()
        for writer in self._connections:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                await self._one(reader, writer)
        self._connections.discard(writer)
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = (line.partition(": ") for line in lines if line)
        headers: dict[str, str] = {}
        for name, _, value in pairs:
            headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = Got(method, target, headers, body)
        self.got.append(asked)
        if self.delay:
            await asyncio.sleep(self.delay)
        self.done.append(asked)
        said = self.name.encode()
        sent = b"" if method == "HEAD" else said
        writer.write(
            f"HTTP/1.1 {self.status} Told\r\nContent-Length: {len(said)}\r\nX-Name: {self.name}\r\n\r\n".encode()
            + sent
        )
        await writer.drain()


class Upstreams:
    """Any number of servers by name, made when first asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._known: dict[str, Upstream] = {}

    def __getitem__(self, name: str) -> Upstream:
        if name not in self._known:
            made = self._known[name] = Upstream(name)
            self._run(made.listen())
        return self._known[name]

    def kill(self, name: str) -> None:
        """From now on nobody listens there."""
        self._run(self[name].die())

    def again(self, name: str) -> None:
        """It listens again where it did."""
        self._run(self[name].listen(self[name].port))

    def _run(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]


@contextmanager
def upstreams() -> Iterator[Upstreams]:
    """Upstreams that run in a thread of their own until the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield Upstreams(loop)
    finally:

        async def end() -> None:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """A test that waits in vain fails."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)
