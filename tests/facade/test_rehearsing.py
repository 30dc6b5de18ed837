"""Writes put to the new service as dry runs: only where it says that it knows them, and never on a caller's time."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from strangler.control import comparisons, effects
from strangler.control.effects import WAITING, Effects, Expected
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Stage
from strangler.facade import rooms
from strangler.facade.declared import HEADER
from strangler.facade.lane import WORKERS
from strangler.facade.shadow import BODY
from strangler.facade.traffic import Tally
from tests.facade.conftest import Echo, Front, Running, Serve, Stand, applied, settings, until

EVENTS = b'[{"type":"PartyChanged","key":1,"data":{"id":1,"name":"a"}}]'


class Rehearsed(Echo):
    """A new service that knows dry runs, or says so: it declares by `declares`, answers `said` with `status` and the word `done`."""

    def __init__(self, said: bytes = EVENTS, *, declares: str = "understood", done: str = "done", status: int = 200) -> None:  # fmt: skip
        super().__init__("new")
        self.said, self.declares, self.done, self.status = said, declares, done, status
        self.ran: list[tuple[str, str]] = []
        """What it would have carried out."""

    @property
    def written(self) -> list[tuple[str, str]]:
        """The calls that were put to it which write."""
        return [each[:2] for each in self.asked if each[0] not in ("OPTIONS", "GET")]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/healthz":
            await super().__call__(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        self.asked.append((scope["method"], scope["raw_path"].decode(), headers, body))
        if self.gate is not None:
            await self.gate.wait()
        probed = scope["method"] == "OPTIONS"
        if not probed and headers.get(HEADER) != "1":
            self.ran.append((scope["method"], scope["path"]))
        word, said = (self.declares, b"") if probed else (self.done, self.said)
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(said)).encode())]
        head += [(HEADER.encode(), word.encode())] if word else []
        status = 204 if probed else self.status
        await send({"type": "http.response.start", "status": status, "headers": head if not probed else head[2:]})  # fmt: skip
        await send({"type": "http.response.body", "body": said})


async def rehearsing(
    serve: Serve, front: Front, stand: Stand, legacy: Echo, new: Echo, stage: Stage = Stage.SHADOW, **function: Any
) -> Running:  # fmt: skip
    configured = settings(
        (await serve(legacy)).url,
        (await serve(new)).url,
        facade={"shadow": {"noise": 0}},
        **{"shadow": {"writes": True}, **function},
    )
    facade = await front(configured)
    await applied(facade, stand.stage(stage))
    return facade


async def put(facade: Running, path: str = "/parties/1", body: bytes = b"{}", **headers: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"{facade.url}{path}", data=body, headers=headers) as response,
    ):
        await response.read()
        return response.status


async def counted(facade: Running, control: Control, **figures: int) -> None:
    """Wait until this is what was counted of writes."""
    async with asyncio.timeout(30):
        while True:
            await facade.parts.tally.flush(control)
            found = effects.sums(control, "party")
            if Effects(**figures, last_minute=found.last_minute) == found:
                return
            await asyncio.sleep(0.01)


async def expected(facade: Running, control: Control, count: int = 1) -> list[Expected]:
    async with asyncio.timeout(30):
        while True:
            await facade.parts.tally.flush(control)
            if len(found := effects.waiting(control, "party", time.time() + 1)) >= count:
                return found
            await asyncio.sleep(0.01)


async def test_what_new_foretells_waits_for_a_worker(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b"{}"), Rehearsed()
    facade = await rehearsing(serve, front, stand, legacy, new)
    headers = {"authorization": "secret", HEADER: "1", "idempotency-key": "k"}
    began = time.time()
    assert await put(facade, "/parties/1?x=1", b'{"name":"a"}', **headers) == 200
    [waits] = await expected(facade, control)
    probe, run = new.asked
    assert (probe[0], probe[1], probe[2][HEADER]) == ("OPTIONS", "/parties/1", "1")
    assert (run[0], run[2][HEADER], run[2]["x-strangler-shadow"], run[3]) == (
        "PUT",
        "1",
        "1",
        b'{"name":"a"}',
    )
    assert not {"authorization", "idempotency-key"} & run[2].keys()
    assert HEADER not in legacy.asked[0][2], "what a caller says of it isn't believed"
    assert effects.opened(control, waits).encode() == EVENTS
    assert waits.request.startswith("PUT /parties/1?x=1")
    assert began - 1 < waits.began < waits.ended < time.time() + 1
    await put(facade)
    await expected(facade, control, 2)
    assert [each[0] for each in new.asked] == ["OPTIONS", "PUT", "PUT"], "what it said of the path holds"
    await put(facade, "/parties/2")
    await expected(facade, control, 3)
    assert [each[0] for each in new.asked][3:] == ["OPTIONS", "PUT"], "of another path it is asked"


@pytest.mark.parametrize("stage", [Stage.LEGACY, Stage.SYNCING, Stage.LIVE])
async def test_only_while_both_sides_are_there_and_legacy_owns(
    stage: Stage, serve: Serve, front: Front, stand: Stand
) -> None:
    new = Rehearsed()
    facade = await rehearsing(serve, front, stand, Echo("legacy", b"{}"), new, stage)
    await put(facade)
    await applied(facade, stand.stage(Stage.CANARY))
    await put(facade, "/parties/2")
    await until(lambda: ("PUT", "/parties/2") in new.written)
    assert ("OPTIONS", "/parties/1") not in [each[:2] for each in new.asked]


async def test_writes_stay_with_legacy_where_nobody_asked_for_it(
    serve: Serve, front: Front, stand: Stand
) -> None:
    new = Rehearsed()
    facade = await rehearsing(serve, front, stand, Echo("legacy", b"{}"), new, shadow={})
    await put(facade)
    async with aiohttp.ClientSession() as session:
        await session.get(f"{facade.url}/parties/1")
    await until(lambda: bool(new.asked))
    assert [each[0] for each in new.asked] == ["GET"]


@pytest.mark.parametrize("word", ["", "1", "done", "yes"])
async def test_a_write_goes_to_no_service_that_doesnt_say_that_it_knows_dry_runs(
    word: str, serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    """Nor to one that only gives the header back."""
    new = Rehearsed(declares=word)
    facade = await rehearsing(serve, front, stand, Echo("legacy", b"{}"), new)
    for _ in range(3):
        await put(facade)
    await counted(facade, control, unasked=3)
    assert new.written == []
    assert len(new.asked) == 1, "that it doesn't know them holds too"
    [failure] = effects.failures(control, "party")
    assert (failure.outcome, failure.calls) == ("unasked", 3)


async def test_a_service_that_breaks_its_word_is_given_no_write_any_more(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    new = Rehearsed(done="")
    facade = await rehearsing(serve, front, stand, Echo("legacy", b"{}"), new)
    await put(facade)
    await counted(facade, control, failed=1)
    for path in ("/parties/1", "/parties/2"):
        await put(facade, path)
    await counted(facade, control, failed=1, unasked=2)
    assert new.written == [("PUT", "/parties/1")]


async def test_a_gate_keeper_that_knows_no_dry_runs_costs_the_path_its_credit(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    new = Rehearsed(done="", status=401)
    facade = await rehearsing(serve, front, stand, Echo("legacy", b"{}"), new)
    for _ in range(2):
        await put(facade)
    await counted(facade, control, failed=2)
    assert sorted(each[0] for each in new.asked) == ["OPTIONS", "OPTIONS", "PUT", "PUT"]


async def test_what_new_would_have_refused_is_another_effect(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    facade = await rehearsing(serve, front, stand, Echo("legacy", b"{}"), Rehearsed(b"{}", status=422))
    await put(facade)
    await counted(facade, control, mismatched=1)
    await until(lambda: bool(comparisons.mismatches(control, "party", kind="write")))
    [sample] = comparisons.mismatches(control, "party", kind="write")
    assert sample.differences == [{"path": "(status)", "kind": "value", "legacy": 200, "new": 422}]
    assert comparisons.mismatches(control, "party") == []


@pytest.mark.parametrize(
    ("said", "status", "why"),
    [
        (b"{", 200, "can't be read"),
        (b'{"a":1}', 200, "no list of events"),
        (b"[]", 201, "answered 201 to a dry run"),
        (b'[{"type":"A","data":{"a":"' + b"x" * 70_000 + b'"}}]', 200, "more than 65,536 bytes"),
    ],
)
async def test_a_dry_run_that_is_no_good_is_counted_apart(
    said: bytes, status: int, why: str, serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    facade = await rehearsing(serve, front, stand, Echo("legacy", b"{}"), Rehearsed(said, status=status))
    await put(facade)
    await counted(facade, control, failed=1)
    assert why in effects.failures(control, "party")[0].reason


class Refusing(Echo):
    """A legacy ERP that refuses every call with a status."""

    status = 409

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def changed(message: Any) -> None:
            await send({**message, "status": self.status} if "status" in message else message)

        await super().__call__(scope, receive, changed)


async def test_what_legacy_refused_is_put_to_nobody(serve: Serve, front: Front, stand: Stand) -> None:
    legacy, new = Refusing("legacy", b"{}"), Rehearsed()
    facade = await rehearsing(serve, front, stand, legacy, new)
    for legacy.status in (302, 409, 500):
        assert await put(facade) == legacy.status or legacy.status == 302
    legacy.status = 200
    await put(facade, "/parties/9")
    await until(lambda: bool(new.written))
    assert new.written == [("PUT", "/parties/9")]


JSONRPC = {
    "kind": "jsonrpc",
    "options": {"model": "party.party", "path": "/parties", "fields": {"id": "id", "name": "name"}},
}


async def test_a_fault_of_the_protocol_is_no_write_and_each_write_of_a_translation_is_a_dry_run(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    legacy, new = Echo("legacy", b'{"id":1,"error":["UserError",["no",""]]}'), Rehearsed()
    route = {"kind": "write", "match": {"path": "/rpc/", "json": {"method": ["model.party.party.*"]}}}
    route["match"]["json"] = {"method": ["model.party.party.write"]}
    facade = await rehearsing(serve, front, stand, legacy, new, protocol=JSONRPC, routes=[route])

    async def write(id: int) -> None:
        call = {"id": 1, "method": "model.party.party.write", "params": [[id], {"name": "a"}, {}]}
        async with aiohttp.ClientSession() as session:
            await session.post(f"{facade.url}/rpc/", json=call)

    await write(7)
    legacy.body = b'{"id":1,"result":null}'
    await write(1)
    [waits] = await expected(facade, control)
    assert [each[:2] for each in new.asked] == [("OPTIONS", "/parties/1"), ("PATCH", "/parties/1")]
    assert json.loads(new.asked[1][3]) == {"name": "a"}
    assert effects.opened(control, waits).encode() == EVENTS


async def test_invariant_9_a_hung_service_delays_no_writer_and_drops_are_counted(
    serve: Serve, front: Front, stand: Stand, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "AT_FIRST", (3 + WORKERS) * rooms.LANES)
    new = Rehearsed()
    new.gate = asyncio.Event()
    facade = await rehearsing(
        serve, front, stand, Echo("legacy", b"{}"), new, shadow={"writes": True, "timeout": "1h"}
    )
    began = time.monotonic()
    for _ in range(30):
        assert await put(facade) == 200
    assert time.monotonic() - began < 5
    await until(lambda: len(new.asked) == WORKERS)
    await counted(facade, control, dropped=30 - 3 - WORKERS)
    new.gate.set()
    await expected(facade, control, 3 + WORKERS)


async def test_a_service_that_never_answers_gets_no_more_room_for_writes_that_waited_too_long(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    new = Rehearsed()
    new.gate = asyncio.Event()
    facade = await rehearsing(
        serve, front, stand, Echo("legacy", b"{}"), new, shadow={"writes": True, "timeout": "200ms"}
    )
    space = facade.parts.shadow.space(("party", "write"))
    assert space is not None
    for _ in range(4):
        for _ in range(2 * WORKERS):
            await put(facade)
        await until(lambda: not space.inside)
    assert space.candidate.most < rooms.AT_FIRST
    new.gate.set()


async def test_a_write_too_long_to_keep_is_dropped(
    serve: Serve, front: Front, stand: Stand, control: Control
) -> None:
    new = Rehearsed()
    facade = await rehearsing(serve, front, stand, Echo("legacy", b"{}"), new)
    await put(facade, body=bytes(BODY + 1))
    await counted(facade, control, dropped=1)
    assert new.asked == []


async def test_what_waits_in_the_control_store_is_bounded(control: Control) -> None:
    tally, now = Tally("f", lambda *told: None), time.time()
    for number in range(WAITING + 5):
        tally.expect(Expected("party", EVERYONE, 0.0, now, now + number, "PUT /", None, "[]"))
    await tally.flush(control)
    tally.expect(Expected("party", EVERYONE, 0.0, now, now, "PUT /", None, "[]"))
    await tally.flush(control)
    await tally.flush(control)
    assert len(effects.waiting(control, "party", now + 2 * WAITING)) == WAITING
    assert effects.sums(control, "party").dropped == 6


async def test_what_is_foretold_is_encrypted_where_there_is_a_cipher(tmp_path: Path) -> None:
    from strangler.encryption import Cipher
    from strangler.settings import Encryption

    section = Encryption.model_validate(
        {"key": "k", "keys": {"k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}}
    )
    waits = Expected("party", EVERYONE, 0.0, 1.0, 2.0, "PUT /", None, '[{"type":"canary"}]')
    with Control.open(f"sqlite:///{tmp_path}/control.db", cipher=Cipher(section)) as control:
        effects.expect(control, [waits])
        [kept] = effects.waiting(control, "party", 3.0)
        assert effects.opened(control, kept) == waits.events
    with sqlite3.connect(tmp_path / "control.db") as raw:
        assert "canary" not in str(raw.execute("SELECT * FROM expected_effect").fetchall())
