"""Long bodies: sent and fetched over a raw socket, piece by piece, so that neither the caller nor the upstream is what is measured.

nginx serves files, but answers a body before it has it all; so bodies are sent to a server that does nothing but take them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import socket
import threading
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

MEGABYTE: Final = 1024 * 1024
PIECE: Final = bytes(256 * 1024)
LAST: Final = b"the last bytes of it"


def fetch(url: str, size: int, times: int) -> float:
    """Megabytes a second of so many bodies that come, over one connection. Raises SystemExit when one isn't whole."""
    with _connected(url) as connection:
        began = time.perf_counter()
        for _ in range(times):
            connection.sendall(_head("GET", f"/files/{size}", 0))
            _hear(connection, size)
        return size * times / MEGABYTE / (time.perf_counter() - began)


def send(url: str, size: int, times: int) -> float:
    """The same of bodies that go."""
    with _connected(url) as connection:
        began = time.perf_counter()
        for _ in range(times):
            connection.sendall(_head("PUT", f"/f1/items/{size}", size))
            left = size - len(LAST)
            while left:
                piece = PIECE[: min(left, len(PIECE))]
                connection.sendall(piece)
                left -= len(piece)
            connection.sendall(LAST)
            _hear(connection, None)
        return size * times / MEGABYTE / (time.perf_counter() - began)


@contextlib.contextmanager
def taking() -> Iterator[str]:
    """A server, in a process of its own, that takes bodies to their end. Its URL."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    process = multiprocessing.get_context("fork").Process(target=_take_each, args=(listening,), daemon=True)
    process.start()
    host, port = listening.getsockname()
    listening.close()
    try:
        yield f"http://{host}:{port}"
    finally:
        process.kill()
        process.join()


def _take_each(listening: socket.socket) -> None:
    while True:
        threading.Thread(target=_take, args=(listening.accept()[0],), daemon=True).start()


def _take(connection: socket.socket) -> None:
    """Take one body after the other. Whoever sends it may frame it as he likes: each ends with the bytes that `send` ends it with."""
    buffer, tail = bytearray(MEGABYTE), b""
    with contextlib.suppress(ConnectionError), connection:
        while got := connection.recv_into(buffer):
            tail = (tail + buffer[max(0, got - 64) : got])[-64:]
            if LAST in tail or buffer.find(LAST, 0, got) >= 0:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                tail = b""


def _connected(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname or "", address.port or 80), timeout=60)


def _head(method: str, target: str, size: int) -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: erp.example\r\nContent-Length: {size}\r\n\r\n".encode()


def _hear(connection: socket.socket, size: int | None) -> None:
    """Hear an answer to its end; `size` is how long its body must be."""
    buffer = bytearray(1024 * 1024)
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65536)
        if not head:
            raise SystemExit("a call broke off")
    head, _, begun = head.partition(b"\r\n\r\n")
    lines = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    length = int(lines[b"content-length"])
    if not head.startswith(b"HTTP/1.1 200 ") or size not in (None, length):
        raise SystemExit(f"a call failed: {head!r}")
    left = length - len(begun)
    while left:
        got = connection.recv_into(buffer, min(left, len(buffer)))
        if not got:
            raise SystemExit(f"a body broke off, {left} bytes before its end")
        left -= got
