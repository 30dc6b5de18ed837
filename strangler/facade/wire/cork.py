"""Cork: what a connection says within one round of the event loop goes out at the end of that round, at once.

Each write to a socket wakes who reads from it. One write per connection and round, all of them behind each other, wakes the server behind
the facade once for the questions of many callers, not once for each; on few cores that is a quarter of what a call costs. When there is
little to do a round is one call, and nothing waits.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final
from weakref import WeakKeyDictionary

LARGE: Final = 65_536
"""Bytes that aren't copied to be joined with others."""

_log: Final = logging.getLogger("strangler.facade")


class _Round:
    """The corks of one event loop behind which something waits."""

    def __init__(self) -> None:
        self._corks: list[Cork] = []

    def add(self, cork: Cork) -> None:
        if not self._corks:
            asyncio.get_running_loop().call_soon(self._end)
        self._corks.append(cork)

    def _end(self) -> None:
        corks, self._corks = self._corks, []
        for cork in corks:
            try:
                cork.pull()
            except Exception as error:  # noqa: BLE001  # one connection's trouble keeps no other's words back
                _log.exception("what was to be sent couldn't be", extra={"reason": str(error)})
                cork.abort()


_ROUNDS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Round]] = WeakKeyDictionary()


def _round() -> _Round:
    """That of the running loop."""
    loop = asyncio.get_running_loop()
    found = _ROUNDS.get(loop)
    if found is None:
        found = _ROUNDS[loop] = _Round()
    return found


class Cork:
    """Before one transport. Nothing of it waits beyond the round in which it was written. `pulled`: how often something went out."""

    __slots__ = ("_pieces", "_round", "_transport", "pulled")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._pieces: list[bytes] = []
        self._round = _round()
        self.pulled = 0

    def write(self, data: bytes) -> None:
        """Have bytes sent, in the order in which they are written."""
        pieces = self._pieces
        if len(data) >= LARGE:
            self.pull()
            self._transport.write(data)
            return
        if not pieces:
            self._round.add(self)
        pieces.append(data)

    def pull(self) -> None:
        """Send what waits now."""
        pieces = self._pieces
        if not pieces:
            return
        self._pieces = []
        self.pulled += 1
        if not self._transport.is_closing():
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def throw_away(self) -> None:
        """Send nothing of what waits."""
        self._pieces.clear()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    @property
    def holds(self) -> bool:
        """Whether something waits here."""
        return bool(self._pieces)

    @property
    def waiting(self) -> int:
        """Bytes that the kernel hasn't taken."""
        return sum(map(len, self._pieces)) + self._transport.get_write_buffer_size()
