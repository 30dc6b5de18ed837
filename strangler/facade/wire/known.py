"""Known: what was read of a head, or of its first line, before, found again by its bytes.

Callers and upstreams say the same lines again and again. A head that was read once, carefully, says the same thing when it comes again
byte by byte, so it isn't read a second time. Nothing that merely looks alike is found here.
"""

from __future__ import annotations

import re
from array import array
from typing import Final, Generic, TypeVar

LONGEST: Final = 4096
"""Bytes of a head that is remembered; a longer one is read each time."""

ROOM: Final = 16 * 1024 * 1024
"""Bytes that each half of what is remembered takes: some five thousand heads."""

READ: Final = 3072
"""Bytes that what was read of a head takes beside it, about."""

GROUPS: Final = 16_384
"""Groups of places in which it is remembered that a head came once; a later one takes the place of the earliest in its group."""

PLACES: Final = 4
"""Places of a group: heads that come in turn put each other out where more of them than that share one."""


LINES: Final = 8192
"""Most first lines that are remembered."""

LONGEST_LINE: Final = 512
"""Bytes of a first line that is remembered."""

_FIRST: Final = re.compile(
    rb"(GET|POST|PUT|DELETE|PATCH|HEAD) (/[A-Za-z0-9/._~!$&'()*+,;=:@?%-]*) HTTP/1\.1\r\n"
).fullmatch
"""First lines of calls, written as all write them."""


class Line:
    """What the first line of a call says; `path` is the target without its query."""

    __slots__ = ("method", "path", "target")

    def __init__(self, method: str, target: str) -> None:
        self.method, self.target = method, target
        self.path = target.partition("?")[0]


class Lines:
    """First lines, read; with the `\\r\\n` that ends them. Those that callers say again and again are read once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Line] = {}

    def read(self, first: bytes) -> Line | None:
        """What it says; None for one that isn't written as all write them."""
        line = self._known.get(first)
        if line is None and (found := _FIRST(first)) is not None:
            line = Line(found[1].decode("ascii"), found[2].decode("ascii"))
            if len(first) <= LONGEST_LINE:
                if len(self._known) >= LINES:
                    self._known.clear()
                self._known[first] = line
        return line


T = TypeVar("T")


class Known(Generic[T]):
    """Heads and what follows from them. What comes once, as a head with a number of its call does, takes no room; what wasn't asked for
    in a while is forgotten, the half of all at a time.

    A key is where the head came from, empty where that doesn't matter, and its bytes. `lately` is the half to ask first.
    """

    def __init__(self) -> None:
        self.lately: dict[tuple[str, bytes], T] = {}
        self._before: dict[tuple[str, bytes], T] = {}
        self._size = 0
        # All of it from the beginning: what grows looks like a leak.
        self._met = array("q", bytes(8 * GROUPS * PLACES))

    def __len__(self) -> int:
        return len(self.lately) + len(self._before)

    def find(self, key: tuple[str, bytes]) -> T | None:
        """What is known of it."""
        found = self.lately.get(key)
        if found is None and (found := self._before.pop(key, None)) is not None:
            self._keep(key, found)
        return found

    def keep(self, key: tuple[str, bytes], value: T) -> None:
        """Know it from now on, if it came before."""
        mark = hash(key)
        first = mark % GROUPS * PLACES
        group = self._met[first : first + PLACES]
        if mark in group:
            self._keep(key, value)
        else:
            group.pop()
            group.insert(0, mark)
            self._met[first : first + PLACES] = group

    def _keep(self, key: tuple[str, bytes], value: T) -> None:
        if self._size > ROOM:
            self._before, self.lately, self._size = self.lately, {}, 0
        self.lately[key] = value
        self._size += len(key[1]) + READ


def in_lines(head: bytes, lines: int) -> bool:
    """Whether a head is so many lines and the empty one that ends it, nothing before, between or behind them: then there is no other
    way to cut it."""
    ends = head.count(b"\r\n")
    return (
        ends == lines + 1
        and ends == head.count(b"\n") == head.count(b"\r")
        and head.find(b"\r\n\r\n") == len(head) - 4
    )
