"""Cork: what a connection says within one round of the event loop goes out at the end of that round, at once.

Each write to a socket wakes who reads from it. One write per connection and round, all of them behind each other, wakes the server behind
the facade once for the questions of many callers, not once for each; on few cores that is a quarter of what a call costs. When there is
little to do a round is one call, and nothing waits.
"""

from __future__ import annotations

import asyncio
from typing import Final

LARGE: Final = 65_536
"""Bytes that aren't copied to be joined with others."""


class Cork:
    """Before one transport. Nothing of it waits beyond the round in which it was written."""

    __slots__ = ("_call_soon", "_pieces", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._pieces: list[bytes] = []
        self._call_soon = asyncio.get_running_loop().call_soon

    def write(self, data: bytes) -> None:
        """Have bytes sent, in the order in which they are written."""
        pieces = self._pieces
        if len(data) >= LARGE:
            self.pull()
            self._transport.write(data)
            return
        if not pieces:
            self._call_soon(self.pull)
        pieces.append(data)

    def pull(self) -> None:
        """Send what waits now."""
        pieces = self._pieces
        if not pieces:
            return
        self._pieces = []
        if not self._transport.is_closing():
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def throw_away(self) -> None:
        """Send nothing of what waits."""
        self._pieces.clear()

    @property
    def waiting(self) -> int:
        """Bytes that the kernel hasn't taken."""
        return sum(map(len, self._pieces)) + self._transport.get_write_buffer_size()
