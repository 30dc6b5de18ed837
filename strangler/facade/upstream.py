"""Upstream: the pool of connections to legacy and to the new services.

What comes back is passed on untouched: no redirect is followed, no cookie kept, nothing decompressed. A call is sent
once; only a read whose body is at hand is sent again, once, when a kept connection turned out to be closed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from strangler.facade.answers import Refusal

CONNECTIONS: Final = 1000
"""Most connections of one pool; a call beyond them waits as long as for a connection, then fails."""

KEPT: Final = 2.0
"""Seconds for which an idle connection is kept: less than servers do, so that it is seldom closed under a call."""

HEADER_BYTES: Final = 65536
"""Longest header line of an answer; ERPs put much into cookies."""

Body = bytes | AsyncIterator[bytes] | None

_AUTOMATIC: Final = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class UpstreamError(Refusal):
    """The upstream didn't answer, or not as HTTP wants it."""


class Pool:
    """Connections to any number of upstreams. `name` says in errors whose they are. Open it inside the event loop."""

    def __init__(self, connect_timeout: float, total_timeout: float) -> None:
        self._timeout = aiohttp.ClientTimeout(
            total=total_timeout, connect=connect_timeout, sock_connect=connect_timeout
        )
        self.connect_timeout, self.total_timeout = connect_timeout, total_timeout
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEPT),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            auto_decompress=False,
            skip_auto_headers=_AUTOMATIC,
            max_line_size=HEADER_BYTES,
            max_field_size=HEADER_BYTES,
        )
        # aiohttp would send PUT and DELETE again on a stale connection, although they may have been done.
        self._session._retry_connection = False

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def send(
        self,
        name: str,
        method: str,
        base: str,
        target: str,
        headers: CIMultiDict[str],
        body: Body,
        repeatable: bool,
    ) -> aiohttp.ClientResponse:
        """Send a call and wait for the head of the answer; the body of the answer is to be read by `pieces`.

        `target` is joined to `base` as it stands. `repeatable` calls are sent again when a kept connection was closed
        meanwhile. Raises UpstreamError.
        """
        assert self._session is not None
        url = URL(base.rstrip("/") + target, encoded=True)
        if isinstance(body, bytes):
            headers.popall("content-length", None)
        tries = 2 if repeatable and not isinstance(body, AsyncIterator) else 1
        while True:
            tries -= 1
            try:
                return await self._session.request(
                    method, url, headers=headers, data=body, allow_redirects=False
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                if not tries or isinstance(error, aiohttp.ClientConnectorError):
                    raise self._error(name, error) from error
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise self._error(name, error) from error

    async def pieces(self, name: str, response: aiohttp.ClientResponse) -> AsyncIterator[tuple[bytes, bool]]:
        """The body in pieces as they come, each with whether it is the last. Raises UpstreamError."""
        content = response.content
        try:
            while True:
                piece = await content.readany()
                last = content.at_eof()
                yield piece, last
                if last:
                    return
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._error(name, error) from error

    def _error(self, name: str, error: Exception) -> UpstreamError:
        match error:
            case aiohttp.ConnectionTimeoutError():
                return UpstreamError(
                    504,
                    f"{name} didn't take the connection within {self.connect_timeout:g} s",
                    "connection_timeout",
                )
            case TimeoutError():
                return UpstreamError(
                    504, f"{name} didn't answer within {self.total_timeout:g} s", "http_response_timeout"
                )
            case aiohttp.ClientConnectorDNSError():
                return UpstreamError(502, f"the host of {name} has no address", "dns_error")
            case aiohttp.ClientSSLError():
                return UpstreamError(
                    502,
                    f"{name} can't be trusted: its TLS certificate or handshake failed",
                    "tls_protocol_error",
                )
            case aiohttp.ClientConnectorError():
                return UpstreamError(502, f"{name} doesn't accept connections", "connection_refused")
            case aiohttp.ClientPayloadError():
                return UpstreamError(502, f"{name} broke off its answer", "http_response_incomplete")
            case (
                aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | aiohttp.ClientConnectionError()
            ):
                return UpstreamError(
                    502, f"{name} closed the connection before it answered", "connection_terminated"
                )
            case _:
                return UpstreamError(502, f"{name} doesn't speak HTTP as expected", "http_protocol_error")


async def accepts(base: str, timeout: float) -> bool:
    """Whether somebody listens at the base URL."""
    url = URL(base)
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(url.host, url.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
