"""Shadow traffic: compared behind the caller's back, counted whatever becomes of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from strangler.control import comparisons
from strangler.control.comparisons import Compared, Kind
from strangler.control.counted import Since
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Stage
from strangler.facade import rooms
from strangler.facade import shadow as shadow_module
from strangler.facade.answers import Refusal
from strangler.facade.lane import WORKERS, Seen
from strangler.facade.parts import Parts
from strangler.facade.protocol import Answer, Request
from strangler.facade.server import Facade
from strangler.facade.shadow import BODY, HELD
from strangler.facade.traffic import Tally
from strangler.facade.wire import address as address_module
from strangler.shadow import account
from strangler.shadow.counting import Observation
from strangler.shadow.noise import LEAST_PAIRS
from tests.facade.conftest import Echo, Front, Running, Serve, Stand, applied, fronting, settings, until


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
        settings((await serve(legacy)).url, (await serve(new)).url, facade={"shadow": {"noise": 0, **shadow}})
    )
    await applied(facade, stand.stage(Stage.SHADOW))
    return facade


async def test_matches_and_mismatches_are_counted_with_samples(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b'{"name":"a","n":1.10,"at":1}'), Echo("new", b'{"n":1.1,"name":"a","at":2}')
    rule = {"rule": "ignore", "path": "at", "owner": "me", "reason": "so"}
    facade = await shadowing(serve, front, stand, legacy, new, rules=[rule], settle="0s")
    assert await read(facade, authorization="secret", cookie="s=1") == legacy.body
    await until(lambda: len(new.asked) == 1)
    method, target, headers, _ = new.asked[0]
    assert (method, target, headers["x-strangler-shadow"]) == ("GET", "/parties/1", "1")
    assert "authorization" not in headers
    assert "cookie" not in headers
    async with asyncio.timeout(30):
        while (await counted(facade, control)).matched != 1:
            await asyncio.sleep(0.01)
    new.body = b'{"n":1.1,"name":"b"}'
    await read(facade, "/parties/2?x=1")
    async with asyncio.timeout(30):
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
        facade={"shadow": {"settle": "0s", "noise": 0}},
        entities={"party": entity},
    )
    facade = await front(front_settings)
    await applied(facade, stand.stage(Stage.SHADOW))
    await read(facade, "/parties/2?mail=canary-4")
    async with asyncio.timeout(30):
        while (await counted(facade, control)).mismatched != 1:
            await asyncio.sleep(0.01)
    sample = comparisons.mismatches(control, "party")[0]
    assert "canary" not in str(sample)
    assert sample.request == "GET /parties/2?mail=***"
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
    async with asyncio.timeout(30):
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
    async with asyncio.timeout(30):
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
    async with asyncio.timeout(30):
        while (found := await counted(facade, control)).matched + found.dropped != 50:
            await asyncio.sleep(0.01)


async def test_a_deadline_ends_a_comparison_and_it_is_no_match(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":1}')
    new.gate = asyncio.Event()
    facade = await shadowing(serve, front, stand, legacy, new, timeout="50ms")
    await read(facade)
    async with asyncio.timeout(30):
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
    async with asyncio.timeout(30):
        while (await counted(facade, control)).dropped != 1:
            await asyncio.sleep(0.01)
    assert new.asked == []


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
    async with asyncio.timeout(30):
        while comparisons.sums(control, "party").mismatched != 1:  # by the facade's own flush
            await asyncio.sleep(0.01)
    await until(lambda: len(comparisons.mismatches(control, "party")) == 1)
    new.body = legacy.body
    await read(facade)
    async with asyncio.timeout(30):
        while comparisons.sums(control, "party").matched != 1:
            await asyncio.sleep(0.01)


async def test_a_sample_that_cant_be_kept_takes_no_count_with_it(control: Control) -> None:
    tally = Tally("f", lambda *told: None)
    sample = comparisons.Mismatch(1.0, "party", EVERYONE, "GET /", [{"new": 2**70}])
    tally.shadow.add(Observation("party", EVERYONE, 0.0, "mismatched", sample=sample))
    await tally.flush(control)
    assert comparisons.sums(control, "party").mismatched == 1


class Changing(Echo):
    """An upstream whose answer has another moment each time."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.body = b'{"at":%d,"n":1}' % time.monotonic_ns()
        await super().__call__(scope, receive, send)


async def test_what_legacy_doesnt_answer_the_same_twice_is_noise(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Changing("legacy"), Echo("new", b'{"at":0,"n":1}')
    facade = await shadowing(serve, front, stand, legacy, new, noise=1, settle="0s")
    for _ in range(LEAST_PAIRS + 1):
        await read(facade)
    async with asyncio.timeout(30):
        while (await counted(facade, control)).mismatched != LEAST_PAIRS + 1:
            await asyncio.sleep(0.01)
    new.body = b'{"at":0,"n":2}'
    await read(facade)
    async with asyncio.timeout(30):
        while (found := await counted(facade, control)).mismatched != LEAST_PAIRS + 2:
            await asyncio.sleep(0.01)
    assert found.pairs == LEAST_PAIRS + 2
    judged = account.counted(control, "party", EVERYONE, Since.of(0.0))
    assert (judged.noisy, judged.differing) == (LEAST_PAIRS + 1, 1), "what differs in more than noise stands"
    assert sorted(each.kind for each in comparisons.fields(control, "party")) == ["value", "value"]


async def test_a_call_that_was_mirrored_is_asked_of_both_sides(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":1}')
    facade = await shadowing(serve, front, stand, legacy, new)
    asked = Request("GET", "/parties/7?x=1", [("authorization", "secret"), ("host", "erp")], b"")
    facade.parts.shadow.offer("party", EVERYONE, Seen("party", None, asked, None))
    async with asyncio.timeout(30):
        while (await counted(facade, control)).matched != 1:
            await asyncio.sleep(0.01)
    assert [(each[0], each[1], each[2].get("authorization")) for each in legacy.asked + new.asked] == [
        ("GET", "/parties/7?x=1", "secret"),
        ("GET", "/parties/7?x=1", None),
    ]
    assert {each.side for each in comparisons.latencies(control, "party")} == {"legacy", "new"}


@pytest.mark.parametrize("host", ["erp.example-shadow", "erp.example-shadow:8080"])
async def test_what_envoy_puts_behind_the_host_of_a_copy_is_taken_off(
    host: str, serve: Serve, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b"{}"), Echo("new", b"{}")
    generation = stand.stage(Stage.SHADOW)
    routes = [{"kind": "read", "match": {"path": "/parties/{id}", "host": "erp.example"}}]
    made = settings((await serve(legacy)).url, (await serve(new)).url, routes=routes)
    async with fronting(Facade(Parts(made, lambda: control, compares=True))) as comparer:
        await applied(comparer, generation)
        assert await read(comparer, host=host) == b""
        await until(lambda: bool(legacy.asked) and bool(new.asked))
    assert legacy.asked[0][2]["host"] == host.replace("-shadow", "")


@pytest.mark.parametrize(
    ("told", "outcome", "reason"),
    [
        (b"{", "uncompared", "Expecting property name"),
        (b'{"a":1}', "failed", "doesn't accept connections"),
    ],
)
async def test_what_couldnt_be_compared_is_told_with_its_reason(
    told: bytes, outcome: str, reason: str, serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    new = (await serve(Echo("new", b'{"a":2}'))).url if outcome == "uncompared" else "http://127.0.0.1:1"
    facade = await front(
        settings((await serve(Echo("legacy", told))).url, new, facade={"shadow": {"noise": 0}}), wait=False
    )
    await applied(facade, stand.stage(Stage.SHADOW))
    await read(facade)
    async with asyncio.timeout(30):
        while getattr(await counted(facade, control), outcome) != 1:
            await asyncio.sleep(0.01)
    [found] = comparisons.failures(control, "party")
    assert (found.outcome, found.calls, reason in found.reason) == (outcome, 1, True), found


async def test_an_answer_of_new_that_cant_be_read_is_a_mismatch(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":1')
    facade = await shadowing(serve, front, stand, legacy, new, settle="0s")
    await read(facade)
    async with asyncio.timeout(30):
        while (await counted(facade, control)).mismatched != 1:
            await asyncio.sleep(0.01)
    [difference] = comparisons.mismatches(control, "party")[0].differences
    assert (difference["path"], difference["kind"]) == ("", "type")


async def test_a_function_says_itself_how_it_is_shadowed(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b'{"n":"1.50","at":1}'), Echo("new", b'{"n":1.5,"at":2}')
    said = {"owner": "me", "reason": "so"}
    facade = await front(
        settings(
            (await serve(legacy)).url,
            (await serve(new)).url,
            facade={"shadow": {"noise": 0, "rules": [{"rule": "ignore", "path": "at", **said}]}},
            shadow={"credentials": True, "rules": [{"rule": "decimal", "path": "n", **said}]},
        )
    )
    await applied(facade, stand.stage(Stage.SHADOW))
    await read(facade, authorization="secret")
    async with asyncio.timeout(30):
        while (await counted(facade, control)).matched != 1:
            await asyncio.sleep(0.01)
    assert new.asked[0][2]["authorization"] == "secret"
    hidden = comparisons.hidden(control, "party")
    assert {(each.rule, each.calls, each.differences) for each in hidden} == {
        ("ignore at", 1, 1),
        ("decimal n", 1, 1),
    }


async def test_what_waits_is_bounded_in_bytes_too(
    serve: Serve, front: Front, stand: Stand, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    legacy, new = Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":1}')
    new.gate = asyncio.Event()
    monkeypatch.setattr(rooms, "AT_FIRST", rooms.ALTOGETHER)
    facade = await shadowing(serve, front, stand, legacy, new, timeout="1h")
    long = Request("POST", "/rpc/", [], bytes(BODY))
    for _ in range(HELD // BODY + 5):
        facade.parts.shadow.offer("party", EVERYONE, Seen("party", None, long, Answer(200, [], b"")))
    assert (await counted(facade, control)).dropped == 5
    new.gate.set()


def room(facade: Running, kind: Kind = "read") -> int:
    space = facade.parts.shadow.space(("party", kind))
    assert space is not None
    return space.candidate.most


async def test_a_candidate_that_differs_but_answers_gets_more_room(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    facade = await shadowing(
        serve, front, stand, Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":2}'), settle="1h"
    )
    await read(facade)
    await until(lambda: room(facade) > rooms.AT_FIRST)
    assert (await counted(facade, control)).mismatched == 0, "it is looked at still"


async def test_a_legacy_that_doesnt_answer_says_nothing_of_the_candidate(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    new = Echo("new", b'{"a":1}')
    facade = await shadowing(serve, front, stand, Echo("legacy"), new)
    facade.parts.shadow._comparing._services.legacy = broken  # type: ignore[method-assign, union-attr]
    for _ in range(5):
        call = Request("GET", "/parties/1", [], b"")
        facade.parts.shadow.offer("party", EVERYONE, Seen("party", None, call, None))
    while (await counted(facade, control)).uncompared < 5:
        await asyncio.sleep(0.01)
    assert (room(facade), new.asked) == (rooms.AT_FIRST, [])


async def broken(*arguments: object) -> Answer:
    raise Refusal(502, "legacy doesn't answer", "connection_refused")


async def test_connections_that_shadow_no_longer_needs_are_closed(
    serve: Serve, front: Front, stand: Stand, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow_module, "SWEPT", 0.02)
    monkeypatch.setattr(address_module, "KEPT", 0.2)
    legacy, new = Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":1}')
    facade = await shadowing(serve, front, stand, legacy, new)
    await read(facade)
    async with asyncio.timeout(30):
        while (await counted(facade, control)).matched != 1:
            await asyncio.sleep(0.01)
    shadow = facade.parts.shadow
    assert isinstance(shadow, shadow_module.Shadow)
    pool = shadow._pools.new["party"]
    await until(lambda: not pool.idle)
    await read(facade)
    async with asyncio.timeout(30):
        while (await counted(facade, control)).matched != 2:
            await asyncio.sleep(0.01)


async def test_to_offer_a_call_costs_the_callers_path_microseconds(
    serve: Serve, front: Front, stand: Stand
) -> None:
    """Also where the service hangs, and everything is dropped. The limit is wide of what is measured (1 to 3), for shared machines."""
    legacy, new = Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":1}')
    new.gate = asyncio.Event()
    facade = await shadowing(serve, front, stand, legacy, new, timeout="1h")
    shadow = facade.parts.shadow
    seen = Seen("party", None, Request("GET", "/parties/1", [("host", "a")], b""), Answer(200, [], b"{}"))
    times = []
    for _ in range(2000):
        began = time.perf_counter()
        shadow.offer("party", EVERYONE, seen)
        times.append(time.perf_counter() - began)
    assert sorted(times)[1000] < 20e-6
    new.gate.set()
