"""What is said in one round of the event loop goes out in its order, at once, and never later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from strangler.facade.wire.cork import LARGE, Cork
from strangler.facade.wire.pool import Pool
from strangler.facade.wire.upstream import UpstreamConnection, UpstreamError


class Heard(asyncio.Protocol):
    """Keeps what comes, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.over = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.pieces.append(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set()


@asynccontextmanager
async def line() -> AsyncIterator[tuple[Heard, asyncio.Transport]]:
    """A connection: who hears at its other end, and this end's transport."""
    heard, loop = Heard(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: heard, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    transport, _ = await loop.create_connection(asyncio.Protocol, host, port)
    try:
        yield heard, cast(asyncio.Transport, transport)
    finally:
        transport.abort()
        server.close()


async def test_what_is_said_in_a_round_goes_out_in_one_piece() -> None:
    async with line() as (heard, transport):
        cork = Cork(transport)
        for number in range(100):
            cork.write(b"%d " % number)
        assert cork.waiting == len(b" ".join(b"%d" % n for n in range(100))) + 1
        await asyncio.sleep(0)
        assert cork.waiting == 0, "nothing waits beyond its round"
        transport.close()
        await heard.over.wait()
        assert heard.pieces == [b"".join(b"%d " % number for number in range(100))]


async def test_the_order_holds_whatever_the_size() -> None:
    sizes = [1, LARGE, 7, LARGE - 1, LARGE + 1, 3, 0, 2]
    async with line() as (heard, transport):
        cork = Cork(transport)
        for at, size in enumerate(sizes):
            cork.write(bytes([at]) * size)
        cork.pull()
        transport.close()
        await heard.over.wait()
        assert b"".join(heard.pieces) == b"".join(bytes([at]) * size for at, size in enumerate(sizes))


async def test_what_is_thrown_away_isnt_said_and_what_follows_is() -> None:
    async with line() as (heard, transport):
        cork = Cork(transport)
        cork.write(b"a question half said")
        cork.throw_away()
        cork.write(b"another one")
        await asyncio.sleep(0)
        transport.close()
        await heard.over.wait()
        assert heard.pieces == [b"another one"]


async def test_what_an_upstream_says_before_it_is_asked_answers_nothing() -> None:
    """Such as the 408 of one that kept a connection for as long as it wanted, when a question was about to go out on it."""

    class Asker:
        told: UpstreamError | None = None

        def broke(self, error: UpstreamError) -> None:
            self.told = error

    pool = Pool("legacy", "legacy", "http://127.0.0.1:1", limit=1, connect_timeout=1)
    early = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
    async with line() as (heard, transport):
        connection, asker = UpstreamConnection(pool), Asker()
        connection.connection_made(transport)
        connection.ask(cast(Any, asker), "GET", b"GET / HTTP/1.1\r\nHost: erp\r\n\r\n")
        connection.data_received(early)
        assert asker.told is not None
        assert asker.told.error == "connection_terminated", "so a read is put to another connection"
        await heard.over.wait()
        assert heard.pieces == [], "and nothing of the question went out"


async def test_one_connections_trouble_keeps_no_others_words_back(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        aborted = False

        def is_closing(self) -> bool:
            return False

        def write(self, data: bytes) -> None:
            raise RuntimeError("no such handle")

        def abort(self) -> None:
            self.aborted = True

    broken = Broken()
    async with line() as (heard, transport):
        for each in (Cork(cast(asyncio.Transport, broken)), Cork(transport)):
            each.write(b"words")
        await asyncio.sleep(0)
        assert broken.aborted
        assert "couldn't be" in caplog.text
        transport.close()
        await heard.over.wait()
        assert heard.pieces == [b"words"]
