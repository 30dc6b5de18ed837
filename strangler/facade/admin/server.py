"""Serving the admin API: in the facade's event loop, on a port that is taken at the start and opened when somebody may come in.

On a local address it opens at once. On another one it stays closed until there is an access token, or a role for tokens of the
issuer: nobody could come in, and whoever tries would only find out what is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from strangler.errors import StranglerError, Unavailable
from strangler.facade.admin.gate import Gate
from strangler.facade.admin.inside import Inside
from strangler.settings import Admin
from strangler.urls import is_local

if TYPE_CHECKING:
    import uvicorn

AGAIN: Final = 2.0
"""Seconds until it is looked again whether anybody has a token."""

BODY: Final = 8192
"""Most bytes of a request's body: it has a reason in it, nothing more."""

ENDING: Final = 2
"""Seconds that requests under way get when the facade stops."""

_log: Final = logging.getLogger("strangler.facade")


class AdminServer:
    """`open` it in the event loop, `close` it there. Making one takes the port. Raises Unavailable."""

    def __init__(self, section: Admin, inside: Inside, gate: Gate, title: str) -> None:
        self._section, self._inside, self._gate, self._title = section, inside, gate, title
        family = socket.AF_INET6 if ":" in section.host else socket.AF_INET
        self._bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            self._bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._bound.bind((section.host, section.port))
        except OSError as error:
            self._bound.close()
            raise Unavailable(
                f"the admin API can't listen on {section.host}:{section.port}",
                why=str(error),
                do="stop what listens there, or write another facade.admin.port",
            ) from error
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        host, port = self._bound.getsockname()[:2]
        scheme = "https" if self._section.tls else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @property
    def serves(self) -> bool:
        """Whether it takes requests by now."""
        return self._server is not None and self._server.started

    def open(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            if self._server is not None:
                self._server.should_exit = True
            else:
                self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._bound.close()

    async def _run(self) -> None:
        await self._somebody()
        self._server = _server(self._section, self._inside, self._gate, self._title)
        _log.info(f"the admin API is at {self.url}")
        await self._server.serve(sockets=[self._bound])

    async def _somebody(self) -> None:
        """Wait until anybody could come in, where others than this machine reach it."""
        told = False
        while not is_local(self._section.host):
            with contextlib.suppress(StranglerError):
                if await self._gate.open_to_somebody():
                    return
                if not told:
                    what = (
                        f"the admin API stays closed: on {self._section.host} it needs somebody with a token"
                    )
                    _log.warning(what, extra={"do": "strangler access add NAME --role operator"})
                    told = True
            await asyncio.sleep(AGAIN)


def _server(section: Admin, inside: Inside, gate: Gate, title: str) -> uvicorn.Server:
    import uvicorn

    from strangler.facade.admin.api import application

    class Server(uvicorn.Server):
        """uvicorn, that leaves signals to the facade."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        Bounded(application(inside, gate, title)),
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=ENDING,
        ssl_certfile=section.tls.certificate if section.tls else None,
        ssl_keyfile=section.tls.key if section.tls else None,
    )
    return Server(config)


class Bounded:
    """Around an ASGI application: no long body is read before it is known whose it is, and nothing is stored on the way back."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def kept_from_caches(message: Any) -> None:
            if message["type"] == "http.response.start":
                others = [each for each in message["headers"] if each[0].lower() != b"cache-control"]
                more = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
                message["headers"] = [*others, *more]
            await send(message)

        if scope["type"] == "http" and _is_long(dict(scope["headers"])):
            headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
            await kept_from_caches({"type": "http.response.start", "status": 413, "headers": headers})
            await kept_from_caches({"type": "http.response.body", "body": b"the body is too long\n"})
            return
        await self._app(scope, receive, kept_from_caches)


def _is_long(headers: dict[bytes, bytes]) -> bool:
    return b"transfer-encoding" in headers or int(headers.get(b"content-length", b"0")) > BODY
