"""A side: legacy, or the new service. It notes when it has carried out which write."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from random import Random
from typing import Final, NamedTuple

from tests.soak.upstream import read_body, read_head, said

SLOW: Final = 0.03
"""Share of the writes that take long."""


class Done(NamedTuple):
    """A write that was carried out; `at` in seconds since the epoch."""

    id: str
    at: float


class Side:
    """Takes every write, and takes its time. `GET /position` says how many it has carried out."""

    def __init__(self, name: str, seed: int) -> None:
        self.name, self.url = name, ""
        self.done: list[Done] = []
        self._dice = Random(f"{seed} {name}")
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}"

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, EOFError, asyncio.CancelledError):
            while True:
                await self._one(reader, writer)
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await read_head(reader)
        await read_body(reader, asked.headers)
        told = b"well"
        if asked.path == "/position":
            told = str(len(self.done)).encode()
        elif asked.id:
            slow = self._dice.random() < SLOW
            await asyncio.sleep(self._dice.uniform(0.3, 1.5) if slow else self._dice.uniform(0.0, 0.02))
            # As late as can be: the answer follows at once.
            self.done.append(Done(asked.id, time.time()))
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(told)}\r\nX-Side: {self.name}\r\n\r\n"
        await said(writer, head.encode() + told)
