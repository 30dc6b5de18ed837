"""Answer: the head of an upstream's answer, read strictly, and as the caller gets it."""

from __future__ import annotations

import re
from typing import Final

from strangler.facade.wire.names import Fate, header_name
from strangler.facade.wire.request import RawHeaders

_LENGTH: Final = re.compile(rb"[0-9]{1,18}").fullmatch
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search


class BadAnswer(ValueError):
    """The upstream doesn't speak HTTP as expected; the text says how."""


class AnswerHead:
    """The head of an answer. `passes` are the header lines that go on to the caller, each by itself, so that Set-Cookie stays apart.

    `length` is that of the body; None where it is chunked or goes on until the connection ends (`until_close`).
    """

    __slots__ = ("chunked", "length", "passes", "status", "until_close", "vias")

    def __init__(self, status: int) -> None:
        self.status = status
        self.passes: RawHeaders = []
        self.vias: list[bytes] = []
        self.length: int | None = None
        self.chunked = self.until_close = False

    def header(self, name: str) -> str:
        """The value of the first header of this lower-case name, empty for none."""
        return next(
            (value.decode("latin-1") for key, value in self.passes if header_name(key).text == name), ""
        )


def read_answer(status: int, raw: RawHeaders, bodiless: bool) -> AnswerHead:
    """The head that an upstream sent. `bodiless`: the answer has no body whatever it says of its length (HEAD, 204, 304).
    Raises BadAnswer."""
    head, hop = AnswerHead(status), b""
    coding = length = None
    passes = head.passes
    for line in raw:
        known = header_name(line[0])
        if known.fate is Fate.PASSES or known.fate is Fate.OURS:
            passes.append(line)
        elif known.fate is Fate.FRAMING:
            if known.text == "content-length":
                length = line[1] if length is None else _again(length, line[1])
            elif known.text == "transfer-encoding":
                coding = line[1] if coding is None else coding + b"," + line[1]
            elif known.text == "via":
                head.vias.append(line[1])
        elif known.text == "connection":
            hop += b"," + line[1]
        if _CONTROL(line[1]):
            raise BadAnswer(f"its header {known.text} has control characters")
    if hop:
        _drop_listed(head, hop)
    _frame(head, coding, length, bodiless)
    return head


def _again(one: bytes, other: bytes) -> bytes:
    if one != other:
        raise BadAnswer("it says two lengths")
    return one


def _drop_listed(head: AnswerHead, hop: bytes) -> None:
    listed = {part.strip().lower().decode("latin-1") for part in hop.split(b",")} - {
        "",
        "close",
        "keep-alive",
    }
    if listed:
        head.passes = [line for line in head.passes if header_name(line[0]).text not in listed]


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
        head.chunked = True
    if not bodiless and length is None and coding is None:
        head.until_close = True
