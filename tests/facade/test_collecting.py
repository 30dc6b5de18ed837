"""The collector of a process that answers calls: it looks briefly, and at all there is when no call is under way. What calls are made of
needs none."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress

import pytest

from strangler.cutover.stages import Stage
from strangler.facade import collecting
from strangler.facade.exchange import Exchange
from strangler.facade.wire.caller import CallerConnection
from strangler.facade.wire.upstream import UpstreamConnection
from tests.facade.conftest import Echo, Front, Serve, Stand, applied, settings, until


class Knot:
    """Refers to itself, so that the collector alone frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The collector of the tests' own process is left as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


async def test_all_there_is_is_looked_at_when_it_is_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "ALL", 0.05)
    busy = True
    looking = asyncio.create_task(collecting.collect_briefly(lambda: not busy))
    await asyncio.sleep(0.01)
    knot = Knot()
    gone = weakref.ref(knot)
    del knot
    await asyncio.sleep(0.3)
    assert gone() is not None, "it looked while a call was under way"
    busy = False
    async with asyncio.timeout(10):
        while gone() is not None:
            await asyncio.sleep(0.02)
    looking.cancel()


async def test_who_is_never_calm_is_looked_through_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "ALL", 0.01)
    monkeypatch.setattr(collecting, "PATIENCE", 0.1)
    looking = asyncio.create_task(collecting.collect_briefly(lambda: False))
    await asyncio.sleep(0.001)
    knot = Knot()
    gone = weakref.ref(knot)
    del knot
    async with asyncio.timeout(10):
        while gone() is not None:
            await asyncio.sleep(0.02)
    looking.cancel()


async def test_no_look_between_takes_long() -> None:
    """However many objects are new at once: the youngest are never more than a few thousand."""
    looking = asyncio.create_task(collecting.collect_briefly(lambda: False))
    await asyncio.sleep(0.01)
    looked: list[int] = []
    gc.callbacks.append(lambda phase, info: looked.append(info["generation"]) if phase == "start" else None)
    try:
        kept = [[number] for number in range(100_000)]
    finally:
        gc.callbacks.pop()
    assert len(kept) == 100_000
    assert looked.count(2) == 0
    assert len(looked) >= 100_000 / 1_000 - 1
    looking.cancel()


CALLS = (
    b"GET /parties/1 HTTP/1.1\r\nHost: erp\r\n\r\n",
    b"GET /parties/1 HTTP/1.1\r\nHost: erp\r\n\r\n",  # a plain one, now that its head is known
    b"POST /parties HTTP/1.1\r\nHost: erp\r\nContent-Length: 2\r\n\r\nhi",
    b"PUT /parties/1 HTTP/1.1\r\nHost: erp\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    b"HEAD /parties/1 HTTP/1.1\r\nHost: erp\r\n\r\n",
    b"GET /elsewhere HTTP/1.0\r\n\r\n",
    b"GET /../x HTTP/1.1\r\nHost: erp\r\n\r\n",
    b"this is no call\r\n\r\n",
)
"""Each is the last of its connection."""


@pytest.mark.parametrize("stage", [Stage.LEGACY, Stage.SHADOW, Stage.CANARY, Stage.LIVE])
async def test_calls_and_connections_leave_no_circles(
    serve: Serve, front: Front, stand: Stand, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    alive: dict[str, weakref.WeakSet[object]] = {}

    def watch(kind: type) -> None:
        begin, seen = kind.__init__, alive.setdefault(kind.__name__, weakref.WeakSet())

        def begun(self: object, *arguments: object, **named: object) -> None:
            seen.add(self)
            begin(self, *arguments, **named)  # type: ignore[misc]

        monkeypatch.setattr(kind, "__init__", begun)

    for kind in (Exchange, CallerConnection, UpstreamConnection):
        watch(kind)
    facade = await front(
        settings(
            (await serve(Echo("legacy"))).url, (await serve(Echo("new"))).url, facade={"shadow": {"noise": 0}}
        )
    )
    await applied(facade, stand.stage(stage, weight=10_000 if stage is Stage.CANARY else 0))
    host, port = facade.url.removeprefix("http://").split(":")
    gc.collect()
    gc.disable()
    try:
        for number in range(len(CALLS)):
            await _said(host, int(port), CALLS[: number + 1])
            await _said(host, int(port), CALLS[number : number + 1])
            await _left(host, int(port), CALLS[number])
        await until(lambda: not facade.parts.exchanges and not alive["CallerConnection"])
        await until(lambda: not alive["Exchange"])
        await facade.parts.pools.close()
        await facade.parts.shadow.close()
        await until(lambda: not alive["UpstreamConnection"])
    finally:
        gc.enable()


async def _said(host: str, port: int, calls: Iterable[bytes]) -> None:
    """Say these on one connection, and hear what is said until it ends, or falls silent."""
    reader, writer = await asyncio.open_connection(host, port)
    for call in calls:
        writer.write(call)
        with suppress(TimeoutError, ConnectionError):
            await asyncio.wait_for(reader.read(65536), 2)
    writer.close()


async def _left(host: str, port: int, call: bytes) -> None:
    """Leave in the middle of a call."""
    _, writer = await asyncio.open_connection(host, port)
    with suppress(ConnectionError):
        writer.write(call[: len(call) // 2])
        await writer.drain()
    writer.close()
