"""What a case is: bytes that a caller sends, and what may become of them.

Three things may: the facade refuses it, and no upstream gets anything of it; it is passed on, and every upstream there is reads the same;
or it breaks off, and no upstream ever has it whole. Where the RFCs leave the choice a case names both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple


class Asked(NamedTuple):
    """A request as an upstream must have read it: `headers` that it must have with these values, `without` those that it mustn't."""

    method: str = "GET"
    target: str = "/w"
    body: bytes = b""
    headers: Mapping[str, str] = {}
    without: tuple[str, ...] = ()


class Case(NamedTuple):
    """Bytes and what may become of them. `rfc` says where it is written: RFC and section.

    `passed` are the requests that upstreams get at most, `refused` the statuses of which one comes after them; with both and `either`, all
    is refused or all is passed. `breaks`: the caller says no more after these bytes, and what isn't whole mustn't arrive whole; whether it
    hears a status or just the end is free. `closes`: the connection isn't used after the refusal.
    """

    name: str
    rfc: str
    sent: bytes
    passed: tuple[Asked, ...] = ()
    refused: frozenset[int] = frozenset()
    either: bool = False
    breaks: bool = False
    closes: bool = True


BAD: Final = frozenset((400,))
UNKNOWN_CODING: Final = frozenset((400, 501))
TOO_LARGE: Final = frozenset((400, 413, 414, 431))

W: Final = Asked("POST", "/w", b"abcd")
"""The write that most cases are about."""

NEXT: Final = b"GET /smuggled HTTP/1.1\r\nHost: erp\r\n\r\n"
"""What an attacker wants one of two servers to take for a request."""

SECOND: Final = Asked("GET", "/smuggled")


def post(lines: bytes, body: bytes = b"abcd", version: bytes = b"1.1") -> bytes:
    """A write with these header lines, each with its end, and this body."""
    return b"POST /w HTTP/" + version + b"\r\nHost: erp\r\n" + lines + b"\r\n" + body


def get(lines: bytes = b"", target: bytes = b"/w") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\nHost: erp\r\n" + lines + b"\r\n"


def refused(name: str, rfc: str, sent: bytes, statuses: Iterable[int] = BAD, closes: bool = True) -> Case:
    """Nothing of it reaches an upstream."""
    return Case(name, rfc, sent, refused=frozenset(statuses), closes=closes)


def passed(name: str, rfc: str, sent: bytes, *asked: Asked) -> Case:
    """All of it reaches an upstream, and nothing else."""
    return Case(name, rfc, sent, passed=asked)


def either(
    name: str, rfc: str, sent: bytes, *asked: Asked, statuses: Iterable[int] = BAD, closes: bool = False
) -> Case:
    """The RFC leaves the choice, but not that two servers choose differently."""
    return Case(name, rfc, sent, asked, frozenset(statuses), either=True, closes=closes)


def after(name: str, rfc: str, sent: bytes, *asked: Asked, statuses: Iterable[int] = BAD) -> Case:
    """What came first is answered; what follows is refused."""
    return Case(name, rfc, sent, asked, frozenset(statuses))


def breaks(name: str, rfc: str, sent: bytes, *asked: Asked) -> Case:
    """After what is whole comes what never will be."""
    return Case(name, rfc, sent, asked, breaks=True)


def or_breaks(name: str, rfc: str, sent: bytes, *asked: Asked) -> Case:
    """It is whole for some and broken for others; so it arrives whole, or never."""
    return Case(name, rfc, sent, asked, either=True, breaks=True)
