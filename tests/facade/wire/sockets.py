"""Upstreams that speak WebSocket: one by the library that everybody uses, with a path for each thing that it does; and raw frames."""

from __future__ import annotations

import hashlib
import struct
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from itertools import count
from typing import Final

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

LONGEST: Final = 64 * 1024 * 1024
PIECE: Final = b"x" * 65536
VERSION: Final = b"Sec-WebSocket-Version: 13\r\n"
KEY: Final = b"dGhlIHNhbXBsZSBub25jZQ=="


class Peer:
    """A WebSocket server. `/echo` gives back each message as it came, in as many frames; `/close/CODE` closes; `/flood` sends without end;
    `/deaf` never listens; `/refuse/STATUS` doesn't take the connection. `closed` are the codes and reasons with which callers closed."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Request] = []
        self.closed: list[tuple[int, str]] = []
        self.sent = 0
        self.leave = threading.Event()

    def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        self.asked.append(request)
        kind, _, status = request.path.strip("/").partition("/")
        if kind != "refuse":
            return None
        lines = [("Content-Type", "text/plain"), ("Content-Length", "5"), ("X-Why", "busy")]
        if status == "426":
            lines += [("Upgrade", "websocket"), ("Connection", "upgrade"), ("Sec-WebSocket-Version", "13")]
        return Response(int(status), HTTPStatus(int(status)).phrase, Headers(lines), b"sorry")

    def talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        kind, _, argument = connection.request.path.strip("/").rpartition("/")
        try:
            match kind or argument:
                case "close":
                    connection.close(int(argument), "the store is shut")
                case "flood":
                    for _ in count():
                        connection.send(PIECE)
                        self.sent += len(PIECE)
                case "deaf":
                    self.leave.wait(20)
                case "drop":
                    connection.socket.close()
                case _:
                    while True:
                        self._echo(connection)
        except ConnectionClosed as closed:
            said = closed.rcvd
            self.closed.append((said.code, said.reason) if said else (1006, ""))

    def _echo(self, connection: ServerConnection) -> None:
        frames = list(connection.recv_streaming())
        connection.send(frames if len(frames) > 1 else frames[0])


@contextmanager
def talking(peer: Peer) -> Iterator[Peer]:
    """The peer listens as long as this lasts."""

    def choose(connection: ServerConnection, offered: Sequence[str]) -> str | None:
        return offered[-1] if offered else None

    with serve(
        peer.talk, "127.0.0.1", 0, process_request=peer.refuse, select_subprotocol=choose,  # type: ignore[arg-type]
        max_size=LONGEST, ping_interval=None, close_timeout=2,
    ) as server:  # fmt: skip
        host, port = server.socket.getsockname()[:2]
        peer.url = f"http://{host}:{port}"
        thread = threading.Thread(target=server.serve_forever, name="peer", daemon=True)
        thread.start()
        yield peer
        peer.leave.set()
    thread.join()


def handshake(target: str = "/raw", *lines: str) -> bytes:
    """The request of a raw caller."""
    asked = [
        f"GET {target} HTTP/1.1", "Host: erp", "Connection: Upgrade", "Upgrade: websocket", f"Sec-WebSocket-Key: {KEY.decode()}",
        "Sec-WebSocket-Version: 13", *lines, "", "",
    ]  # fmt: skip
    return "\r\n".join(asked).encode()


def accepted(*lines: str) -> bytes:
    """The answer of a raw upstream to `handshake`."""
    proof = b64encode(hashlib.sha1(KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    told = [
        "HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket", f"Sec-WebSocket-Accept: {proof}", *lines, "", "",
    ]  # fmt: skip
    return "\r\n".join(told).encode()


def frame(
    opcode: int, payload: bytes = b"", *, last: bool = True, mask: bytes | None = b"\x11\x22\x33\x44"
) -> bytes:
    """A frame as RFC 6455 has it, section 5.2; `mask` is None for one of a server."""
    masked = 0x80 if mask else 0
    size = len(payload)
    if size < 126:
        length = bytes((masked | size,))
    elif size < 65536:
        length = bytes((masked | 126,)) + struct.pack(">H", size)
    else:
        length = bytes((masked | 127,)) + struct.pack(">Q", size)
    if mask:
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes((opcode | (0x80 if last else 0),)) + length + (mask or b"") + payload
