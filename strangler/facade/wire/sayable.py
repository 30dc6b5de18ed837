"""Sayable: whether what plugins make may go on a wire.

Callers' and upstreams' heads are read strictly. Targets and headers that protocols and session mappings make are texts like any other; a
line end in one of them would begin another header, or another call. Such a text is a defect, said in words that don't quote it.
"""

from __future__ import annotations

import re
from typing import Final

from strangler.facade.answers import Refusal
from strangler.facade.protocol import Headers

FRAMING: Final = frozenset(
    (
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Says how a message is sent, which is up to whoever sends it."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*").fullmatch
_TARGET: Final = re.compile(r"/[!\"$-~]*|\*").fullmatch


class Unsayable(Refusal):
    """What was made of a call can't be sent."""

    def __init__(self, what: str) -> None:
        super().__init__(502, f"it can't be sent: {what}", "proxy_internal_error")


def first_line(method: str, target: str) -> str:
    """The first line of a question. Raises Unsayable."""
    if not _TOKEN(method):
        raise Unsayable("the method of a call to an upstream isn't a word")
    if not _TARGET(target):
        raise Unsayable("the target of a call to an upstream isn't a path, percent-encoded")
    return f"{method} {target} HTTP/1.1"


def sayable(headers: Headers) -> list[tuple[str, str]]:
    """The headers, names in lower case, without those that say how a message is sent. Raises Unsayable."""
    told = []
    for name, value in headers:
        if not _TOKEN(name):
            raise Unsayable(f"{ascii(name)[:80]} is no name of a header")
        if not _VALUE(value):
            raise Unsayable(f"the value of the header {name} has a line end, or another control character")
        if (lower := name.lower()) not in FRAMING:
            told.append((lower, value))
    return told


def answer_lines(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, as they are written. Raises Unsayable."""
    try:
        return [(name.encode(), value.encode("latin-1")) for name, value in sayable(headers)]
    except UnicodeEncodeError as error:
        raise Unsayable("the value of a header has characters beyond ISO 8859-1") from error
