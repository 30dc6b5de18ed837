"""Pool: the connections that calls to one upstream may use. Its limit is a bulkhead: a side that hangs takes no connection from the other.

An asker gets a connection that is kept, else a new one, else it waits for its turn. It may give up at any time.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from urllib.parse import urlsplit

from strangler.facade.wire.address import Address, place_of
from strangler.facade.wire.reaching import reach
from strangler.facade.wire.upstream import Asker, UpstreamConnection, UpstreamError


class Pool:
    """Connections to `base`, a URL; `name` says in errors whose it is, `key` in metrics: `legacy`, `new:party`.

    `limit`: most connections; `connect_timeout` in seconds, for a new one. `address` is that of the base, where others have it too; those
    that are kept there are then shown as one pool's (`shows`). Open it inside the event loop.
    """

    def __init__(
        self,
        key: str,
        name: str,
        base: str,
        *,
        limit: int,
        connect_timeout: float,
        address: Address | None = None,
        shows: bool = True,
    ) -> None:
        self.key, self.name, self.base = key, name, base
        self.limit, self.connect_timeout = limit, connect_timeout
        parts = urlsplit(base)
        self.prefix = parts.path.rstrip("/")
        self.path = self.prefix.encode()
        """The same, as it is sent."""
        self.authority = parts.netloc.rpartition("@")[2]
        self.address = Address(place_of(base)) if address is None else address
        self._shows = shows
        self._waiting: deque[Asker] = deque()
        self._attempts: dict[UpstreamConnection, asyncio.Task[None]] = {}
        self._hopes: dict[UpstreamConnection, Asker] = {}
        """Who waits for which attempt."""
        self.used = 0
        """Connections that serve a call, or are being made."""
        self._closed = False

    @property
    def waiting(self) -> int:
        """Askers that wait for a connection."""
        return len(self._waiting)

    @property
    def idle(self) -> int:
        """Connections that are kept."""
        return len(self.address) if self._shows else 0

    @property
    def open(self) -> int:
        """All connections."""
        return self.used + self.idle

    def acquire(self, asker: Asker, fresh: bool = False) -> None:
        """Give the asker a connection, now or later: `connected` or `unreachable`. `fresh`: none that has served before."""
        if self.used >= self.limit:
            self._waiting.append(asker)
            return
        connection = None if fresh else self.take()
        if connection is None:
            self._try(asker)
        else:
            asker.connected(connection)

    def take(self) -> UpstreamConnection | None:
        """A connection that is kept, to be used; None when there is none. Not to be called beyond the `limit`."""
        connection = self.address.take()
        if connection is not None:
            self.used += 1
            connection.pool, connection.used = self, True
        return connection

    def give_up(self, asker: Asker) -> None:
        """It waits for a connection no more."""
        if asker in self._waiting:
            self._waiting.remove(asker)
        for connection in [each for each, waits in self._hopes.items() if waits is asker]:
            del self._hopes[connection]

    def _try(self, asker: Asker) -> None:
        if self.used + len(self.address) >= self.limit:
            self.address.close_oldest()
        self.used += 1
        connection = UpstreamConnection(self)
        self._hopes[connection] = asker
        self._attempts[connection] = asyncio.get_running_loop().create_task(reach(self, connection))

    def made(self, connection: UpstreamConnection) -> None:
        """An attempt succeeded."""
        asker = self._tried(connection)
        if asker is not None:
            asker.connected(connection)
        else:
            self.release(connection)

    def failed(self, connection: UpstreamConnection, error: Exception) -> None:
        """It didn't."""
        asker = self.unmade(connection)
        self._next()
        if asker is not None:
            asker.unreachable(self._why(error))

    def unmade(self, connection: UpstreamConnection) -> Asker | None:
        """An attempt came to nothing; gives who waited for it. One that was made a moment too late is ended by the loop, which needn't
        tell that it is lost."""
        if connection.made:
            connection.close()
        self._count_off(connection)
        return self._tried(connection)

    def _tried(self, connection: UpstreamConnection) -> Asker | None:
        self._attempts.pop(connection, None)
        return self._hopes.pop(connection, None)

    def _count_off(self, connection: UpstreamConnection) -> None:
        """It is used no more, whoever is the first to say so."""
        if connection.used:
            connection.used = False
            self.used -= 1

    def release(self, connection: UpstreamConnection) -> None:
        """A connection is free again."""
        if self._closed:
            connection.close()
        elif self._waiting:
            self._waiting.popleft().connected(connection)
        else:
            self._count_off(connection)
            self.address.keep(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        """A connection has ended."""
        if connection.kept:
            self.address.forget(connection)
        else:
            self._count_off(connection)
            self._next()

    def _next(self) -> None:
        if self._waiting and self.used < self.limit and not self._closed:
            self._try(self._waiting.popleft())

    def end(self) -> list[asyncio.Task[None]]:
        """Keep and make no connections any more. Gives the attempts that are under way, and were told to stop."""
        self._closed = True
        attempts = list(self._attempts.values())
        for attempt in attempts:
            attempt.cancel()
        return attempts

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
