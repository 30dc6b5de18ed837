"""Answer: the head of an upstream's answer, read strictly, and as the caller gets it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from strangler.facade.wire.names import NAMES, Fate
from strangler.facade.wire.request import RawHeaders

_LENGTH: Final = re.compile(rb"[0-9]{1,18}").fullmatch


class BadAnswer(ValueError):
    """The upstream doesn't speak HTTP as expected; the text says how."""


class AnswerHead:
    """The head of an answer. `lines` are the header lines that go on to the caller, each by itself, so that Set-Cookie stays apart.

    `length` is that of the body; None where it is chunked or goes on until the connection ends (`until_close`). `streams`: it
    is a stream of events, which may have no end. `upgrade` is the protocol that the upstream changes to, or would.
    """

    __slots__ = (
        "_hop",
        "_raw",
        "chunked",
        "length",
        "lines",
        "status",
        "streams",
        "told",
        "until_close",
        "upgrade",
        "vias",
    )

    def __init__(self, status: int, raw: RawHeaders) -> None:
        self.status, self._raw = status, raw
        self._hop: frozenset[str] = frozenset()
        self.lines: list[bytes] = []
        self.vias: list[bytes] = []
        self.length: int | None = None
        self.chunked = self.until_close = self.streams = False
        self.upgrade = ""
        self.told: bytes | None = None
        """As a caller gets it on a connection of HTTP/1.1 that stays, once it was told so; None where that depends on more."""

    def passing(self) -> Iterator[tuple[bytes, bytes]]:
        """The lines that don't end on this hop."""
        for line in self._raw:
            text, fate = NAMES[line[0]]
            if fate is not Fate.FRAMING and fate is not Fate.HOP and text not in self._hop:
                yield line

    def pairs(self) -> list[tuple[str, str]]:
        """The same, names in lower case."""
        return [(NAMES[name].text, value.decode("latin-1")) for name, value in self.passing()]

    def list_hop(self, connection: bytes) -> None:
        """Let nothing go on that Connection lists."""
        listed = (part.strip().lower().decode("latin-1") for part in connection.split(b","))
        self._hop = frozenset(listed) - _COMMON
        if self._hop:
            self.lines = [b"%b: %b\r\n" % line for line in self.passing()]


_READ: Final = Fate.READ
_FRAMING: Final = Fate.FRAMING
_ENDS_HERE: Final = frozenset((Fate.HOP, Fate.FRAMING))
_COMMON: Final = frozenset(("", "close", "keep-alive", "upgrade"))


def read_answer(status: int, raw: RawHeaders, bodiless: bool) -> AnswerHead:
    """The head that an upstream sent. `bodiless`: the answer has no body whatever it says of its length (HEAD, 204, 304).
    Raises BadAnswer."""
    head, hop = AnswerHead(status, raw), b""
    coding = length = None
    lines = head.lines
    for line in raw:
        text, fate = NAMES[line[0]]
        if fate not in _ENDS_HERE:
            lines.append(b"%b: %b\r\n" % line)
            if fate is _READ:
                head.streams = line[1][:17].lower() == b"text/event-stream"
        elif fate is _FRAMING:
            if text == "content-length":
                length = line[1] if length is None else _again(length, line[1])
            elif text == "transfer-encoding":
                coding = line[1] if coding is None else coding + b"," + line[1]
            elif text == "via":
                head.vias.append(line[1])
        elif text == "connection" and line[1] != b"keep-alive":
            hop += b"," + line[1]
        elif text == "upgrade":
            head.upgrade = line[1].decode("latin-1").lower()
    if hop:
        head.list_hop(hop)
    _frame(head, coding, length, bodiless)
    return head


def _again(one: bytes, other: bytes) -> bytes:
    if one != other:
        raise BadAnswer("it says two lengths")
    return one


def _frame(head: AnswerHead, coding: bytes | None, length: bytes | None, bodiless: bool) -> None:
    if length is not None:
        if not _LENGTH(length):
            raise BadAnswer("its Content-Length isn't a number")
        head.length = int(length)
    if coding is not None:
        if coding.lower() != b"chunked":
            raise BadAnswer("it has a transfer coding other than chunked")
        if length is not None:
            raise BadAnswer("it has Content-Length and Transfer-Encoding")
    head.chunked = coding is not None and not bodiless
    head.until_close = coding is None and length is None and not bodiless
