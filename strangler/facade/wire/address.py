"""Address: where an upstream listens, and the connections to it that wait for their next call.

Functions whose services have one address share what is kept, so that a call finds a connection whichever function it is of. How many a
function may use at once is for its `Pool`.
"""

from __future__ import annotations

import ssl
from time import monotonic
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from strangler.facade.wire.upstream import UpstreamConnection

KEPT: Final = 2.0
"""Seconds for which an idle connection is kept: less than servers do, so that it is seldom closed under a call."""


class Place(NamedTuple):
    """What tells addresses apart."""

    host: str
    port: int
    tls: bool


def place_of(base: str) -> Place:
    """That of a base URL."""
    parts = urlsplit(base)
    tls = parts.scheme == "https"
    return Place(parts.hostname or "", parts.port or (443 if tls else 80), tls)


class Address:
    """See above. Opened inside the event loop, with its first connection."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.context: ssl.SSLContext | None = None
        """For TLS, once it was needed."""
        self._kept: list[UpstreamConnection] = []

    def __len__(self) -> int:
        """Connections that are kept."""
        return len(self._kept)

    def take(self) -> UpstreamConnection | None:
        """One that is kept, the one that served last; None when there is none."""
        kept = self._kept
        while kept:
            connection = kept.pop()
            connection.kept = False
            if not connection.closing:
                return connection
        return None

    def keep(self, connection: UpstreamConnection) -> None:
        """It waits for its next call."""
        connection.kept, connection.idle_since = True, monotonic()
        self._kept.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """One that was kept has ended."""
        if connection in self._kept:
            self._kept.remove(connection)

    def close_oldest(self) -> None:
        """Make room for another one."""
        if self._kept:
            self._kept.pop(0).close()

    def sweep(self, now: float) -> None:
        """Close what was idle for too long."""
        while self._kept and now - self._kept[0].idle_since > KEPT:
            self.close_oldest()

    def close(self) -> None:
        """Close all that are kept."""
        for connection in list(self._kept):
            connection.close()
