"""Shadow traffic: compared behind the caller's back, counted whatever becomes of it."""

from __future__ import annotations

import asyncio
import gzip
import time
from typing import Any

import aiohttp
import pytest

from strangler.control import comparisons
from strangler.control.comparisons import Compared
from strangler.control.store import Control
from strangler.cutover.stages import Stage
from strangler.facade.compare import SHOWN, Difference, shown
from strangler.facade.protocol import Answer
from strangler.facade.shadow import PLAIN, WORKERS, plain
from strangler.facade.traffic import Tally
from tests.facade.conftest import Echo, Front, Running, Serve, Stand, applied, settings, until


async def counted(facade: Running, control: Control) -> Compared:
    await facade.parts.tally.flush(control)
    return comparisons.sums(control, "party")


async def read(facade: Running, path: str = "/parties/1", **headers: str) -> bytes:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{facade.url}{path}", headers=headers) as response,
    ):
        return await response.read()


async def shadowing(
    serve: Serve, front: Front, stand: Stand, legacy: Echo, new: Echo, **shadow: Any
) -> Running:
    facade = await front(
        settings((await serve(legacy)).url, (await serve(new)).url, facade={"shadow": shadow})
    )
    await applied(facade, stand.stage(Stage.SHADOW))
    return facade


async def test_matches_and_mismatches_are_counted_with_samples(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b'{"name":"a","n":1.10,"at":1}'), Echo("new", b'{"n":1.1,"name":"a","at":2}')
    facade = await shadowing(serve, front, stand, legacy, new, ignore=["at"], settle="0s")
    assert await read(facade, authorization="secret", cookie="s=1") == legacy.body
    await until(lambda: len(new.asked) == 1)
    method, target, headers, _ = new.asked[0]
    assert (method, target, headers["x-strangler-shadow"]) == ("GET", "/parties/1", "1")
    assert "authorization" not in headers
    assert "cookie" not in headers
    async with asyncio.timeout(5):
        while (await counted(facade, control)).matched != 1:
            await asyncio.sleep(0.01)
    new.body = b'{"n":1.1,"name":"b"}'
    await read(facade, "/parties/2?x=1")
    async with asyncio.timeout(5):
        while (await counted(facade, control)).mismatched != 1:
            await asyncio.sleep(0.01)
    sample = comparisons.mismatches(control, "party")[0]
    assert sample.request == "GET /parties/2?x=1"
    assert sample.differences == [{"path": "name", "kind": "value", "legacy": "a", "new": "b"}]
    found = await counted(facade, control)
    assert (found.matched, found.mismatched, found.failed, found.dropped) == (1, 1, 0, 0)


async def test_a_sample_shows_no_sensitive_value(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy = Echo(
        "legacy", b'{"rows":[{"id":1,"Mail":"canary-1"}],"mail":"canary-2","n":1,"born":{"mail":null}}'
    )
    new = Echo("new", b'{"rows":[{"id":1}],"mail":"canary-3","n":2,"born":7}')
    fields = {"id": "id", "mail": {"value": "LOWER(email)", "sensitive": True}}
    entity = {"table": "party_party", "key": "id", "fields": fields}
    front_settings = settings(
        (await serve(legacy)).url,
        (await serve(new)).url,
        facade={"shadow": {"settle": "0s"}},
        entities={"party": entity},
    )
    facade = await front(front_settings)
    await applied(facade, stand.stage(Stage.SHADOW))
    await read(facade, "/parties/2?mail=canary-4")
    async with asyncio.timeout(5):
        while (await counted(facade, control)).mismatched != 1:
            await asyncio.sleep(0.01)
    sample = comparisons.mismatches(control, "party")[0]
    assert "canary" not in str(sample)
    assert sample.request == "GET /parties/2"
    assert {"path": "n", "kind": "value", "legacy": 1, "new": 2} in sample.differences
    assert {"path": "mail", "kind": "value", "legacy": "***", "new": "***"} in sample.differences


async def test_a_store_that_is_behind_is_asked_again_until_it_has_caught_up(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b'{"name":"after"}'), Echo("new", b'{"name":"before"}')
    facade = await shadowing(serve, front, stand, legacy, new, settle="1h")
    await read(facade)
    await until(lambda: len(new.asked) == 2)
    new.body = legacy.body
    async with asyncio.timeout(5):
        while (await counted(facade, control)).matched != 1:
            await asyncio.sleep(0.01)
    assert (await counted(facade, control)).mismatched == 0


async def test_what_legacy_itself_no_longer_says_is_no_mismatch(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b'{"name":"before"}'), Echo("new", b'{"name":"after"}')
    facade = await shadowing(serve, front, stand, legacy, new, settle="100ms")
    assert await read(facade, authorization="secret") == b'{"name":"before"}'
    legacy.body = new.body
    async with asyncio.timeout(5):
        while (await counted(facade, control)).matched != 1:
            await asyncio.sleep(0.01)
    assert (await counted(facade, control)).mismatched == 0
    again = legacy.asked[-1][2]
    assert (again["x-strangler-shadow"], again["authorization"]) == ("1", "secret")


async def test_invariant_9_a_hung_candidate_delays_nobody_and_drops_are_counted(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":1}')
    new.gate = asyncio.Event()
    facade = await shadowing(serve, front, stand, legacy, new, queue=3, timeout="1h")
    began = time.monotonic()
    for _ in range(50):
        assert await read(facade) == b'{"a":1}'
    assert time.monotonic() - began < 5
    await until(lambda: len(new.asked) == WORKERS)
    compared = await counted(facade, control)
    assert compared.dropped == 50 - 3 - WORKERS
    assert compared.matched == compared.mismatched == compared.failed == 0
    new.gate.set()
    async with asyncio.timeout(5):
        while (found := await counted(facade, control)).matched + found.dropped != 50:
            await asyncio.sleep(0.01)


async def test_a_deadline_ends_a_comparison_and_it_is_no_match(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":1}')
    new.gate = asyncio.Event()
    facade = await shadowing(serve, front, stand, legacy, new, timeout="50ms")
    await read(facade)
    async with asyncio.timeout(5):
        while (await counted(facade, control)).failed != 1:
            await asyncio.sleep(0.01)


async def test_writes_are_never_shadowed(serve: Serve, front: Front, stand: Stand) -> None:
    legacy, new = Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":1}')
    facade = await shadowing(serve, front, stand, legacy, new)
    async with aiohttp.ClientSession() as session:
        await session.put(f"{facade.url}/parties/1", data=b"x")
        await session.get(f"{facade.url}/parties/1")
    await until(lambda: len(new.asked) == 1)
    assert [asked[0] for asked in new.asked] == ["GET"]


async def test_an_answer_too_long_to_keep_is_dropped(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b'"' + b"x" * 2_000_000 + b'"'), Echo("new", b"{}")
    facade = await shadowing(serve, front, stand, legacy, new)
    assert await read(facade) == legacy.body
    async with asyncio.timeout(5):
        while (await counted(facade, control)).dropped != 1:
            await asyncio.sleep(0.01)
    assert new.asked == []


def test_an_answer_is_decompressed_by_its_bytes() -> None:
    import gzip

    told = [("content-encoding", "gzip")]
    assert plain(Answer(200, told, gzip.compress(b"{}"))).body == b"{}"
    assert plain(Answer(200, told, b"{}")).body == b"{}", "Tryton says gzip of what it sends plain"
    with pytest.raises(ValueError, match="decompressed"):
        plain(Answer(200, told, gzip.compress(b"{}" * 1000)[:-9]))


@pytest.mark.parametrize(
    "said",
    ['{"n": 1000000000000000000000000000000}', '{"n": "\\ud800"}', '{"n": "\\u0000"}', '{"\\ud800": 1}'],
)
async def test_an_answer_that_no_database_can_keep_is_counted_like_any_other(
    said: str, serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", said.encode()), Echo("new", b'{"n": 1}')
    facade = await shadowing(serve, front, stand, legacy, new, settle="0s")
    await read(facade)
    async with asyncio.timeout(5):
        while comparisons.sums(control, "party").mismatched != 1:  # by the facade's own flush
            await asyncio.sleep(0.01)
    await until(lambda: len(comparisons.mismatches(control, "party")) == 1)
    new.body = legacy.body
    await read(facade)
    async with asyncio.timeout(5):
        while comparisons.sums(control, "party").matched != 1:
            await asyncio.sleep(0.01)


async def test_a_sample_that_cant_be_kept_takes_no_count_with_it(control: Control) -> None:
    tally = Tally("f")
    tally.compared("party", "mismatched", comparisons.Mismatch(1.0, "party", "GET /", [{"new": 2**70}]))
    await tally.flush(control)
    assert comparisons.sums(control, "party").mismatched == 1


def test_a_sample_keeps_an_example_not_a_copy() -> None:
    found = shown(Difference("a", "value", ["x" * 1_000_000], "y"))
    assert len(found["legacy"]) == SHOWN
    assert found["new"] == "y"


def test_a_short_answer_that_stands_for_a_very_long_one_is_not_compared() -> None:
    bomb = gzip.compress(b"0" * (PLAIN + 1))
    with pytest.raises(ValueError, match="longer than"):
        plain(Answer(200, [("content-encoding", "gzip")], bomb))
    members = gzip.compress(b"[1,") + gzip.compress(b"2]")
    assert plain(Answer(200, [("content-encoding", "gzip")], members)).body == b"[1,2]"
    with pytest.raises(ValueError, match="breaks off"):
        plain(Answer(200, [("content-encoding", "gzip")], gzip.compress(b"[1,2]" * 100)[:-9]))
