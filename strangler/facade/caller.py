"""The caller's side of a call: the request as it comes in, piece by piece, and the answer as it goes out.

The body is never held as a whole unless somebody asks for it. Flow control goes through: reading waits for the
upstream, writing waits for the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from strangler.facade.headers import RawHeaders

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class CallerGone(Exception):
    """The caller left, or broke off its request; what it sent may be a part only."""


class Caller:
    """One request and its answer.

    `whole`: the body was read to its end. `left`: it broke off. `started`: the head of the answer is out. `finished`: all of it is.
    """

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.method: str = scope["method"]
        self.version: str = scope.get("http_version", "1.1")
        self.scheme: str = scope.get("scheme", "http")
        self.raw: RawHeaders = list(scope["headers"])
        self.path: str = scope["raw_path"].decode("ascii")
        query: bytes = scope["query_string"]
        self.target = f"{self.path}?{query.decode('ascii')}" if query else self.path
        client = scope.get("client")
        self.address: str = client[0] if client else "unknown"
        self.headers: dict[str, str] = {}
        for name, value in self.raw:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        self._held: list[bytes] = []
        self._copy: bytearray | None = None
        self._copy_limit = 0
        self.whole = not self._announces_body()
        self._end = None if self.whole else asyncio.Event()
        self.started = self.finished = self.left = False

    def _announces_body(self) -> bool:
        return "transfer-encoding" in self.headers or self.headers.get("content-length", "0") != "0"

    async def more(self) -> bytes:
        """The next piece of the body, held so that it isn't lost for `body`. Empty at the end, then `whole` holds."""
        piece = await self._piece()
        if piece:
            self._held.append(piece)
        return piece

    def held(self) -> bytes:
        """What was read of the body so far."""
        return b"".join(self._held)

    async def rest(self) -> AsyncIterator[bytes]:
        """The body from its beginning, in pieces. Raises CallerGone when it breaks off."""
        for piece in self._held:
            yield piece
        self._held.clear()
        while not self.whole:
            piece = await self._piece()
            if piece:
                self._keep(piece)
                yield piece

    def copy(self, limit: int) -> None:
        """Keep a copy of the body as it passes, unless it grows beyond `limit` bytes."""
        self._copy, self._copy_limit = bytearray(self.held()), limit
        self._keep(b"")

    def copied(self) -> bytes | None:
        """The copy; None when there is none, or the body was too long."""
        return None if self._copy is None or not self.whole else bytes(self._copy)

    def _keep(self, piece: bytes) -> None:
        if self._copy is not None:
            self._copy += piece
            if len(self._copy) > self._copy_limit:
                self._copy = None

    async def _piece(self) -> bytes:
        while not self.whole:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.left = True
                raise CallerGone("the caller broke off its request")
            self.whole = not message.get("more_body", False)
            if self.whole and self._end:
                self._end.set()
            if piece := message.get("body", b""):
                return bytes(piece)
        return b""

    async def gone(self) -> None:
        """Return when the caller has left after its body was read to the end."""
        if self._end:
            await self._end.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: RawHeaders) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, piece: bytes, more: bool) -> None:
        self.finished = not more
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})

    async def answer(self, status: int, headers: RawHeaders, body: bytes) -> None:
        """A whole answer at once."""
        await self.start(status, [*headers, (b"content-length", str(len(body)).encode())])
        await self.write(body, more=False)


class WhileHere:
    """`async with WhileHere(caller):` ends the block with CallerGone when the caller leaves.

    While the body is still read, leaving is seen there; the watch begins behind it.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._left = self._over = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._watch = asyncio.create_task(self._caller.gone())
        self._watch.add_done_callback(self._ended)

    def _ended(self, watch: asyncio.Task[None]) -> None:
        # Runs from the loop while the block waits somewhere, so the cancellation arrives inside the block.
        if not self._over and not watch.cancelled() and not self._caller.finished:
            self._left = True
            self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        self._over = True
        self._watch.cancel()
        if self._left:
            self._task.uncancel()
            raise CallerGone("the caller left before the answer") from error
