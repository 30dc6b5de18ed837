"""What a facade remembers of calls: documents that stay where they were begun, and writes that the store may not have yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from strangler.changes import Position
from strangler.control import deliveries, facades, pins, quarantine, sources
from strangler.control.deliveries import DeliveryRecord
from strangler.control.sources import SILENCE, SourceRecord
from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage
from strangler.errors import StoreError
from strangler.facade.admin.outlook import inside
from strangler.facade.begun import Begun
from strangler.facade.pins import PinBoard
from strangler.facade.recent import SIGHTINGS, Passing, Recent
from strangler.facade.standing import CLOCKS
from strangler.routing import Asked, Who
from strangler.settings import Created
from tests.facade.conftest import Echo, Front, Running, Serve, Stand, applied, settings, until

# How far sync is


def source(position: str, seen: float, committed: float, **more: Any) -> SourceRecord:
    return SourceRecord("erp", "slot", Position(position), seen, committed, **{"error": None, **more})


def delivery(position: str, error: str | None = None) -> DeliveryRecord:
    return DeliveryRecord("party", Position(position), 1, 0, 0, None, 0.0, error)


@pytest.mark.parametrize(
    ("heard", "delivered", "held", "passed"),
    [
        (source("5", 100.0, 99.0), delivery("5"), 0, 99.0 - CLOCKS),
        (source("5", 100.0, 99.0), delivery("6"), 0, 99.0 - CLOCKS),
        (source("5", 100.0, 99.0), delivery("4"), 0, 0.0),
        (source("5", 100.0, 99.0), delivery("5", "the store is away"), 0, 0.0),
        (source("5", 100.0, 99.0), delivery("5"), 1, 0.0),
        (source("5", 100.0, 99.0), None, 0, 0.0),
        (source("5", 100.0, 99.0, error="the slot is lost"), delivery("5"), 0, 0.0),
        (None, delivery("5"), 0, 0.0),
        (source("5", 100.0, 100.0), delivery("5"), 0, 100.0 - CLOCKS - SILENCE),
        (source("5", 100.0, 100.0, behind=0), delivery("5"), 0, 100.0 - CLOCKS),
        (source("5", 100.0, 100.0, behind=3), delivery("5"), 0, 0.0),
        (source("5", 100.0, 100.0, behind=3, changed_at=60.0), delivery("5"), 0, 60.0 - CLOCKS),
        (source("5", 100.0, 200.0), delivery("5"), 0, 100.0 - CLOCKS - SILENCE),
        (source("5", 100.0, 100.0, changed_at=99.0), delivery("5"), 0, 99.0 - CLOCKS),
        (source("5", 100.0, 100.0, changed_at=60.0), delivery("5"), 0, 100.0 - CLOCKS - SILENCE),
        (source("5", 100.0, 100.0, changed_at=200.0), delivery("5"), 0, 100.0 - CLOCKS),
        (source("5", 100.0, 98.0, changed_at=97.0), delivery("5"), 0, 98.0 - CLOCKS),
    ],
)
def test_what_sync_has_passed_is_what_is_sure(
    heard: SourceRecord | None, delivered: DeliveryRecord | None, held: int, passed: float
) -> None:
    progress = Passing()
    progress.look(heard, delivered, held)
    assert progress.passed == passed


def test_delivery_may_come_by_much_later_and_nothing_grows_meanwhile() -> None:
    progress = Passing()
    for moment in range(10 * SIGHTINGS):
        progress.look(source(f"{moment:04}", 1000.0 + moment, 999.0 + moment), delivery("0000"), 0)
    assert len(progress._ahead) <= SIGHTINGS
    assert progress.passed == 999.0 - CLOCKS
    last = 10 * SIGHTINGS - 1
    progress.look(None, delivery(f"{last:04}"), 0)
    assert progress.passed == 999.0 + last - CLOCKS


def test_a_write_waits_until_sync_has_passed_it_and_is_forgotten_then() -> None:
    recent = Recent(most=10)
    recent.note((1, 2), 50.0)
    recent.note((3,), 60.0)
    assert recent.waits((1,), 0.0)
    assert recent.waits((9, 2), 0.0)
    assert not recent.waits((9,), 0.0)
    assert recent.waits((9,), 10.0), "its cookie says so"
    recent.progress.look(source("5", 70.0, 55.0 + CLOCKS), delivery("5"), 0)
    recent.forget()
    assert len(recent) == 1
    assert not recent.waits((1, 2), 55.0)
    assert recent.waits((3,), 0.0)
    assert recent.waits((1,), 56.0)


def test_with_more_writes_than_are_remembered_everybody_waits() -> None:
    recent = Recent(most=2)
    for sign in range(5):
        recent.note((sign,), 10.0 + sign)
    assert len(recent) <= 2
    assert recent.waits((99,), 0.0)
    recent.progress.look(source("5", 70.0, 14.0 + CLOCKS), delivery("5"), 0)
    assert not recent.waits((99,), 0.0)


# Documents, held


def test_documents_are_held_as_far_as_there_is_room_and_time() -> None:
    now = [100.0]
    board = PinBoard(2, lambda: now[0])
    for key, side, keep in (("1", Side.LEGACY, 10.0), ("2", Side.NEW, 20.0), ("3", Side.NEW, 30.0)):
        board.begin("order", key, side, keep)
    board.begin("order", "1", Side.NEW, 99.0)
    held = board.of("order")
    assert held is not None
    assert [held.side(key) for key in "123"] == [Side.LEGACY, Side.NEW, None]
    assert (held.sides, held.unheld, len(board)) == ({Side.LEGACY, Side.NEW}, {Side.NEW}, 2)
    now[0] = 115.0
    assert held.side("1") is None
    board.learn(7, [])
    assert (held.sides, held.unheld, len(board), board.seq) == ({Side.NEW}, {Side.NEW}, 1, 7)
    now[0] = 135.0
    board.learn(8, [])
    assert (held.sides, held.unheld, len(board)) == (frozenset(), frozenset(), 0)
    assert [each.key for each in board.take()] == ["1", "2", "3", "1"]
    assert board.take() == []


# Documents, begun


@pytest.mark.parametrize(
    ("section", "status", "headers", "body", "key"),
    [
        ({"json": "id"}, 200, {}, b'{"id": 7}', "7"),
        ({"json": "id"}, 201, {}, b'{"name": "x", "id": "A/7"}', "A/7"),
        ({"json": "result.0"}, 200, {}, b'{"result": [92]}', "92"),
        ({"json": "id"}, 200, {}, b'{"error": "no"}', None),
        ({"json": "id"}, 422, {}, b'{"id": 7}', None),
        ({"json": "id"}, 500, {}, b'{"id": 7}', None),
        ({"json": "id"}, 200, {"encoding": "gzip"}, b"\x1f\x8b", None),
        ({"location": "/orders/{id}"}, 201, {"location": "/orders/7"}, b"", "7"),
        ({"location": "/orders/{id}"}, 303, {"location": "https://erp/orders/A%2F7/?x=1"}, b"", "A/7"),
        ({"location": "/orders/{id}"}, 302, {"location": "/login"}, b"", None),
        ({"location": "/orders/{id}"}, 302, {"location": "/parties/7"}, b"", None),
        ({"location": "/card.php?id={id}"}, 302, {"location": "/card.php?mode=x&id=7"}, b"", "7"),
        ({"location": "/card.php?id={id}"}, 302, {"location": "/list.php?id=7"}, b"", None),
        ({"location": "/orders/{id}"}, 200, {}, b"", None),
    ],
)
def test_an_answer_tells_which_document_was_begun(
    section: dict[str, str], status: int, headers: Mapping[str, str], body: bytes, key: str | None
) -> None:
    begun = Begun(Created.model_validate(section), None)
    begun.head(status, headers.get("location"), headers.get("encoding"))
    for byte in range(0, len(body), 3):
        begun.piece(body[byte : byte + 3])
    assert begun.key() == key


def test_a_call_about_a_document_begins_none_unless_it_is_created() -> None:
    for status, key in ((200, None), (204, None), (201, "7")):
        begun = Begun(Created.model_validate({"location": "/orders/{id}"}), "7")
        begun.head(status, None, None)
        assert begun.key() == key


# In facades


class Orders(Echo):
    """An upstream that begins documents: its answers number them, from `first`."""

    def __init__(self, name: str, first: int) -> None:
        super().__init__(name)
        self._next = first

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            self.body = b'{"id": %d}' % self._next
            self._next += 1
        else:
            self.body = None
        await super().__call__(scope, receive, send)


ROUTES = [
    {"kind": "read", "match": {"path": "/orders/{id}", "method": ["GET"]}},
    {"kind": "write", "match": {"path": "/orders/{id}", "method": ["PUT"]}},
    {"kind": "write", "match": {"path": "/orders", "method": ["POST"]}},
]
DOCUMENTS = {"key": [{"path": "id"}], "created": {"json": "id"}}


async def ask(running: Running, method: str, path: str, **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session:
        call = session.request(
            method, running.url + path, headers=named, data=b"x" if method != "GET" else None
        )
        async with call as response:
            return await response.text()


async def test_a_document_stays_over_a_switch_in_every_facade_and_over_a_restart(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = await serve(Orders("legacy", 1)), await serve(Orders("new", 1001))
    configured = settings(legacy.url, new.url, routes=ROUTES, documents=DOCUMENTS)
    one, two = await front(configured), await front(configured)
    await applied(one, stand.stage(Stage.CANARY))
    assert await ask(one, "POST", "/orders") == '{"id": 1}'
    await fence(stand, control, one, two)
    assert pins.find(control, "party", "1", now=time.time()) is Side.LEGACY
    live = stand.stage(Stage.LIVE)
    three = await front(configured)
    for running in (one, two, three):
        await applied(running, live)
        assert await ask(running, "PUT", "/orders/1") == "legacy"
        assert await ask(running, "GET", "/orders/1") == "legacy"
        assert await ask(running, "PUT", "/orders/2") == "new"
        explain = inside(running.parts, lambda: None).explain
        told = [explain(Asked("PUT", f"/orders/{key}", {}), {}, Who("")).side for key in "12"]
        assert told == ["legacy", "new"], "it is explained as it is decided"
    assert await ask(two, "POST", "/orders") == '{"id": 1001}'
    await fence(stand, control, one, two, three)
    back = stand.stage(Stage.SYNCING)
    for running in (one, two, three):
        await applied(running, back)
        assert await ask(running, "PUT", "/orders/1001") == "new"
        assert await ask(running, "PUT", "/orders/1") == "legacy"


async def fence(stand: Stand, control: Control, *running: Running) -> None:
    """Fence, and wait until every facade has acknowledged it, as a switch does."""
    fenced = stand.move(fenced=True)
    for each in running:
        await until(lambda each=each: acknowledged(control, each) >= fenced)  # type: ignore[misc]


def acknowledged(control: Control, running: Running) -> int:
    return next((each.generation for each in facades.live(control, now=0) if each.id == running.parts.id), -1)


async def test_invariant_5_no_fence_is_acknowledged_before_all_know_what_was_begun(
    serve: Serve, front: Front, stand: Stand, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    legacy, new = await serve(Orders("legacy", 1)), await serve(Orders("new", 1001))
    facade = await front(settings(legacy.url, new.url, routes=ROUTES, documents=DOCUMENTS))
    canary = stand.stage(Stage.CANARY)
    await until(lambda: acknowledged(control, facade) == canary)
    tried = asyncio.Event()

    def fail(*_: Any, **__: Any) -> None:
        loop.call_soon_threadsafe(tried.set)
        raise StoreError("the disk is full")

    loop, add = asyncio.get_running_loop(), pins.add
    monkeypatch.setattr(pins, "add", fail)
    await ask(facade, "POST", "/orders")
    await tried.wait()
    stand.move(fenced=True)
    for _ in range(3):
        tried.clear()
        await tried.wait()
    assert acknowledged(control, facade) == canary
    monkeypatch.setattr(pins, "add", add)
    await until(lambda: acknowledged(control, facade) > canary)
    assert pins.find(control, "party", "1", now=time.time()) is Side.LEGACY


def synced(control: Control, *, ahead: float) -> None:
    """Sync is as far as can be, at a moment that is `ahead` seconds from now."""
    at = time.time() + ahead
    sources.remember(control, "erp", "slot")
    sources.seen(control, "erp", Position("9"), seen_at=at, committed_at=at - 1)
    deliveries.report(control, "party", position=Position("9"), generation=1, rows=0, late_writes=0, lag=None)


async def test_who_wrote_to_legacy_reads_from_legacy_until_sync_has_passed_it(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = await serve(Echo("legacy")), await serve(Echo("new"))
    facade = await front(settings(legacy.url, new.url))
    await applied(facade, stand.stage(Stage.CANARY, weight=10_000))
    assert await ask(facade, "GET", "/parties/1", authorization="anna") == "new"
    assert await ask(facade, "PUT", "/parties/1", authorization="anna") == "legacy"
    synced(control, ahead=0.0)
    for _ in range(2):
        await facade.parts.keeper.round()
    assert await ask(facade, "GET", "/parties/1", authorization="anna") == "legacy"
    assert await ask(facade, "GET", "/parties/1", authorization="berta") == "new"
    synced(control, ahead=60.0)
    async with asyncio.timeout(30):
        while await ask(facade, "GET", "/parties/1", authorization="anna") != "new":
            await facade.parts.keeper.round()
    assert quarantine.counts(control) == {}


async def test_other_facades_know_of_a_write_by_the_callers_cookie(
    serve: Serve, front: Front, stand: Stand
) -> None:
    legacy, new = await serve(Echo("legacy")), await serve(Echo("new"))
    configured = settings(legacy.url, new.url, facade={"read_your_writes": {"cookie": True}})
    one, two = await front(configured), await front(configured)
    canary = stand.stage(Stage.CANARY, weight=10_000)
    for running in (one, two):
        await applied(running, canary)
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"{one.url}/parties/1", data=b"x", headers={"authorization": "anna"}) as response,
    ):
        told = response.headers["set-cookie"]
    assert "HttpOnly" in told
    cookie = told.partition(";")[0]
    assert await ask(two, "GET", "/parties/1", authorization="anna") == "new"
    assert await ask(two, "GET", "/parties/1", authorization="anna", cookie=cookie) == "legacy"
    name = cookie.partition("=")[0]
    for wrong in ("x", "", "9" * 20, "1e9", "-5"):
        assert await ask(two, "GET", "/parties/1", cookie=f"{name}={wrong}") == "new"


async def test_a_testers_secret_reaches_neither_side(serve: Serve, front: Front, stand: Stand) -> None:
    old, fresh = Echo("legacy"), Echo("new")
    secret = "the testers' own secret"
    configured = settings(
        (await serve(old)).url, (await serve(fresh)).url, facade={"overrides": {"allow": [{"token": secret}]}}
    )
    facade = await front(configured)
    await applied(facade, stand.stage(Stage.SHADOW))
    wished = {"x_strangler_side": "new", "x_strangler_token": secret}
    assert await ask(facade, "GET", "/parties/1", **wished) == "new"
    assert await ask(facade, "GET", "/parties/1", **{**wished, "x_strangler_token": "wrong"}) == "legacy"
    assert await ask(facade, "PUT", "/parties/1", **wished) == "legacy"
    for _, _, headers, _ in [*old.asked, *fresh.asked]:
        assert not [name for name in headers if name in ("x-strangler-side", "x-strangler-token")]


@pytest.mark.parametrize("location", ["http://[bad", "http://[/orders/7", "//[/orders/7"])
def test_a_location_that_is_no_url_tells_no_key(location: str) -> None:
    begun = Begun(Created(location="/orders/{id}"), None)
    begun.head(201, location, None)
    assert begun.key() is None
