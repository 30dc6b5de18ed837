"""An upstream: legacy, or the new services. It answers what is right, unless weather or a fault has it otherwise."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

from tests.facade.wire.sockets import accepted
from tests.soak.asking import CALM, content, record
from tests.soak.books import Books
from tests.soak.faults import Fault, fault
from tests.soak.weather import Weather

FOR_EVER: Final = 60.0
"""Seconds: longer than anybody waits."""

LATE: Final = 0.4
"""Seconds, within everybody's budget."""

NONSENSE: Final = (
    *(b"no JSON", b"\xff\xfe", b"null", b"[1]"),
    *(b'{"items": 3}', b'{"items": [3]}', b'{"items": [{}]}', b'{"id": [], "items": [{"id": {}}]}'),
)
"""What isn't what a service should answer, each less so."""

LINGER: Final = b"\1\0\0\0\0\0\0\0"


class Asked(NamedTuple):
    """A request as it came. `body` is None when it broke off."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes | None = b""

    @property
    def id(self) -> str:
        return self.headers.get("x-request-id", "")

    @property
    def shadow(self) -> bool:
        return "x-strangler-shadow" in self.headers


class Gone(Exception):
    """The connection is over."""


class Upstream:
    """One side. `weather` can be changed at any time by `change`; `open` it inside the event loop."""

    def __init__(self, side: str, seed: int, books: Books) -> None:
        self.side, self._seed, self._books = side, seed, books
        self.weather = Weather.CALM
        # Bound all the time, and never listening: so nobody takes the port while nobody listens on it.
        self._guard = _bound(0)
        self.port: int = self._guard.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: asyncio.Server | None = None
        self._deaf: list[socket.socket] = []
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        await self._listen()

    async def change(self, weather: Weather) -> None:
        """From now on it is like this."""
        self._stop_listening()
        self.weather = weather
        if weather is Weather.CUTTING or weather is Weather.REFUSED:
            self._cut()
        if weather is Weather.DEAF:
            self._cut()
            self._be_deaf()
        elif weather is not Weather.REFUSED:
            await self._listen()

    def close(self) -> None:
        self._stop_listening()
        self._cut()
        self._guard.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=_bound(self.port), limit=1 << 20)

    def _be_deaf(self) -> None:
        """Listen, and have the line of those who wait so full that no more can come."""
        listener = _bound(self.port)
        listener.listen(0)
        self._deaf = [listener]
        for _ in range(3):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", self.port))
            self._deaf.append(waiting)

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for each in self._deaf:
            each.close()
        self._deaf = []

    def _cut(self) -> None:
        for writer in list(self._writers):
            cut(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            # Cancelled is whoever is silent still when all is over.
            with suppress(OSError, EOFError, asyncio.CancelledError, Gone):
                if self.weather is Weather.CUTTING:
                    raise Gone
                while True:
                    await self._one(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await read_head(reader)
        weather = self.weather
        self._note(self._books.began, asked)
        if weather is Weather.SILENT:
            await asyncio.sleep(FOR_EVER)
        if asked.path == "/healthz":
            await said(writer, status(503 if weather is Weather.STORM else 200, ""))
            return
        if asked.path.startswith(("/socket", "/events")):
            await (self._socket if asked.path.startswith("/socket") else self._events)(reader, writer, asked)
            raise Gone
        calm = asked.id.startswith(CALM) or not asked.id
        trouble = Fault.NONE if calm else fault(self._seed, self.side, asked.id)
        self._books.faults[trouble] += 1
        if trouble is Fault.RESET_UNREAD:
            reset(writer)
        elif trouble is Fault.EARLY:
            await said(writer, status(409, asked.id, "Connection: close"))
            raise Gone
        asked = asked._replace(body=await read_body(reader, asked.headers))
        self._note(self._books.whole, asked)
        if weather is Weather.STORM:
            await said(writer, status(503, asked.id, "Retry-After: 1"))
            return
        for step in self._answer(asked, trouble):
            if isinstance(step, bytes):
                await said(writer, step)
            elif isinstance(step, float):
                await asyncio.sleep(step)
                if step == FOR_EVER:
                    raise Gone
            else:
                step(writer)

    def _note(self, counts: Any, asked: Asked) -> None:
        """A write says in its id that it is one."""
        if asked.id.endswith("!"):
            counts[asked.id] += 1
            if asked.shadow:
                self._books.complain(f"{asked.id} is a write, and came as a shadow")

    def _answer(self, asked: Asked, trouble: Fault) -> Iterator[Step]:
        """What is said, step by step: bytes, seconds of silence, or what becomes of the connection."""
        head, body = self._right(asked)
        lines = [f"X-Answers: {asked.id}", f"X-Side: {self.side}", "Content-Type: application/json"]
        dice = Random(f"{self._seed} framing {asked.id}")
        framing = dice.choice(["length", "length", "chunked", "end"])
        if asked.method == "HEAD" or not body:
            framing = "length"
        whole = Framed(head, lines, b"" if asked.method == "HEAD" else body, framing)
        yield from spoilt(whole, trouble, body)
        if framing == "end":
            yield end

    def _right(self, asked: Asked) -> tuple[str, bytes]:
        """Status and body of the right answer."""
        if asked.path == "/rpc/":
            told = json.loads(asked.body or b"{}")
            done: Any = True
            if told["method"].endswith((".read", ".default_get")):
                done = [record(key, asked.id) for key in told["params"][0]]
            return "200 OK", json.dumps({"id": told["id"], "result": done}).encode()
        if asked.path.startswith("/parties"):
            return self._rest(asked)
        return "200 OK", content(self._seed, asked.id)

    def _rest(self, asked: Asked) -> tuple[str, bytes]:
        """The service behind the translation."""
        if asked.method == "GET":
            keys = [int(key) for key in parse_qs(asked.query)["ids"][0].split(",")]
            return "200 OK", json.dumps({"items": [record(key, asked.id) for key in keys]}).encode()
        if asked.method == "DELETE":
            return "204 No Content", b""
        return "201 Created" if asked.method == "POST" else "200 OK", json.dumps(record(1, asked.id)).encode()

    async def _socket(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Asked) -> None:
        """Takes the WebSocket and gives back what comes, until it is spoilt."""
        dice = Random(f"{self._seed} {self.side} {asked.id}")
        await said(writer, accepted())
        left = dice.choice([1 << 30, 1 << 30, 200])
        while left > 0 and (piece := await reader.read(65536)):
            left -= len(piece)
            await said(writer, piece)
        if left <= 0:
            await _stop(writer, dice)

    async def _events(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Asked) -> None:
        """Tells ten events, unless it falls silent or breaks off."""
        dice = Random(f"{self._seed} {self.side} {asked.id}")
        last = dice.choice([10, 10, 5])
        await said(
            writer,
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        for number in range(last):
            await said(writer, chunk(f"data: {asked.id} {number}\n\n".encode()))
            await asyncio.sleep(dice.uniform(0.0, 0.1))
        if last == 10:
            await said(writer, b"0\r\n\r\n")
        else:
            await _stop(writer, dice)


class Framed(NamedTuple):
    """A right answer, and how its length is said: by `length`, `chunked`, or the `end` of the connection."""

    status: str
    lines: list[str]
    body: bytes
    framing: str

    def head(self, length: int | None = None, *more: str) -> bytes:
        """`length` is that of the body when there is one to be said."""
        lines = [*self.lines, *more]
        if self.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        elif self.framing == "length" and not self.status.startswith("204"):
            lines.append(f"Content-Length: {len(self.body) if length is None else length}")
        return "\r\n".join([f"HTTP/1.1 {self.status}", *lines, "", ""]).encode()

    def some(self, body: bytes) -> bytes:
        return chunk(body) if self.framing == "chunked" and body else body

    @property
    def last(self) -> bytes:
        return b"0\r\n\r\n" if self.framing == "chunked" else b""


Step = bytes | float | Callable[[asyncio.StreamWriter], None]


def spoilt(whole: Framed, trouble: Fault, body: bytes) -> Iterator[Step]:
    """The answer with the fault in it. `body` is the right one, also where none is sent."""
    sized = whole if whole.framing != "end" else whole._replace(framing="length")
    size, middle = len(body), len(whole.body) // 2
    all_of_it = whole.head(size) + whole.some(whole.body) + whole.last
    half = sized.head(size) + sized.some(whole.body[:middle])
    match trouble:
        case Fault.LATE:
            yield LATE
            yield all_of_it
        case Fault.DRIP:
            yield sized.head(size)
            for at in range(0, len(whole.body), max(1, len(whole.body) // 8)):
                yield sized.some(whole.body[at : at + max(1, len(whole.body) // 8)])
                yield LATE
            yield sized.last
        case Fault.STATUS:
            yield status(
                Random(whole.lines[0]).choice([204, 304, 404, 422, 429, 500, 502, 503]), whole.lines[0][11:]
            )
        case Fault.HUNG:
            yield FOR_EVER
        case Fault.MUTE:
            yield half
            yield FOR_EVER
        case Fault.RESET:
            yield reset
        case Fault.RESET_IN_HEAD:
            yield whole.head(size)[:40]
            yield reset
        case Fault.RESET_IN_BODY:
            yield whole.head(size) + whole.some(whole.body[:middle])
            yield reset
        case Fault.CLOSED:
            yield end
        case Fault.SHORT:
            yield half
            yield end
        case Fault.LONG:
            yield sized.head(size) + sized.some(whole.body) + sized.last + b"and more"
        case Fault.TWO_LENGTHS:
            yield sized._replace(framing="length").head(size, f"Content-Length: {size + 1}") + whole.body
        case Fault.GARBAGE:
            yield b"\x16\x03\x01 what is this?\r\n\r\n" * 3
        case Fault.BAD_CHUNK:
            yield whole._replace(framing="chunked").head() + b"5\r\nhalf\r\nzz\r\n"
        case Fault.NONSENSE:
            told = Random(whole.lines[0]).choice(NONSENSE)
            yield whole._replace(body=told, framing="length").head() + told
        case Fault.UNASKED:
            yield sized.head(size) + sized.some(whole.body) + sized.last + status(200, "nobody")
        case Fault.UPGRADE:
            yield b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02ok"
        case Fault.INFORMED:
            yield b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + all_of_it
        case Fault.STALE:
            yield all_of_it
            yield end
        case Fault.HALF:
            yield all_of_it
            yield half_close
            yield FOR_EVER
        case _:
            yield all_of_it


def status(code: int, id: str, *lines: str) -> bytes:
    """An answer that is a status, and no more."""
    body = b"" if code in (204, 304) else b'{"title": "so it is"}'
    told = [f"HTTP/1.1 {code} So", *lines, "Content-Type: application/problem+json"]
    told += [f"X-Answers: {id}"] if id else []
    told += [] if code in (204, 304) else [f"Content-Length: {len(body)}"]
    return "\r\n".join([*told, "", ""]).encode() + body


async def said(writer: asyncio.StreamWriter, piece: bytes) -> None:
    writer.write(piece)
    await writer.drain()


def end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    raise Gone


def half_close(writer: asyncio.StreamWriter) -> None:
    """Say nothing more, and be there still."""
    with suppress(OSError):  # The other side may be gone.
        writer.write_eof()


def reset(writer: asyncio.StreamWriter) -> None:
    cut(writer)
    raise Gone


def cut(writer: asyncio.StreamWriter) -> None:
    """End a connection so that the other side sees a reset."""
    if not writer.transport.is_closing():
        # Without lingering a close is a reset.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        writer.transport.abort()


async def _stop(writer: asyncio.StreamWriter, dice: Random) -> None:
    """A stream ends before its time: by a reset, or by silence."""
    if dice.random() < 0.5:
        reset(writer)
    await asyncio.sleep(FOR_EVER)


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


async def read_head(reader: asyncio.StreamReader) -> Asked:
    """Raises IncompleteReadError at the end of the connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Asked(method, path, query, headers)


async def read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    """Raises IncompleteReadError when it breaks off."""
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    pieces = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        pieces.append((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return b"".join(pieces)


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made
