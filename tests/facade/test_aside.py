"""Shadow in a process of its own: it compares the same, is bounded, and is begun anew when it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from strangler.control import comparisons, effects
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Stage
from strangler.facade import aside, rooms
from strangler.facade.aside import Aside
from strangler.facade.exchange import Exchange
from strangler.facade.lane import WORKERS
from strangler.facade.parts import Parts
from strangler.facade.server import Facade
from strangler.settings import Database, Settings
from tests.facade.conftest import Echo, Running, Serve, Stand, applied, fronting, settings, until
from tests.facade.test_rehearsing import Rehearsed, put

BEGINS = 120
"""Seconds in which a process has begun, also where others have the cores."""


def configured(tmp_path: Path, legacy: str, new: str, **shadow: Any) -> Settings:
    made = settings(
        legacy, new, facade={"shadow": {"noise": 0, "settle": "0s", **shadow}}, shadow={"writes": True}
    )
    # The other process opens the control store by itself.
    return made.model_copy(update={"control": Database.model_validate({"url": f"sqlite:///{tmp_path}/control.db"})})  # fmt: skip


@asynccontextmanager
async def apart(made: Settings, control: Control, stand: Stand) -> AsyncIterator[Running]:
    async with fronting(Facade(Parts(made, lambda: control, apart=True))) as running:
        await applied(running, stand.stage(Stage.SHADOW))
        yield running


async def read(facade: Running, path: str = "/parties/1") -> bytes:
    async with aiohttp.ClientSession() as session, session.get(f"{facade.url}{path}") as answer:
        return await answer.read()


def process(facade: Running) -> int:
    """The process that compares."""
    begun = [each.read_text().split() for each in Path("/proc/self/task").glob("*/children")]
    lines = {int(each): Path(f"/proc/{each}/cmdline").read_text() for one in begun for each in one}
    [found] = [each for each, line in lines.items() if "spawn_main" in line]
    return found


async def dropped(facade: Running) -> float:
    await facade.parts.tally.flush(None)
    return shown(facade)


def shown(facade: Running) -> float:
    """Calls that metrics show as dropped."""
    return float(facade.parts.metrics.shadow.labels("party", EVERYONE, "dropped")._value.get())


async def test_reads_and_writes_are_put_to_new_by_another_process(
    serve: Serve, stand: Stand, control: Control, tmp_path: Path
) -> None:
    legacy, new = Echo("legacy", b'{"name":"a"}'), Rehearsed(b'{"name":"b"}')
    made = configured(tmp_path, (await serve(legacy)).url, (await serve(new)).url)
    async with apart(made, control, stand) as facade:
        assert await read(facade) == legacy.body
        await until(lambda: comparisons.sums(control, "party").mismatched == 1, BEGINS)
        new.said = b"[]"
        await put(facade)
        await until(lambda: len(effects.waiting(control, "party", 2e9)) == 1)
        counter = facade.parts.metrics.shadow.labels("party", EVERYONE, "mismatched")
        await until(lambda: counter._value.get() == 1)
        assert all(
            headers["x-strangler-shadow"] == "1" for method, _, headers, _ in new.asked if method != "OPTIONS"
        )


async def test_what_finds_no_room_over_there_is_dropped_here(
    serve: Serve, stand: Stand, control: Control, tmp_path: Path
) -> None:
    legacy, new = Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":1}')
    new.gate = asyncio.Event()
    made = configured(tmp_path, (await serve(legacy)).url, (await serve(new)).url, queue=3, timeout="1h")
    async with apart(made, control, stand) as facade:
        for _ in range(50):
            await read(facade)
        assert await dropped(facade) == 50 - 3 - WORKERS
        await until(lambda: len(new.asked) == WORKERS, BEGINS)
        new.gate.set()
        await until(lambda: comparisons.sums(control, "party").matched == 3 + WORKERS)
        await read(facade)
        await until(lambda: comparisons.sums(control, "party").matched == 4 + WORKERS)


async def test_what_finds_no_room_is_a_plain_call(
    serve: Serve, stand: Stand, control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All functions of a candidate share its room, here that of its beginning; beyond it nothing is kept or copied for callers' calls."""
    monkeypatch.setattr(rooms, "AT_FIRST", 5 * rooms.LANES)
    careful: list[str] = []
    begin = Exchange.begin
    monkeypatch.setattr(Exchange, "begin", lambda self: (careful.append(self.request.target), begin(self))[1])
    legacy, new = Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":1}')
    new.gate = asyncio.Event()
    made = configured(tmp_path, (await serve(legacy)).url, (await serve(new)).url, timeout="1h")
    async with apart(made, control, stand) as facade, aiohttp.ClientSession() as session:
        for _ in range(30):
            async with session.get(f"{facade.url}/parties/1") as answer:
                assert await answer.read() == legacy.body
        assert await dropped(facade) == 30 - 5
        assert len(careful) == 5, "those that are compared"
        new.gate.set()
        await until(lambda: comparisons.sums(control, "party").matched == 5, BEGINS)
        await facade.parts.tally.flush(control)
        assert comparisons.sums(control, "party").dropped == 30 - 5


async def test_a_process_that_ends_costs_no_caller_anything_and_another_one_begins(
    serve: Serve, stand: Stand, control: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "AGAIN", 0.1)
    legacy, new = Echo("legacy", b'{"a":1}'), Echo("new", b'{"a":1}')
    new.gate = asyncio.Event()
    made = configured(tmp_path, (await serve(legacy)).url, (await serve(new)).url, timeout="1h")
    async with apart(made, control, stand) as facade:
        assert await read(facade) == legacy.body
        await until(lambda: len(new.asked) == 1, BEGINS)
        assert isinstance(facade.parts.shadow, Aside)
        os.kill(process(facade), signal.SIGKILL)
        assert await read(facade) == legacy.body
        await until(lambda: shown(facade) >= 1)
        new.gate.set()
        await read(facade)
        await until(lambda: comparisons.sums(control, "party").matched >= 1, BEGINS)
