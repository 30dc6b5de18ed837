"""Serving: the facade on a port of its own, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final

import uvloop

from strangler.control.store import Control
from strangler.errors import Unavailable
from strangler.facade.admin.outlook import admin
from strangler.facade.admin.server import AdminServer
from strangler.facade.collecting import collect_briefly
from strangler.facade.compiled import is_compiled
from strangler.facade.door import BACKLOG, Door
from strangler.facade.parts import Parts
from strangler.facade.parts import section as section
from strangler.settings import Settings

OpenControl = Callable[[], Control]
"""Opens the control store, or raises Unavailable; asked again until it succeeds, so the store may come up later."""

HANDS_ON: Final = 0.0005
"""Seconds after which a thread that has the interpreter hands it on to calls that wait."""

_log: Final = logging.getLogger("strangler.facade")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises Unavailable when the address is taken or isn't ours."""
    return listening(bind(host, port))


def bind(host: str, port: int) -> socket.socket:
    """A socket with its address, that refuses callers until `serve` listens on it. Raises Unavailable as `listen` does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, since asyncio switches Nagle's algorithm off only then; with it each answer waits for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        return listener
    except (OSError, OverflowError) as error:
        listener.close()
        raise _taken(f"{host}:{port}", error) from error


def listening(bound: socket.socket) -> socket.socket:
    """The socket, listening. Raises Unavailable."""
    try:
        bound.listen(BACKLOG)
        return bound
    except OSError as error:
        host, port = bound.getsockname()[:2]
        bound.close()
        raise _taken(f"{host}:{port}", error) from error


def _taken(address: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"the facade can't listen on {address}",
        why=str(error),
        do="stop what listens there, or give another --host or --port (facade.host, facade.port)",
    )


def address_of(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Facade:
    """A facade that can be started and stopped within an event loop. `parts` are what it is made of."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.door = parts, Door(parts)
        self.admin: AdminServer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, listener: socket.socket) -> None:
        """Take callers on a socket of `listen`."""
        self.parts.keeper.address = address_of(listener)
        if self.parts.settings.admin is not None and not self.parts.compares:
            self.admin = admin(self.parts, self.drain)
        await self._open()
        await self.door.open(listener)
        if self.admin is not None:
            self.admin.open()

    def drain(self) -> None:
        """Take nothing new; what is under way goes on."""
        self.parts.health.draining = True
        self.door.drain()

    async def stop(self, within: float | None = None) -> None:
        """Finish the calls under way, at most within the configured time, and end."""
        parts = self.parts
        parts.health.draining = True
        if self.admin is not None:
            await self.admin.close()
        await self.door.close(parts.settings.drain.total_seconds() if within is None else within)
        await self._close()

    async def _open(self) -> None:
        parts = self.parts
        parts.log.open()
        await parts.shadow.open()
        await parts.credentials.open()
        parts.traces.open()
        running = (parts.keeper.run(), parts.health.run(), parts.tally.run(lambda: parts.keeper.control))
        self._tasks = [asyncio.create_task(part) for part in running]

    async def _close(self) -> None:
        """Close all parts. Counts are flushed, and the control store is told that this facade is gone."""
        parts = self.parts
        await parts.shadow.close()
        await parts.credentials.close()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await parts.keeper.leave()
        await parts.pools.close()
        parts.log.close()
        await asyncio.to_thread(parts.traces.close)


def facade(
    settings: Settings, open_control: OpenControl, *, compares: bool = False, apart: bool = False
) -> Facade:
    """A facade, to be embedded; `compares`: one that only takes what another proxy mirrors; `apart`: one that compares in a process
    of its own. Raises ConfigurationError."""
    return Facade(Parts(settings, open_control, compares=compares, apart=apart))


def serve(
    settings: Settings,
    open_control: OpenControl,
    *,
    bound: socket.socket,
    stop: threading.Event | None = None,
    lifeline: Connection | None = None,
    compares: bool = False,
) -> None:
    """Run the facade until SIGINT or SIGTERM; calls under way are finished. Raises ConfigurationError, Unavailable.

    `bound` is a socket of `bind`. `stop` is set by the caller's own handler, for a signal that comes before the facade takes them.
    `lifeline` is the pipe to a parent, whose end is a signal too; then signals are the parent's.
    """
    front = facade(settings, open_control, compares=compares, apart=True)
    with listening(bound) as listener:
        what = "comparer" if compares else "facade"
        told = {"legacy": front.parts.settings.legacy, "compiled": is_compiled()}
        _log.info(f"the {what} listens on {address_of(listener)}", extra=told)
        sys.setswitchinterval(HANDS_ON)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(front, listener, stop or threading.Event(), lifeline))


async def _run(
    front: Facade, listener: socket.socket, stop: threading.Event, lifeline: Connection | None
) -> None:
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    if lifeline is not None:
        loop.add_reader(lifeline.fileno(), told.set)
    else:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, told.set)
    await front.start(listener)
    collecting = asyncio.create_task(collect_briefly(lambda: not front.parts.exchanges))
    # By now signals come here; one that came earlier went to whoever set `stop`.
    if not stop.is_set():
        await told.wait()
    collecting.cancel()
    await front.stop()
