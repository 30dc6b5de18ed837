"""Framing: how bodies and heads are put on the wire."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

LAST_CHUNK: Final = b"0\r\n\r\n"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def status_line(status: int) -> bytes:
    """The first line of an answer."""
    return _LINES.get(status) or f"HTTP/1.1 {status} \r\n".encode()


def chunk(piece: bytes) -> bytes:
    """A piece of a body, not empty, as a chunk."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)
