"""Writes at a fence: they wait a moment, and then go where the standings of that moment say, or are told to come again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import aiohttp
import orjson

from strangler.control import facades
from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage
from strangler.settings import Settings
from tests.facade.conftest import Echo, Front, Running, Serve, Stand, applied, settings, until

LONG = b"a long order " * 20_000
"""More than a facade holds of a body."""


def holding(seconds: float, *urls: str, facade: dict[str, Any] | None = None) -> Settings:
    configured = settings(*urls, facade=facade)
    cutover = configured.cutover.model_copy(update={"hold_writes": timedelta(seconds=seconds)})
    return configured.model_copy(update={"cutover": cutover})


async def put(
    facade: Running, data: bytes = b"order", path: str = "/parties/1"
) -> tuple[int, str, Mapping[str, str]]:
    async with aiohttp.ClientSession() as session, session.put(f"{facade.url}{path}", data=data) as answer:
        return answer.status, await answer.text(), answer.headers


async def held(facade: Running, writes: int = 1) -> None:
    await until(lambda: len(facade.parts.holding) == writes)


def acknowledged(control: Control, facade: Running) -> int:
    return next(each.generation for each in facades.live(control, now=0) if each.id == facade.parts.id)


async def test_invariant_4_a_held_write_goes_to_the_new_owner_whole(
    serve: Serve, front: Front, stand: Stand
) -> None:
    legacy, new = Echo("legacy"), Echo("new")
    facade = await front(holding(10, (await serve(legacy)).url, (await serve(new)).url))
    await applied(facade, stand.stage(Stage.CANARY))
    await applied(facade, stand.move(fenced=True))
    writes = [asyncio.create_task(put(facade, body)) for body in (b"order", LONG)]
    await held(facade, 2)
    assert len(facade.parts.flight) == 0, "what waits is no write under way"
    await applied(facade, stand.move(weight=1))  # another generation under the same fence
    await held(facade, 2)
    await applied(facade, stand.stage(Stage.LIVE))
    assert [(await write)[:2] for write in writes] == [(200, "new"), (200, "new")]
    assert sorted(asked[3] for asked in new.asked) == sorted((b"order", LONG))
    assert legacy.asked == []
    assert facade.parts.holding.outcomes == {("party", "passed"): 2}
    assert len(facade.parts.holding) == 0


async def test_a_held_write_goes_to_legacy_where_the_switch_was_undone(
    serve: Serve, front: Front, stand: Stand
) -> None:
    legacy = Echo("legacy")
    facade = await front(holding(10, (await serve(legacy)).url))
    await applied(facade, stand.move(fenced=True))
    write = asyncio.create_task(put(facade))
    await held(facade)
    await applied(facade, stand.move(fenced=False))
    assert (await write)[:2] == (200, "legacy")


async def test_a_write_is_told_to_come_again_when_the_fence_outlasts_its_wait(
    serve: Serve, front: Front, stand: Stand
) -> None:
    legacy = Echo("legacy")
    facade = await front(holding(0.2, (await serve(legacy)).url))
    await applied(facade, stand.move(fenced=True))
    began = time.monotonic()
    status, text, headers = await put(facade)
    assert (status, headers["Retry-After"]) == (503, "1")
    assert "fenced" in orjson.loads(text)["detail"]
    assert 0.2 <= time.monotonic() - began < 2
    assert legacy.asked == []
    assert facade.parts.holding.outcomes == {("party", "refused"): 1}
    assert facade.parts.holding.seconds["party"] >= 0.2
    page = facade.parts.metrics.page().decode()
    assert 'strangler_facade_held_writes_total{function="party",outcome="refused"} 1' in page
    assert "strangler_facade_writes_held 0" in page


async def test_a_caller_that_gives_less_time_waits_less(serve: Serve, front: Front, stand: Stand) -> None:
    section = {"total_timeout": "150ms"}
    facade = await front(holding(10, (await serve(Echo("legacy"))).url, facade=section))
    await applied(facade, stand.move(fenced=True))
    began = time.monotonic()
    assert (await put(facade))[0] == 503
    assert time.monotonic() - began < 5


async def test_nothing_waits_where_that_is_turned_off(serve: Serve, front: Front, stand: Stand) -> None:
    facade = await front(holding(0, (await serve(Echo("legacy"))).url))
    await applied(facade, stand.move(fenced=True))
    assert (await put(facade))[0] == 503
    assert facade.parts.holding.outcomes == {}


async def test_reads_and_writes_of_others_pass_a_fence(serve: Serve, front: Front, stand: Stand) -> None:
    facade = await front(holding(10, (await serve(Echo("legacy"))).url))
    await applied(facade, stand.move(fenced=True))
    async with aiohttp.ClientSession() as session, session.get(f"{facade.url}/parties/1") as answer:
        assert answer.status == 200
    assert (await put(facade, path="/other"))[0] == 200


async def test_invariant_5_a_fence_is_acknowledged_while_writes_wait_at_it(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    facade = await front(holding(10, (await serve(Echo("legacy"))).url))
    await applied(facade, stand.move(fenced=True))
    write = asyncio.create_task(put(facade))
    await held(facade)
    later = stand.move(weight=1)
    await applied(facade, later)
    await until(lambda: acknowledged(control, facade) == later)
    assert not write.done()
    await applied(facade, stand.move(fenced=False))
    assert (await write)[0] == 200


async def test_a_caller_that_leaves_waits_no_more(serve: Serve, front: Front, stand: Stand) -> None:
    legacy = Echo("legacy")
    facade = await front(holding(10, (await serve(legacy)).url))
    await applied(facade, stand.move(fenced=True))
    write = asyncio.create_task(put(facade))
    await held(facade)
    write.cancel()
    await held(facade, 0)
    await applied(facade, stand.move(fenced=False))
    assert (await put(facade, b"the next"))[0] == 200
    assert [asked[3] for asked in legacy.asked] == [b"the next"]
    assert facade.parts.holding.outcomes == {("party", "left"): 1}


async def test_no_more_writes_wait_than_there_is_room_for_calls(
    serve: Serve, front: Front, stand: Stand
) -> None:
    limits = {"calls": 2, "legacy": 2, "new": 2}
    facade = await front(holding(10, (await serve(Echo("legacy"))).url, facade={"limits": limits}))
    await applied(facade, stand.move(fenced=True))
    writes = [asyncio.create_task(put(facade)) for _ in range(2)]
    await held(facade, 2)
    assert (await put(facade))[0] == 503
    await applied(facade, stand.move(fenced=False))
    assert [(await write)[0] for write in writes] == [200, 200]


async def test_a_facade_that_ends_lets_what_waits_go_on_first(
    serve: Serve, front: Front, stand: Stand
) -> None:
    legacy, new = Echo("legacy"), Echo("new")
    facade = await front(holding(10, (await serve(legacy)).url, (await serve(new)).url))
    await applied(facade, stand.stage(Stage.CANARY))
    await applied(facade, stand.move(fenced=True))
    write = asyncio.create_task(put(facade))
    await held(facade)
    assert facade.facade is not None
    ending = asyncio.create_task(facade.facade.stop(within=10))
    await until(lambda: facade.parts.front.draining)
    stand.move(stage=Stage.LIVE, owner=Side.NEW, fenced=False)
    assert (await write)[:2] == (200, "new")
    await ending
