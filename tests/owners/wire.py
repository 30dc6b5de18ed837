"""A wire to the control store, for one facade alone: it can be cut, so that nobody is there, or go dead, so that nobody says so."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from tests.soak.upstream import cut

PIECE: Final = 65536


class Wire:
    """Leads to a server of a URL; `url` is the same by way of this wire."""

    def __init__(self, to: str) -> None:
        parts = urlsplit(to)
        assert parts.hostname
        assert parts.port
        self._to = parts.hostname, parts.port
        self._netloc, self._behind = parts.netloc, to
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._whole, self._alive, self._dead = True, asyncio.Event(), set[asyncio.StreamWriter]()
        self._alive.set()
        self._never = asyncio.Event()
        self.url = ""

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._lead, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        host, _, _ = self._netloc.rpartition(":")
        self.url = self._behind.replace(self._netloc, f"{host}:{port}")

    def cut(self) -> None:
        """Every connection is reset, and new ones are too."""
        self._whole = False
        for end in list(self._ends):
            cut(end)

    def deaden(self) -> None:
        """Connections stay, for ever, and new ones are taken, but nothing comes through: a balancer or a firewall that forgot them, or a
        server whose machine is gone."""
        self._alive.clear()
        self._dead |= self._ends

    def mend(self) -> None:
        self._whole = True
        self._alive.set()

    def close(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        try:
            if not self._whole:
                cut(writer)
                return
            with suppress(OSError, asyncio.CancelledError):
                await self._alive.wait()
                there, back = await asyncio.open_connection(*self._to)
                self._ends.add(back)
                await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
                self._ends.discard(back)
        finally:
            self._ends.discard(writer)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(PIECE):
                await self._alive.wait()
                if writer in self._dead:
                    await self._never.wait()
                writer.write(piece)
                await writer.drain()
        writer.close()
