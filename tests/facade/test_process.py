"""`strangler facade` as a process: memory under long bodies, the signal to stop, and errors in words."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from strangler.control import facades
from strangler.control.store import Control
from tests.facade.conftest import Echo, Serve, until

MEGABYTE = 1024 * 1024
LENGTH = 20 * MEGABYTE

CONFIGURATION = """
name: test
sources: {{erp: {{kind: sqlite, url: 'sqlite:///erp.db'}}}}
stores: {{new: {{url: 'sqlite:///new.db'}}}}
facade: {{port: 0, legacy: '{legacy}'}}
functions:
  party:
    source: erp
    store: new
    service: {{url: 'http://127.0.0.1:9'}}
    entities: {{party: {{table: party, key: id, fields: {{id: id}}}}}}
    routes:
      - {{kind: write, match: {{path: '/parties/{{id}}'}}}}
      - {{kind: write, match: {{path: /rpc/, json: {{method: [party.write]}}}}}}
"""


class Started:
    """A running `strangler facade`."""

    def __init__(self, process: Process, url: str) -> None:
        self.process, self.url = process, url

    def memory(self) -> int:
        """The most memory that it ever had, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


Start = Callable[..., Awaitable[Started]]


def command(directory: Path, legacy: str, *options: str) -> list[str]:
    (directory / "strangler.yaml").write_text(CONFIGURATION.format(legacy=legacy))
    run = "from strangler.cli.main import main; main()"
    return [sys.executable, "-c", run, "-c", str(directory / "strangler.yaml"), "facade", *options]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def started(legacy: str, *options: str) -> Started:
            process = await asyncio.create_subprocess_exec(
                *command(tmp_path, legacy, *options), stdout=PIPE, cwd=tmp_path
            )
            stack.push_async_callback(_end, process)
            assert process.stdout is not None
            async with asyncio.timeout(120):
                line = b"-"
                while line and not (found := re.search(rb"listens on (http://[\d.:]+)", line)):
                    line = await process.stdout.readline()
                assert found, "it ended before it listened"
                url = found[1].decode()
                drain = asyncio.create_task(process.stdout.read())
                stack.callback(drain.cancel)
                async with aiohttp.ClientSession() as session:
                    while not await _ready(session, url):
                        await asyncio.sleep(0.05)
            return Started(process, url)

        yield started


async def _ready(session: aiohttp.ClientSession, url: str) -> bool:
    async with session.get(f"{url}/readyz") as response:
        return response.status == 200


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


async def long_bodies(scope: Any, receive: Any, send: Any) -> None:
    """An upstream that takes any body and answers how long it was, then sends a long one back, never holding either."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-size", str(size).encode())]})
    for _ in range(LENGTH // MEGABYTE):
        await send({"type": "http.response.body", "body": b"y" * MEGABYTE, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def slowly(first: bytes) -> AsyncIterator[bytes]:
    yield first
    for _ in range(LENGTH // MEGABYTE):
        yield b"x" * MEGABYTE
    yield b'"}'


@pytest.mark.parametrize("path", ["/other", "/parties/1", "/rpc/"])
async def test_long_bodies_stream_both_ways_in_flat_memory(serve: Serve, start: Start, path: str) -> None:
    facade = await start((await serve(long_bodies)).url)
    first = b'{"method":"party.write","data":"'
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{facade.url}{path}", data=b"{}") as response:
            await response.read()
        before = facade.memory()
        async with session.post(f"{facade.url}{path}", data=slowly(first)) as response:
            assert response.status == 200
            assert int(response.headers["x-size"]) == LENGTH + len(first) + 2
            size = 0
            async for piece in response.content.iter_any():
                size += len(piece)
                await asyncio.sleep(0)
    assert size == LENGTH
    assert facade.memory() - before < 6 * MEGABYTE


async def test_a_slow_caller_holds_the_upstream_back(serve: Serve, start: Start) -> None:
    """Nobody reads, so the facade must stop to read too: what isn't wanted yet isn't held."""
    facade = await start((await serve(long_bodies)).url)
    async with aiohttp.ClientSession(read_bufsize=1024) as session:
        async with session.get(f"{facade.url}/other") as response:
            await response.read()
        before = facade.memory()
        responses = [await session.get(f"{facade.url}/other") for _ in range(5)]
        sizes = [await response.content.readany() for response in responses]
        assert all(sizes)
        assert facade.memory() - before < LENGTH, "less than one of the five bodies"
        for response in responses:
            response.close()


async def test_a_signal_ends_it_when_calls_under_way_are_done(
    serve: Serve, start: Start, tmp_path: Path
) -> None:
    legacy = Echo("legacy")
    legacy.gate = asyncio.Event()
    facade = await start((await serve(legacy)).url)
    async with aiohttp.ClientSession() as session:

        async def write() -> str:
            async with session.put(f"{facade.url}/parties/1", data=b"x") as response:
                return await response.text()

        under_way = asyncio.create_task(write())
        await until(lambda: len(legacy.asked) == 1)
        with Control.open(f"sqlite:///{tmp_path}/.strangler/control.db") as control:
            assert [f.address for f in facades.live(control, now=0)] == [facade.url]
            facade.process.send_signal(signal.SIGTERM)
            await until(lambda: not _accepts(facade.url))
            assert not under_way.done()
            legacy.gate.set()
            assert await under_way == "legacy"
            async with asyncio.timeout(60):
                assert await facade.process.wait() == 0
            assert facades.live(control, now=0) == []


@pytest.mark.slow
async def test_several_workers_answer_on_one_address_and_one_that_dies_comes_back(
    serve: Serve, start: Start, tmp_path: Path
) -> None:
    facade = await start((await serve(Echo("legacy"))).url, "--workers", "2")

    def workers() -> list[psutil.Process]:
        # Beside them there is multiprocessing's own.
        found = psutil.Process(facade.process.pid).children()
        living = [child for child in found if child.status() != psutil.STATUS_ZOMBIE]
        return [child for child in living if "spawn_main" in " ".join(child.cmdline())]

    with Control.open(f"sqlite:///{tmp_path}/.strangler/control.db") as control:
        await until(lambda: len(facades.live(control, now=0)) == 2, 60)
        before = {line.id for line in facades.live(control, now=0)}
        first, second = workers()
        first.kill()
        async with aiohttp.ClientSession() as session:
            await until(
                lambda: len(workers()) == 2 and {w.pid for w in workers()} != {first.pid, second.pid}, 60
            )
            await until(lambda: len({line.id for line in facades.live(control, now=0)} - before) == 1, 60)
            # It says that it is there before it reads who owns what, and answers from then on.
            in_a_row = 0
            async with asyncio.timeout(60):
                while in_a_row < 20:
                    async with session.get(
                        f"{facade.url}/parties/1", headers={"connection": "close"}
                    ) as response:
                        told = response.status, await response.text()
                    assert told == (200, "legacy") or (told[0] == 503 and "control store" in told[1])
                    in_a_row = in_a_row + 1 if told[0] == 200 else 0
        facade.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await facade.process.wait() == 0
        # The killed one couldn't say goodbye; that it is gone is seen by its silence.
        assert {line.id for line in facades.live(control, now=0)} <= before


def _accepts(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


async def test_a_taken_port_is_told_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = await asyncio.create_subprocess_exec(
            *command(tmp_path, "http://127.0.0.1:9", "--port", port), stdout=PIPE, stderr=PIPE, cwd=tmp_path
        )
        _, told = await process.communicate()
    assert process.returncode == 2
    assert f"can't listen on 127.0.0.1:{port}".encode() in told
    assert b"Traceback" not in told
