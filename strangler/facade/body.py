"""Body: that of a caller's call, on its way to an upstream.

What came of it is held while there is nobody yet who takes it, and for as long as a call that may be put again is short.
"""

from __future__ import annotations

from typing import Final

from strangler.facade.wire.framing import LAST_CHUNK, chunk
from strangler.facade.wire.request import Request

HELD: Final = 65536
"""Bytes of a body that are held."""


class Body:
    """See above. `whole`: all of it has come; `entire`: all that has come is held; `size` of what is held, in bytes."""

    __slots__ = ("_chunked", "_pieces", "entire", "size", "whole")

    def __init__(self, request: Request) -> None:
        self._chunked = request.heading.chunked
        self._pieces: list[bytes] = []
        self.size = 0
        self.whole, self.entire = not request.has_body, True

    @property
    def long(self) -> bool:
        """Whether more is held than should be."""
        return self.size > HELD

    def hold(self, piece: bytes) -> None:
        """Keep a piece that nobody takes yet."""
        self._pieces.append(piece)
        self.size += len(piece)

    def passed(self, piece: bytes, again: bool) -> bytes:
        """A piece as it is passed on; it is kept where all before it is, it may be put `again`, and isn't too long."""
        if self.entire:
            if again and self.size + len(piece) <= HELD:
                self.hold(piece)
            else:
                self.let_go()
        return chunk(piece) if self._chunked else piece

    def let_go(self) -> None:
        """Hold nothing of it any more: it won't be put again."""
        self._pieces.clear()
        self.entire = False

    def so_far(self) -> list[bytes]:
        """The pieces that are held, as they came."""
        return self._pieces

    def said(self) -> bytes:
        """What is held, as it is sent behind the head."""
        if not self._pieces:
            return self.end if self.whole else b""
        if not self._chunked:
            return b"".join(self._pieces)
        return b"".join((*map(chunk, self._pieces), self.end if self.whole else b""))

    @property
    def end(self) -> bytes:
        """What says that it is over."""
        return LAST_CHUNK if self._chunked else b""
