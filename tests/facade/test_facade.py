"""Calls through a running facade, between running upstreams."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Mapping

import aiohttp
import orjson
import pytest

from strangler.control import facades, traffic
from strangler.control.store import Control
from strangler.cutover.stages import Stage
from strangler.errors import StranglerError, Unavailable
from strangler.facade import standing
from strangler.facade.parts import Parts
from strangler.facade.server import Facade
from strangler.routing import Trust
from tests.facade.conftest import Echo, Front, Serve, Stand, applied, fronting, settings, until


async def get(url: str, **options: object) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, **options) as response:  # type: ignore[arg-type]
        return response.status, await response.text()


async def call(url: str, method: str, **options: object) -> tuple[int, str, Mapping[str, str]]:
    async with aiohttp.ClientSession() as session, session.request(method, url, **options) as response:  # type: ignore[arg-type]
        return response.status, await response.text(), response.headers


async def test_a_function_moves_through_its_stages_under_its_callers(
    serve: Serve, front: Front, stand: Stand
) -> None:
    legacy, new = Echo("legacy"), Echo("new")
    facade = await front(settings((await serve(legacy)).url, (await serve(new)).url))

    async def answers() -> tuple[str, str]:
        read = await call(f"{facade.url}/parties/1", "GET")
        write = await call(f"{facade.url}/parties/1", "PUT", data=b"x")
        return read[1], write[1]

    assert await answers() == ("legacy", "legacy")
    await applied(facade, stand.stage(Stage.CANARY, weight=10_000))
    assert await answers() == ("new", "legacy")
    await applied(facade, stand.stage(Stage.LIVE))
    assert await answers() == ("new", "new")
    await applied(facade, stand.stage(Stage.CANARY, weight=0))
    assert await answers() == ("legacy", "legacy")
    assert (await get(f"{facade.url}/other"))[1] == "legacy"


async def test_a_caller_stays_on_its_side_and_a_raised_weight_only_adds(
    serve: Serve, front: Front, stand: Stand
) -> None:
    facade = await front(settings((await serve(Echo("legacy"))).url, (await serve(Echo("new"))).url))

    async def on_new() -> set[int]:
        found = set()
        for caller in range(60):
            headers = {"authorization": f"Session {caller}"}
            sides = {(await get(f"{facade.url}/parties/1", headers=headers))[1] for _ in range(2)}
            assert len(sides) == 1
            if sides == {"new"}:
                found.add(caller)
        return found

    await applied(facade, stand.stage(Stage.CANARY, weight=3000))
    few = await on_new()
    await applied(facade, stand.move(weight=7000))
    more = await on_new()
    assert 0 < len(few) < len(more) < 60
    assert few < more


async def test_invariant_4_a_fenced_write_is_told_to_come_again(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy = Echo("legacy")
    facade = await front(settings((await serve(legacy)).url))
    await applied(facade, stand.move(fenced=True))
    status, text, headers = await call(f"{facade.url}/parties/1", "PUT", data=b"x")
    assert (status, headers["Retry-After"]) == (503, "1")
    assert headers["Content-Type"] == "application/problem+json"
    assert "fenced" in orjson.loads(text)["detail"]
    assert headers["Proxy-Status"].startswith("strangler; error=")
    assert (await get(f"{facade.url}/parties/1"))[0] == 200
    assert [asked[0] for asked in legacy.asked] == ["GET"]
    await facade.parts.tally.flush(control)
    fenced = traffic.sums(control)[("party", "write", "legacy")]
    assert (fenced.calls, fenced.fenced, fenced.errors) == (1, 1, 0)


async def test_invariant_5_a_generation_is_acknowledged_when_older_writes_are_done(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy = Echo("legacy")
    legacy.gate = asyncio.Event()
    facade = await front(settings((await serve(legacy)).url))

    def acknowledged() -> int:
        return next(f.generation for f in facades.live(control, now=0) if f.id == facade.parts.id)

    slow = asyncio.create_task(call(f"{facade.url}/parties/1", "PUT", data=b"slow"))
    await until(lambda: len(legacy.asked) == 1)
    before = acknowledged()
    fence = stand.move(fenced=True)
    await applied(facade, fence)
    assert (await call(f"{facade.url}/parties/1", "PUT", data=b"x"))[0] == 503
    # Whole rounds go by, each of which would acknowledge if it could.
    for _ in range(3):
        await facade.parts.keeper.round()
    assert acknowledged() == before < fence
    legacy.gate.set()
    assert (await slow)[0] == 200
    await until(lambda: acknowledged() == fence)


async def test_invariant_5_a_write_that_was_given_up_is_acknowledged_once_its_time_has_passed(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    configured = settings((await serve(Echo("legacy"))).url, facade={"doubtful_write": "400ms"})
    facade = await front(configured)
    flight = facade.parts.flight

    def line() -> facades.FacadeRecord:
        return next(f for f in facades.live(control, now=0) if f.id == facade.parts.id)

    assert line().longest == 20.4
    before = facade.parts.keeper.current().generation
    flight.begin(before)
    began = time.monotonic()
    flight.end(before, configured.facade.doubtful_write.total_seconds())
    fence = stand.move(fenced=True)
    await applied(facade, fence)
    await until(lambda: line().generation == fence)
    assert time.monotonic() - began >= 0.4


async def test_invariant_5_a_facade_is_gone_only_when_what_it_gave_up_has_passed(
    serve: Serve, control: Control
) -> None:
    configured = settings((await serve(Echo("legacy"))).url)
    async with fronting(Facade(Parts(configured, lambda: control))) as facade:
        await until(lambda: facades.everyone(control) != [])
        flight, began = facade.parts.flight, time.monotonic()
        flight.begin(0)
        flight.end(0, 0.5)
    assert time.monotonic() - began >= 0.5
    assert facades.everyone(control) == []


async def test_invariant_5_a_write_counts_until_it_is_done_even_if_its_caller_left(
    serve: Serve, front: Front
) -> None:
    legacy = Echo("legacy")
    legacy.gate = asyncio.Event()
    facade = await front(settings((await serve(legacy)).url))
    write = asyncio.create_task(call(f"{facade.url}/parties/1", "PUT", data=b"x"))
    await until(lambda: len(legacy.asked) == 1)
    write.cancel()
    await asyncio.gather(write, return_exceptions=True)
    read = asyncio.create_task(call(f"{facade.url}/parties/1", "GET"))
    await until(lambda: len(legacy.asked) == 2)
    read.cancel()
    await until(lambda: legacy.cancelled == 1)
    assert len(facade.parts.flight) == 1, "the read was cancelled at the upstream, the write was not"
    legacy.gate.set()
    await until(lambda: len(facade.parts.flight) == 0)


async def test_a_write_of_a_function_is_refused_once_the_lease_is_over(
    serve: Serve, front: Front, control: Control, stand: Stand
) -> None:
    away = False

    def refuse(*_: object) -> None:
        if away:
            raise Unavailable("the control store doesn't answer")

    class Breakable(Control):
        def read(self):  # type: ignore[no-untyped-def]
            refuse()
            return super().read()

        def begin(self):  # type: ignore[no-untyped-def]
            refuse()
            return super().begin()

    breakable = Breakable(control.engine)
    facade = await front(
        settings((await serve(Echo("legacy"))).url), lease=2.5, open_control=lambda: breakable
    )
    away = True
    await until(lambda: facade.parts.keeper.current().trust is Trust.LOST)
    assert (await call(f"{facade.url}/parties/1", "PUT", data=b"x"))[0] == 200, (
        "nobody has begun to move the function, so its owner can't have changed"
    )
    away = False
    await until(lambda: facade.parts.keeper.current().trust is Trust.SURE)
    await applied(facade, stand.stage(Stage.SYNCING))
    away = True
    await until(lambda: facade.parts.keeper.trouble != "")
    assert (await call(f"{facade.url}/parties/1", "PUT", data=b"x"))[0] == 200, (
        "it goes on with what it knows"
    )
    await until(lambda: facade.parts.keeper.current().trust is Trust.LOST)
    status, text, _ = await call(f"{facade.url}/parties/1", "PUT", data=b"x")
    assert status == 503
    assert "control store" in text
    assert (await get(f"{facade.url}/parties/1"))[0] == 200
    assert (await get(f"{facade.url}/elsewhere"))[0] == 200
    ready, words = await get(f"{facade.url}/readyz")
    assert (ready, orjson.loads(words)["status"]) == (200, "warn"), "it still answers what it may"
    assert "writes of functions on their way are refused" in words
    away = False
    await until(lambda: facade.parts.keeper.current().trust is Trust.SURE)
    assert (await call(f"{facade.url}/parties/1", "PUT", data=b"x"))[0] == 200


async def test_a_control_store_that_never_answers_is_asked_anew_and_what_comes_late_takes_nothing_back(
    serve: Serve, front: Front, control: Control, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "ANSWER", 0.3)
    armed, comes, hung = threading.Event(), threading.Event(), list[threading.Thread]()
    over, visit = list[threading.Thread](), standing.Keeper._visit

    class Hanging(Control):
        def begin(self):  # type: ignore[no-untyped-def]
            if armed.is_set() and not hung:
                over.clear()
                hung.append(threading.current_thread())
                comes.wait(20)
            return super().begin()

    def visited(*arguments: object) -> object:
        try:
            return visit(*arguments)  # type: ignore[arg-type]
        finally:
            over.append(threading.current_thread())

    monkeypatch.setattr(standing.Keeper, "_visit", visited)
    facade = await front(
        settings((await serve(Echo("legacy"))).url), open_control=lambda: Hanging(control.engine)
    )
    keeper = facade.parts.keeper
    before = keeper.id
    armed.set()
    await until(lambda: bool(keeper.trouble))
    assert "said nothing" in keeper.trouble
    await until(lambda: not keeper.trouble)
    await applied(facade, stand.stage(Stage.SYNCING))
    assert [line.id for line in facades.live(control, now=0)] == [keeper.id] != [before]
    comes.set()
    await until(lambda: hung[0] in over)
    await until(lambda: [line.id for line in facades.live(control, now=0)] == [keeper.id])
    assert (await call(f"{facade.url}/parties/1", "PUT", data=b"x"))[0] == 200


async def test_the_health_pages_say_so_while_a_visit_to_the_control_store_hangs(
    serve: Serve, front: Front, control: Control
) -> None:
    armed, comes = threading.Event(), threading.Event()

    class Hanging(Control):
        def begin(self):  # type: ignore[no-untyped-def]
            if armed.is_set():
                comes.wait(20)
            return super().begin()

    facade = await front(
        settings((await serve(Echo("legacy"))).url), open_control=lambda: Hanging(control.engine)
    )
    health, keeper = facade.parts.health, facade.parts.keeper
    armed.set()
    try:
        await until(lambda: b"out of reach for" in health.healthz()[1])
        assert keeper.trouble == "", "it isn't known yet what comes of the visit"
    finally:
        comes.set()
    await until(lambda: b"out of reach for" not in health.healthz()[1])


async def test_it_starts_before_control_store_and_upstreams(
    serve: Serve, front: Front, control: Control
) -> None:
    up = False

    def opened() -> Control:
        if not up:
            raise Unavailable("the control store doesn't answer")
        return control

    facade = await front(settings("http://127.0.0.1:9"), open_control=opened, wait=False)
    assert (await get(f"{facade.url}/readyz"))[0] == 503
    live, words = await get(f"{facade.url}/healthz")
    assert live == 200
    assert "nobody knows who owns what" in words
    assert (await get(f"{facade.url}/parties/1"))[0] == 503
    up = True
    await until(lambda: facade.parts.health.readyz()[0] == 200)
    status, text, headers = await call(f"{facade.url}/parties/1", "GET")
    assert status == 502
    assert "connection_refused" in headers["Proxy-Status"]
    assert "the legacy ERP doesn't accept connections" in text


async def test_a_facade_that_comes_back_announces_itself_before_it_reads(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    """Else a conductor could fence between the two, see nobody, and go on."""
    order: list[str] = []

    class Watched(Control):
        def read(self):  # type: ignore[no-untyped-def]
            order.append("read")
            return super().read()

        def begin(self):  # type: ignore[no-untyped-def]
            order.append("begin")
            return super().begin()

    watched = Watched(control.engine)
    await front(settings((await serve(Echo("legacy"))).url), open_control=lambda: watched)
    assert order[:2] == ["begin", "read"]


async def test_slow_and_broken_upstreams_are_told_apart(serve: Serve, front: Front) -> None:
    legacy = Echo("legacy")
    legacy.gate = asyncio.Event()
    facade = await front(settings((await serve(legacy)).url, facade={"total_timeout": "200ms"}))
    status, _, headers = await call(f"{facade.url}/parties/1", "GET")
    assert status == 504
    assert "http_response_timeout" in headers["Proxy-Status"]


async def test_the_new_side_without_a_service_is_said_in_words(
    front: Front, serve: Serve, stand: Stand
) -> None:
    facade = await front(settings((await serve(Echo("legacy"))).url))
    await applied(facade, stand.stage(Stage.LIVE))
    status, text = await get(f"{facade.url}/parties/1")
    assert status == 503
    assert "functions.party.service isn't configured" in text


async def test_traffic_reaches_the_control_store_and_prometheus(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    facade = await front(settings((await serve(Echo("legacy"))).url, (await serve(Echo("new"))).url))
    await applied(facade, stand.stage(Stage.LIVE))
    for _ in range(3):
        await get(f"{facade.url}/parties/1")
    await until(lambda: ("party", "read", "new") in traffic.sums(control))
    assert traffic.sums(control)[("party", "read", "new")].calls == 3
    _, page = await get(f"{facade.url}/metrics")
    line = (
        'strangler_facade_requests_total{function="party",cohort="*",kind="read",side="new",status="200"} 3.0'
    )
    assert line in page


async def test_the_trace_is_passed_on_or_made(serve: Serve, front: Front) -> None:
    legacy = Echo("legacy")
    facade = await front(settings((await serve(legacy)).url))
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await get(f"{facade.url}/x", headers={"traceparent": given})
    await get(f"{facade.url}/x", headers={"traceparent": "nonsense"})
    first, second = (asked[2]["traceparent"] for asked in legacy.asked)
    assert first == given
    assert len(second) == 55


async def test_a_json_value_routes_the_call(serve: Serve, front: Front, stand: Stand) -> None:
    legacy, new = Echo("legacy"), Echo("new")
    facade = await front(settings((await serve(legacy)).url, (await serve(new)).url))
    await applied(facade, stand.stage(Stage.LIVE))

    async def side(body: bytes, **headers: str) -> tuple[int, str]:
        told = {"content-type": "application/json", **headers}
        return (await call(f"{facade.url}/rpc/", "POST", data=body, headers=told))[:2]

    assert await side(b'{"method":"party.write"}') == (200, "new")
    assert await side(b'{"method":"sale.write"}') == (200, "legacy")
    assert (await side(b"<xml/>", **{"content-type": "text/xml"}))[1] == "legacy"
    filler = b"x" * 3_000_000
    early = b'{"method":"party.write","data":"' + filler + b'"}'
    assert await side(early) == (200, "new")
    assert new.asked[-1][3] == early, "nothing of a long body is lost or changed"
    status, text = await side(b'{"data":"' + filler + b'","method":"party.write"}')
    assert status == 422
    assert "party" in text
    assert (await side(b"\x1f\x8b", **{"content-encoding": "gzip"}))[0] == 422
    before = len(new.asked), len(legacy.asked)
    twice = b'{"method":"sale.write","data":"' + filler + b'","method":"party.write"}'
    assert (await side(twice))[0] == 400
    assert (len(new.asked), len(legacy.asked)) == before, "a body that says two things arrives nowhere whole"


@pytest.mark.parametrize(
    ("media", "body", "answer"),
    [
        ("text/xml", b'{"method":"party.write"}', (200, "new")),
        ("application/x-www-form-urlencoded", b'{"method":"party.write"}', (200, "new")),
        ("application/json", b'[{"method":"party.write"}]', (422, "")),
        ("text/plain", b"nothing of the kind", (200, "legacy")),
    ],
)
async def test_no_label_of_a_body_leads_past_its_owner(
    serve: Serve, front: Front, stand: Stand, media: str, body: bytes, answer: tuple[int, str]
) -> None:
    facade = await front(settings((await serve(Echo("legacy"))).url, (await serve(Echo("new"))).url))
    await applied(facade, stand.stage(Stage.LIVE))
    told = await call(f"{facade.url}/rpc/", "POST", data=body, headers={"content-type": media})
    assert told[0] == answer[0]
    assert told[1] == answer[1] or answer[0] == 422


async def test_a_form_that_is_not_looked_into_shows_nothing(serve: Serve, front: Front, stand: Stand) -> None:
    form = [{"kind": "write", "match": {"path": "/save", "method": ["POST"], "form": {"action": "save"}}}]
    facade = await front(
        settings((await serve(Echo("legacy"))).url, (await serve(Echo("new"))).url, routes=form)
    )
    await applied(facade, stand.stage(Stage.LIVE))
    with aiohttp.MultipartWriter("form-data") as parts:
        parts.append("save", {"Content-Disposition": 'form-data; name="action"'})  # type: ignore[arg-type]
    assert (await call(f"{facade.url}/save", "POST", data=parts))[0] == 422
    plain = await call(f"{facade.url}/save", "POST", data={"action": "save"})
    assert plain[:2] == (200, "new")


async def test_requests_are_logged_one_line_each(
    serve: Serve, front: Front, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    facade = await front(settings((await serve(Echo("legacy"))).url))
    await get(f"{facade.url}/parties/1?password=secret")
    facade.parts.log.close()
    lines = [
        json.loads(line) for line in capfdbinary.readouterr().out.splitlines() if b"strangler.access" in line
    ]
    line = next(line for line in lines if line["path"] == "/parties/1")
    assert (line["function"], line["side"], line["status"]) == ("party", "legacy", 200)
    assert line["why"] == "in stage legacy legacy answers"
    assert "secret" not in str(lines)


def test_a_configuration_without_a_facade_is_refused_in_words(control: Control) -> None:
    from strangler.facade.server import facade

    bare = settings("http://127.0.0.1:1").model_copy(update={"facade": None})
    with pytest.raises(StranglerError, match="no facade"):
        facade(bare, lambda: control)


async def test_calls_of_one_decision_are_counted_before_and_after_a_flush(
    serve: Serve, front: Front, control: Control
) -> None:
    legacy = Echo("legacy")
    facade = await front(settings((await serve(legacy)).url))
    async with aiohttp.ClientSession() as session:  # one connection: so that most of them are plain ones
        for _ in range(3):
            for _ in range(5):
                async with session.get(f"{facade.url}/parties/1") as answer:
                    assert answer.status == 200
            await facade.parts.tally.flush(control)
    assert traffic.sums(control)["party", "read", "legacy"].calls == 15
