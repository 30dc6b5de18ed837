"""Serving: the facade under uvicorn, on a port of its own, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from typing import Final

import uvicorn

from strangler.control.store import Control
from strangler.errors import Unavailable
from strangler.facade.app import Facade
from strangler.facade.parts import Parts
from strangler.settings import Settings

DRAIN: Final = 30
"""Seconds that calls under way get to finish when the facade stops."""

KEEP_ALIVE: Final = 75
"""Seconds for which an idle connection of a caller is kept: longer than clients and balancers keep theirs."""

BACKLOG: Final = 2048

OpenControl = Callable[[], Control]
"""Opens the control store, or raises Unavailable; asked again until it succeeds, so the store may come up later."""

_log: Final = logging.getLogger("strangler.facade")


def application(settings: Settings, open_control: OpenControl) -> Facade:
    """The facade as an ASGI application, to be embedded. Raises ConfigurationError."""
    return Facade(Parts(settings, open_control))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises Unavailable when the address is taken or isn't ours."""
    return _listening(bind(host, port))


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


def _listening(bound: socket.socket) -> socket.socket:
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


class _Server(uvicorn.Server):
    """uvicorn, that tells the facade when it begins to stop, and that sees when it was told to stop before it began."""

    def __init__(self, config: uvicorn.Config, facade: Facade, stop: threading.Event) -> None:
        super().__init__(config)
        self._facade, self._stop = facade, stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # By now signals come to uvicorn; one that came earlier went to whoever set `stop`.
        self.should_exit = self.should_exit or self._stop.is_set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._facade.drain()
        await super().shutdown(sockets)


def server(facade: Facade, stop: threading.Event | None = None) -> uvicorn.Server:
    """A uvicorn server for the facade; `await server.serve(sockets=[listen(…)])`, `server.should_exit = True` stops it."""
    config = uvicorn.Config(
        facade,
        http="httptools",
        ws="none",
        lifespan="on",
        # Who forwarded a call is written by the facade itself; the answers' Server and Date are the upstream's.
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=DRAIN,
    )
    return _Server(config, facade, stop or threading.Event())


def serve(
    settings: Settings,
    open_control: OpenControl,
    *,
    host: str | None = None,
    port: int | None = None,
    stop: threading.Event | None = None,
    bound: socket.socket | None = None,
) -> None:
    """Run the facade until SIGINT or SIGTERM; calls under way are finished. Raises ConfigurationError, Unavailable.

    `bound` is a socket of `bind`, by default a new one at `host` and `port` or where the configuration says.
    `stop` is set by the caller's own handler, for a signal that comes before the facade takes them.
    """
    facade = application(settings, open_control)
    bound = bound or bind(host or facade.settings.host, facade.settings.port if port is None else port)
    with _listening(bound) as listener:
        facade.announce(address_of(listener))
        _log.info(f"the facade listens on {address_of(listener)}", extra={"legacy": facade.settings.legacy})
        front = server(facade, stop)
        with asyncio.Runner(loop_factory=front.config.get_loop_factory()) as runner:
            runner.run(front.serve(sockets=[listener]))
