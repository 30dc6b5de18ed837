"""What is said in one round of the event loop goes out in its order, at once, and never later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from strangler.facade.wire.cork import LARGE, Cork


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
