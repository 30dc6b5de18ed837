"""Pool: the connections to one upstream. Its limit is a bulkhead: a side that hangs takes no connection from the other.

An asker gets a connection that is kept, else a new one, else it waits for its turn. It may give up at any time.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from strangler.facade.wire.upstream import Asker, UpstreamConnection, UpstreamError

KEPT: Final = 2.0
"""Seconds for which an idle connection is kept: less than servers do, so that it is seldom closed under a call."""


class Pool:
    """Connections to `base`, a URL; `name` says in errors whose it is, `key` in metrics: `legacy`, `new:party`.

    `limit`: most connections; `connect_timeout` in seconds, for a new one. Open it inside the event loop.
    """

    def __init__(self, key: str, name: str, base: str, *, limit: int, connect_timeout: float) -> None:
        self.key, self.name, self.base = key, name, base
        self.limit, self.connect_timeout = limit, connect_timeout
        parts = urlsplit(base)
        self.prefix = parts.path.rstrip("/")
        self.authority = parts.netloc.rpartition("@")[2]
        self._host, self._tls = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._context: ssl.SSLContext | None = None
        self._idle: list[UpstreamConnection] = []
        self._waiting: deque[Asker] = deque()
        self._attempts: dict[asyncio.Task[None], Asker | None] = {}
        self.open = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Askers that wait for a connection."""
        return len(self._waiting)

    @property
    def idle(self) -> int:
        """Connections that are kept."""
        return len(self._idle)

    def acquire(self, asker: Asker, fresh: bool = False) -> None:
        """Give the asker a connection, now or later: `connected` or `unreachable`. `fresh`: none that has served before."""
        idle = self._idle
        while idle and not fresh:
            connection = idle.pop()
            if not connection.closing:
                asker.connected(connection)
                return
        if self.open < self.limit:
            self._try(asker)
        elif idle:
            idle.pop(0).close()
            self._try(asker)
        else:
            self._waiting.append(asker)

    def give_up(self, asker: Asker) -> None:
        """It waits for a connection no more."""
        if asker in self._waiting:
            self._waiting.remove(asker)
        for attempt, waits in self._attempts.items():
            if waits is asker:
                self._attempts[attempt] = None

    def _try(self, asker: Asker) -> None:
        self.open += 1
        attempt = asyncio.get_running_loop().create_task(self._connect())
        self._attempts[attempt] = asker

    async def _connect(self) -> None:
        loop, this = asyncio.get_running_loop(), asyncio.current_task()
        connection = UpstreamConnection(self)
        assert this is not None
        try:
            if self._tls and self._context is None:
                self._context = await loop.run_in_executor(None, ssl.create_default_context)
            async with asyncio.timeout(self.connect_timeout):
                await loop.create_connection(lambda: connection, self._host, self._port, ssl=self._context)
        except (OSError, TimeoutError, ValueError) as error:
            self._unmade(connection)
            asker = self._attempts.pop(this, None)
            self._next()
            if asker is not None:
                asker.unreachable(self._why(error))
            return
        except asyncio.CancelledError:
            self._unmade(connection)
            self._attempts.pop(this, None)
            raise
        asker = self._attempts.pop(this, None)
        if asker is not None:
            asker.connected(connection)
        else:
            self.release(connection)

    def _unmade(self, connection: UpstreamConnection) -> None:
        """An attempt came to nothing. One that was made a moment too late is ended by the loop, which needn't tell that it is lost."""
        if connection.made:
            connection.close()
        self._count_off(connection)

    def _count_off(self, connection: UpstreamConnection) -> None:
        """It counts no more, whoever is the first to say so."""
        if connection.counts:
            connection.counts = False
            self.open -= 1

    def release(self, connection: UpstreamConnection) -> None:
        """A connection is free again."""
        if self._closed:
            connection.close()
        elif self._waiting:
            self._waiting.popleft().connected(connection)
        else:
            connection.idle_since = monotonic()
            self._idle.append(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        """A connection has ended."""
        self._count_off(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._next()

    def _next(self) -> None:
        if self._waiting and self.open < self.limit and not self._closed:
            self._try(self._waiting.popleft())

    def sweep(self, now: float) -> None:
        """Close what was idle for too long."""
        while self._idle and now - self._idle[0].idle_since > KEPT:
            self._idle.pop(0).close()

    async def close(self) -> None:
        """Close all. To be called when nobody asks any more."""
        self._closed = True
        for attempt in list(self._attempts):
            attempt.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)
        for connection in list(self._idle):
            connection.close()
        await asyncio.sleep(0)

    def _why(self, error: Exception) -> UpstreamError:
        match error:
            case TimeoutError():
                detail = f"{self.name} didn't take the connection within {self.connect_timeout:g} s"
                status, token = 504, "connection_timeout"
            case ssl.SSLError():
                detail = f"{self.name} can't be trusted: its TLS certificate or handshake failed"
                status, token = 502, "tls_protocol_error"
            case OSError() if type(error).__name__ == "gaierror":
                detail, status, token = f"the host of {self.name} has no address", 502, "dns_error"
            case _:
                detail, status, token = f"{self.name} doesn't accept connections", 502, "connection_refused"
        return UpstreamError(status, detail, token)
