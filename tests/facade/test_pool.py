"""What a pool counts as open is open, however the event loop ends an attempt to connect."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
import uvloop

from strangler.facade.wire.pool import Pool
from strangler.facade.wire.upstream import UpstreamConnection, UpstreamError

TIMEOUT = 0.05


class Asker:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told = asyncio.get_running_loop().create_future()

    def connected(self, connection: UpstreamConnection) -> None:
        connection.pool.release(connection)
        self.told.set_result("connected")

    def unreachable(self, error: UpstreamError) -> None:
        self.told.set_result(error.error)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_connection_that_was_made_as_its_time_ended_counts_no_more(
    loop: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = UpstreamConnection.connection_made

    def late(connection: UpstreamConnection, transport: asyncio.BaseTransport) -> None:
        made(connection, transport)
        time.sleep(2 * TIMEOUT)  # what was to happen meanwhile is due before the attempt goes on

    monkeypatch.setattr(UpstreamConnection, "connection_made", late)

    async def scene(listener: socket.socket) -> tuple[str, int]:
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        pool = Pool("legacy", "legacy", base, limit=1, connect_timeout=TIMEOUT)
        asker = Asker()
        pool.acquire(cast(Any, asker))
        told = await asyncio.wait_for(asker.told, 5)
        await asyncio.sleep(TIMEOUT)
        return told, pool.open - pool.idle

    with socket.create_server(("127.0.0.1", 0)) as listener, asyncio.Runner(loop_factory=loop) as runner:
        told, in_use = runner.run(scene(listener))
    assert in_use == 0, f"{told}, and {in_use} connections count as in use for ever"
