"""Writers: callers that write through a facade at an even rate, and the two sides that it passes their writes to.

A side is a process that updates a row of its database at each POST, over connections that it keeps. The callers ask when the time has come,
whatever became of the calls before, and count from when they should have asked.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import psycopg

from benchmarks import partners

UPDATE: Final = f"UPDATE {partners.TABLE} SET credit = credit + 1 WHERE id = %s"
POOL: Final = 8
"""Connections of a side to its database."""

STRIDE: Final = 7919
"""From one row that is written to the next: a prime, so that all rows are met."""


class Called(NamedTuple):
    """A write: when it was due (monotonic seconds), how long from then to its answer, and which status that had; 0 for none."""

    due: float
    took: float
    status: int

    @property
    def ended(self) -> float:
        return self.due + self.took


def ready() -> None:
    """What the process needs is imported."""


def evenly(url: str, rate: float, seconds: float, rows: int, turn: int) -> list[Called]:
    """Write `rate` times a second for so long, in each turn to other rows. To be run in a process of its own."""
    count = int(rate * seconds)
    return asyncio.run(_Writers(url, rows, first=turn * count).run(rate, count))


class _Writers:
    """As many connections as are needed, each used for one call at a time."""

    def __init__(self, url: str, rows: int, first: int) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._rows = parts.hostname or "", parts.port or 80, rows
        self._first = first
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def run(self, rate: float, count: int) -> list[Called]:
        begun = time.monotonic()
        calls = []
        for number in range(count):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            calls.append(asyncio.create_task(self._call(number, due)))
        return list(await asyncio.gather(*calls))

    async def _call(self, number: int, due: float) -> Called:
        id = 1 + (self._first + number) * STRIDE % self._rows
        try:
            status = await self._post(f"/partners/{id}")
        except (OSError, ValueError, asyncio.IncompleteReadError):
            status = 0
        return Called(due, time.monotonic() - due, status)

    async def _post(self, path: str) -> int:
        reader, writer = (
            self._idle.pop() if self._idle else await asyncio.open_connection(self._host, self._port)
        )
        writer.write(f"POST {path} HTTP/1.1\r\nHost: erp.example\r\nContent-Length: 0\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        status = int(head.split(" ", 2)[1])
        length = head.partition("content-length: ")[2].partition("\r\n")[0]
        await reader.readexactly(int(length or 0))
        if "connection: close" in head:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return status


@contextmanager
def side(database: str) -> Iterator[str]:
    """The URL of a side that writes to this database."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(database, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(database: str, told: Connection) -> None:
    idle: queue.SimpleQueue[psycopg.Connection[Any]] = queue.SimpleQueue()
    for _ in range(POOL):
        idle.put(psycopg.connect(database, autocommit=True))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._say(200)

        def do_POST(self) -> None:
            connection = idle.get()
            try:
                done = connection.execute(UPDATE, [int(self.path.rpartition("/")[2])])
            finally:
                idle.put(connection)
            self._say(200 if done.rowcount == 1 else 404)

        def _say(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing is said of calls."""

    class Side(ThreadingHTTPServer):
        request_queue_size = 1024  # Those that were held come all at once.

    with Side(("127.0.0.1", 0), Handler) as server:
        told.send(f"http://127.0.0.1:{server.server_port}")
        server.serve_forever()
