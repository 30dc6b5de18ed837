"""Door: lets callers in, has their front look after them, and lets go of them when the facade stops."""

from __future__ import annotations

import asyncio
import socket
import ssl
from time import monotonic
from typing import Final

from strangler.errors import ConfigurationError, Problem
from strangler.facade.parts import Parts
from strangler.facade.shedding import PERIOD
from strangler.facade.wire.caller import CallerConnection
from strangler.settings.access import Tls

BACKLOG: Final = 2048

TICK: Final = 0.05
"""Seconds between two looks at the calls under way: the precision of timeouts."""

LAG_ROUND: Final = round(PERIOD / TICK)
"""Ticks between two looks at how late the loop is."""

ROUND: Final = 10
"""Ticks between two looks at connections."""


class Door:
    """That of one facade, to its `parts.front`. Made before the event loop. Raises ConfigurationError."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._front = parts, parts.front
        self._tls = tls(parts.settings.tls) if parts.settings.tls else None
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def open(self, listener: socket.socket) -> None:
        """Take callers."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: CallerConnection(self._front), sock=listener, backlog=BACKLOG, ssl=self._tls
        )
        self._sweeper = loop.create_task(self._sweep())

    def drain(self) -> None:
        """Take no new callers; connections end with the call that is under way on them."""
        if self._server is not None:
            self._server.close()
        self._front.drain()

    async def close(self, within: float) -> None:
        """Wait until all calls are done, at most `within` seconds, then end what is left."""
        self.drain()
        front, until = self._front, monotonic() + within
        while (front.connections or self._parts.exchanges) and monotonic() < until:
            await asyncio.sleep(TICK / 5)
            front.close_idle()
        front.abandon()
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)

    async def _sweep(self) -> None:
        parts, front, rounds = self._parts, self._front, 0
        due = monotonic() + PERIOD
        while True:
            await asyncio.sleep(TICK)
            now, rounds = monotonic(), rounds + 1
            front.sweep_exchanges(now)
            if rounds % LAG_ROUND == 0:
                parts.shedding.tick(due, now)
                due = now + PERIOD
            if rounds % ROUND == 0:
                parts.pools.sweep(now)
                front.sweep_connections(now)


def tls(settings: Tls) -> ssl.SSLContext:
    """What callers' connections are secured by. Raises ConfigurationError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError) as error:
        what = f"the certificate can't be loaded: {error}"
        instead = "two PEM files that belong together, readable for the facade"
        raise ConfigurationError([Problem("configuration", None, "facade.tls", what, instead)]) from error
    return context
