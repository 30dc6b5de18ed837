"""A facade on a real socket between real servers: everything runs under uvicorn on loopback, in the test's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from strangler.control import standings
from strangler.control.store import Control
from strangler.cutover.stages import Side, Stage
from strangler.facade.parts import Parts
from strangler.facade.server import Facade, address_of, listen
from strangler.settings import Settings

App = Callable[[Any, Any, Any], Awaitable[None]]

ENTITY = {"table": "party_party", "key": "id", "fields": {"id": "id"}}
ROUTES = [
    {"kind": "read", "match": {"path": "/parties/{rest:path}", "method": ["GET"]}},
    {
        "kind": "write",
        "match": {"path": "/parties/{rest:path}", "method": ["POST", "PUT", "PATCH", "DELETE"]},
    },
    {"kind": "read", "match": {"path": "/rpc/", "method": ["POST"], "json": {"method": ["party.read"]}}},
    {"kind": "write", "match": {"path": "/rpc/", "method": ["POST"], "json": {"method": ["party.write"]}}},
]


def settings(
    legacy: str, new: str | None = None, *, facade: dict[str, Any] | None = None, **function: Any
) -> Settings:
    """A configuration with one function, `party`."""
    party = {"source": "erp", "store": "new", "entities": {"party": ENTITY}, "routes": ROUTES, **function}
    if new is not None:
        party["service"] = {"url": new}
    return Settings.model_validate(
        {
            "name": "test",
            "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
            "stores": {"new": {"url": "sqlite:///new.db"}},
            "facade": {"legacy": legacy, "total_timeout": "20s", "doubtful_write": "100ms", **(facade or {})},
            "functions": {"party": party},
        }
    )


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition; a test that waits in vain fails."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


class Running:
    """A server that runs: its URL, and the facade where it is one."""

    def __init__(self, url: str, facade: Facade | None = None) -> None:
        self.url, self.facade = url, facade
        self.host, self.port = url.removeprefix("http://").split(":")

    @property
    def parts(self) -> Parts:
        assert self.facade is not None
        return self.facade.parts


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[Running]:
    """Serve an ASGI application on a free port."""
    with listen("127.0.0.1", 0) as listener:
        running = uvicorn.Server(
            uvicorn.Config(app, ws="none", lifespan="off", access_log=False, log_config=None)
        )
        running.config.timeout_graceful_shutdown = 1
        # uvicorn would take over Ctrl-C, which belongs to pytest.
        task = asyncio.create_task(running._serve(sockets=[listener]))
        try:
            await until(lambda: running.started or task.done())
            yield Running(address_of(listener))
        finally:
            running.should_exit = True
            await task


@asynccontextmanager
async def fronting(facade: Facade) -> AsyncIterator[Running]:
    """Run a facade on a free port."""
    with listen("127.0.0.1", 0) as listener:
        await facade.start(listener)
        try:
            yield Running(address_of(listener), facade)
        finally:
            await facade.stop(within=1)


Serve = Callable[[Any], Awaitable[Running]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers that stop with the test."""
    async with AsyncExitStack() as stack:

        async def start(app: App) -> Running:
            return await stack.enter_async_context(serving(app))

        yield start


@pytest.fixture
def control(tmp_path: Path) -> Any:
    with Control.open(f"sqlite:///{tmp_path}/control.db") as opened:
        yield opened


class Stand:
    """Moves the function `party` about in the control store."""

    def __init__(self, control: Control) -> None:
        self.control = control

    def move(self, **changes: Any) -> int:
        """Change the standing; returns the new generation."""
        now = standings.snapshot(self.control).of("party")
        return standings.change(self.control, now, replace(now, **changes), at=1.0).generation

    def stage(self, stage: Stage, weight: int = 0) -> int:
        owner = Side.NEW if stage in (Stage.LIVE, Stage.RETIRED) else Side.LEGACY
        return self.move(stage=stage, owner=owner, weight=weight, fenced=False)


@pytest.fixture
def stand(control: Control) -> Stand:
    return Stand(control)


Front = Callable[..., Awaitable[Running]]


@pytest.fixture
async def front(control: Control) -> AsyncIterator[Front]:
    """Starts a facade with settings, and waits until it can take traffic. It stops with the test, before its upstreams do."""
    async with AsyncExitStack() as stack:

        async def start(
            configured: Settings, *, lease: float = 10.0, open_control: Any = None, wait: bool = True
        ) -> Running:
            facade = Facade(Parts(configured, open_control or (lambda: control), lease))
            running = await stack.enter_async_context(fronting(facade))
            if wait:
                await until(lambda: running.parts.health.readyz()[0] == 200)
            return running

        yield start


async def applied(running: Running, generation: int) -> None:
    """Wait until the facade acts by a generation."""
    await until(lambda: running.parts.keeper.current().generation >= generation)


class Echo:
    """An upstream that answers with its name, or `body`, once `gate` is open; it remembers what it was asked."""

    def __init__(self, name: str, body: bytes | None = None) -> None:
        self.name, self.body = name, body
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.gate: asyncio.Event | None = None
        self.cancelled = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/healthz":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.cancelled += 1
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        query = scope["query_string"].decode()
        target = scope["raw_path"].decode() + (f"?{query}" if query else "")
        self.asked.append((scope["method"], target, headers, body))
        if self.gate is not None:
            opened, gone = asyncio.create_task(self.gate.wait()), asyncio.create_task(receive())
            await asyncio.wait({opened, gone}, return_when=asyncio.FIRST_COMPLETED)
            left = not opened.done()
            opened.cancel()
            gone.cancel()
            if left:
                self.cancelled += 1
                return
        told = self.body if self.body is not None else self.name.encode()
        kind = b"application/json" if self.body is not None else b"text/plain"
        head = [(b"content-type", kind), (b"content-length", str(len(told)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": told})
