"""When upstreams are slow, broken or crowded: who still gets an answer, and what it is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import aiohttp
import orjson
import pytest

from strangler.control import traffic
from strangler.cutover.stages import Side, Stage
from strangler.facade.breaker import State
from tests.facade.conftest import Echo, Front, Running, Serve, Stand, applied, settings, until


async def ask(
    facade: Running, method: str = "GET", path: str = "/parties/1", **headers: str
) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{facade.url}{path}", headers=headers) as response,
    ):
        return response.status, await response.text()


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody listens, and nobody will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


async def test_reads_fall_back_to_legacy_while_it_has_the_data(
    serve: Serve, front: Front, stand: Stand, nobody: str
) -> None:
    legacy = Echo("legacy")
    breaker = {"minimum": 3, "wait": "1m"}
    facade = await front(settings((await serve(legacy)).url, nobody, facade={"breaker": breaker}))
    await applied(facade, stand.stage(Stage.CANARY, weight=10_000))
    for _ in range(5):
        assert await ask(facade) == (200, "legacy")
    found = facade.parts.breakers.of("new", "party")
    assert found.state is State.OPEN
    assert len(legacy.asked) == 5
    await facade.parts.tally.flush(stand.control)
    counted = traffic.sums(stand.control, since=0)
    failed, answered = (counted["party", "read", side] for side in (Side.NEW, Side.LEGACY))
    assert (failed.calls, failed.errors) == (5, 5), "that legacy answered hides from no gate that new didn't"
    assert (answered.calls, answered.errors) == (5, 0)
    await applied(facade, stand.stage(Stage.LIVE))
    status, text = await ask(facade)
    assert status == 503, "legacy's data is old by now, so it isn't asked"
    assert "3 of 3 calls" in orjson.loads(text)["detail"]


async def test_an_open_breaker_refuses_at_once_and_says_when_to_come_again(
    front: Front, serve: Serve, nobody: str
) -> None:
    facade = await front(settings(nobody, facade={"breaker": {"minimum": 2, "wait": "30s"}}))
    for _ in range(2):
        assert (await ask(facade, "PUT"))[0] == 502
    async with aiohttp.ClientSession() as session, session.put(f"{facade.url}/parties/1") as response:
        assert response.status == 503
        assert 25 <= int(response.headers["Retry-After"]) <= 30
    assert (await ask(facade, path="/other"))[0] == 502, "what no route names has a breaker of its own"


async def test_a_half_open_breaker_closes_when_the_upstream_is_well_again(
    serve: Serve, front: Front, nobody: str
) -> None:
    legacy = Echo("legacy")
    legacy.gate = asyncio.Event()
    breaker = {"minimum": 2, "wait": "200ms", "probes": 2}
    facade = await front(
        settings((await serve(legacy)).url, facade={"breaker": breaker, "total_timeout": "200ms"})
    )
    for _ in range(2):
        assert (await ask(facade))[0] == 504
    assert (await ask(facade))[0] == 503
    legacy.gate.set()
    found = facade.parts.breakers.of("legacy", "party")
    async with asyncio.timeout(30):
        while found.state is not State.CLOSED:
            await asyncio.sleep(0.02)
            await ask(facade)
    assert await ask(facade) == (200, "legacy")


async def test_a_side_that_hangs_leaves_room_for_the_other(serve: Serve, front: Front, stand: Stand) -> None:
    legacy, new = Echo("legacy"), Echo("new")
    legacy.gate = asyncio.Event()
    limits = {"calls": 10, "legacy": 3, "new": 5, "for_writes": 0}
    facade = await front(
        settings((await serve(legacy)).url, (await serve(new)).url, facade={"limits": limits})
    )
    await applied(facade, stand.stage(Stage.LIVE))
    hung = [asyncio.create_task(ask(facade, path="/other")) for _ in range(3)]
    await until(lambda: len(legacy.asked) == 3)
    status, text = await ask(facade, path="/other")
    assert status == 503
    assert "facade.limits.legacy" in text
    assert await ask(facade) == (200, "new")
    legacy.gate.set()
    assert {status for status, _ in await asyncio.gather(*hung)} == {200}
    assert await ask(facade, path="/other") == (200, "legacy"), "the room was given back"


async def test_calls_wait_for_room_and_writes_come_first(serve: Serve, front: Front) -> None:
    legacy = Echo("legacy")
    legacy.gate = asyncio.Event()
    limits = {"legacy": 1, "for_writes": 0, "queue": 5, "queue_time": "5s"}
    facade = await front(settings((await serve(legacy)).url, facade={"limits": limits}))
    first = asyncio.create_task(ask(facade))
    await until(lambda: len(legacy.asked) == 1)
    read = asyncio.create_task(ask(facade))
    await until(lambda: facade.parts.shedding.waiting == 1)
    write = asyncio.create_task(ask(facade, "PUT"))
    await until(lambda: facade.parts.shedding.waiting == 2)
    legacy.gate.set()
    assert {status for status, _ in await asyncio.gather(first, read, write)} == {200}
    assert [asked[0] for asked in legacy.asked] == ["GET", "PUT", "GET"]


async def test_who_waits_for_room_in_vain_or_leaves_is_let_go(serve: Serve, front: Front) -> None:
    legacy = Echo("legacy")
    legacy.gate = asyncio.Event()
    limits = {"legacy": 1, "for_writes": 0, "queue": 5, "queue_time": "400ms"}
    facade = await front(settings((await serve(legacy)).url, facade={"limits": limits}))
    first = asyncio.create_task(ask(facade))
    await until(lambda: len(legacy.asked) == 1)
    leaves = asyncio.create_task(ask(facade))
    await until(lambda: facade.parts.shedding.waiting == 1)
    leaves.cancel()
    await until(lambda: facade.parts.shedding.waiting == 0)
    status, text = await ask(facade)
    assert status == 503
    assert "facade.limits.legacy" in text
    legacy.gate.set()
    assert await first == (200, "legacy")
    await until(lambda: facade.parts.shedding.all.under == 0)


async def test_connections_to_an_upstream_are_limited_and_shared(serve: Serve, front: Front) -> None:
    legacy = Echo("legacy")
    legacy.gate = asyncio.Event()
    facade = await front(
        settings((await serve(legacy)).url, facade={"connections": 2, "connect_timeout": "10s"})
    )
    calls = [asyncio.create_task(ask(facade)) for _ in range(6)]
    await until(lambda: facade.parts.pools.legacy.waiting == 4 and len(legacy.asked) == 2)
    assert facade.parts.pools.legacy.open == 2
    legacy.gate.set()
    assert {status for status, _ in await asyncio.gather(*calls)} == {200}


async def test_the_budget_is_passed_on_and_a_caller_may_only_shorten_it(serve: Serve, front: Front) -> None:
    legacy = Echo("legacy")
    facade = await front(settings((await serve(legacy)).url))
    header = "X-Strangler-Timeout-Ms"
    await ask(facade)
    await ask(facade, **{header: "500"})
    await ask(facade, **{header: "99999999"})
    await ask(facade, **{header: "soon"})
    told = [int(asked[2][header.lower()]) for asked in legacy.asked]
    assert 19_000 < told[0] <= 20_000
    assert 300 < told[1] <= 500
    assert all(19_000 < each <= 20_000 for each in told[2:])
    legacy.gate = asyncio.Event()
    began = asyncio.get_running_loop().time()
    assert (await ask(facade, **{header: "200"}))[0] == 504
    assert asyncio.get_running_loop().time() - began < 5
    assert facade.parts.breakers.of("legacy", "party").state is State.CLOSED


async def test_the_budget_of_a_call_begins_when_its_turn_comes(front: Front) -> None:
    """Those behind it on its caller's own connection take nothing of it, nor of what is counted as its latency."""

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            await asyncio.sleep(1.2)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        facade = await front(settings(f"http://127.0.0.1:{port}", facade={"total_timeout": "2s"}))
        reader, writer = await asyncio.open_connection("127.0.0.1", int(facade.url.rpartition(":")[2]))
        writer.write(b"GET /parties/1 HTTP/1.1\r\nHost: erp\r\n\r\n" * 3)
        statuses = []
        for _ in range(3):
            head = await reader.readuntil(b"\r\n\r\n")
            statuses.append(head[9:12])
            await reader.readexactly(2)
        writer.close()
    assert statuses == [b"200"] * 3


async def test_an_upstream_that_falls_silent_in_its_answer_is_given_up(front: Front) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with server:
        facade = await front(settings(f"http://{host}:{port}", facade={"read_timeout": "200ms"}))
        with pytest.raises(aiohttp.ClientPayloadError):
            await ask(facade)
        await until(lambda: facade.parts.pools.legacy.open == 0)


async def test_many_that_wait_for_room_are_all_answered_when_the_breaker_opens(
    serve: Serve, front: Front, nobody: str
) -> None:
    """Each that is refused gives its room to the next, hundreds deep: one after the other, not one within the other."""
    limits = {"legacy": 1, "for_writes": 0, "queue": 900, "queue_time": "30s"}
    facade = await front(settings(nobody, facade={"limits": limits, "breaker": {"minimum": 2, "wait": "1m"}}))
    answers = await asyncio.gather(*(ask(facade, "PUT") for _ in range(300)))
    assert {status for status, _ in answers} <= {502, 503}
    await until(lambda: facade.parts.shedding.all.under == 0 and not facade.parts.exchanges)
    assert facade.parts.shedding.waiting == 0


async def test_a_defect_is_told_as_one_and_takes_no_room_with_it(
    serve: Serve, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    facade = await front(settings((await serve(Echo("legacy"))).url, facade={"limits": {"legacy": 2}}))

    def broken(*_: object) -> None:
        raise RuntimeError("a plugin's mistake")

    monkeypatch.setattr(facade.parts.credentials, "note", broken)
    for _ in range(5):
        assert await ask(facade) == (200, "legacy"), "what comes after the answer doesn't take it back"
    monkeypatch.undo()
    monkeypatch.setattr(facade.parts.credentials, "check", broken)
    status, text = await ask(facade, **{"X-Seen-Before": "no"})
    assert (status, "its log says how" in text) == (500, True)
    monkeypatch.undo()
    assert await ask(facade) == (200, "legacy")
    monkeypatch.setattr(facade.parts.metrics, "note", broken)
    assert await ask(facade) == (200, "legacy"), "nor of a call whose head was seen before"
    monkeypatch.undo()
    assert await ask(facade) == (200, "legacy")
    assert facade.parts.shedding.all.under == 0


@pytest.mark.parametrize("slow", ["in taking", "in sending"])
async def test_slow_callers_say_nothing_against_an_upstream(serve: Serve, front: Front, slow: str) -> None:
    legacy = Echo("legacy", body=b"x" * 20_000_000)
    facade = await front(
        settings((await serve(legacy)).url, facade={"total_timeout": "300ms", "breaker": {"minimum": 2}})
    )
    half = b"PUT /parties/1 HTTP/1.1\r\nHost: erp\r\nContent-Length: 9\r\n\r\nabc"
    call = b"GET /parties/1 HTTP/1.1\r\nHost: erp\r\n\r\n" if slow == "in taking" else half
    lines = [await asyncio.open_connection(facade.host, int(facade.port), limit=1024) for _ in range(4)]
    for _, writer in lines:
        writer.write(call)
    await until(lambda: len(facade.parts.exchanges) == 4)
    await until(lambda: not facade.parts.exchanges)
    assert facade.parts.breakers.of("legacy", "party").state is State.CLOSED
    if slow == "in sending":
        assert (await lines[0][0].readline()).startswith(b"HTTP/1.1 408 ")
    for _, writer in lines:
        writer.close()


async def test_a_read_that_fell_back_is_asked_once_more_too(front: Front, nobody: str, stand: Stand) -> None:
    asked = 0

    async def closes_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += b"/parties" in await reader.readuntil(b"\r\n\r\n")
        if asked != 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(closes_once, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with server:
        facade = await front(settings(f"http://{host}:{port}", nobody))
        await applied(facade, stand.stage(Stage.CANARY, weight=10_000))
        assert await ask(facade) == (200, "ok")
    assert asked == 2
