"""Background: the keeper of standings in a thread of its own, for those who stand in the table of facades and have no event loop.

Code that writes by itself (`strangler.facade.inside`) and what follows a proxy's configuration (`strangler.following`) keep to the very
protocol of a facade: announced, then read; acknowledged when nothing older is under way (invariant 5).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from strangler.control.store import Control
from strangler.facade.flight import Flight
from strangler.facade.memory import Memory
from strangler.facade.standing import LEASE, PERIOD, Keeper
from strangler.routing import Standings, Trust

_NEVER: Final = Standings()


@dataclass(frozen=True, slots=True)
class Line:
    """How it stands in the table of facades: under which name, and where whoever waits for it finds it. `lasts`: see
    `strangler.control.facades.FacadeRecord`."""

    id: str
    address: str
    lasts: bool = False


class Background:
    """Standings that are kept up to date from `open` to `close`. Safe to use from any thread.

    `heard` is called in the background's thread soon after something has changed: the generation, or how far it can be relied on.
    """

    def __init__(
        self,
        open_control: Callable[[], Control],
        line: Line,
        flight: Flight,
        memory: Memory,
        *,
        heard: Callable[[], None] = lambda: None,
        lease: float = LEASE,
    ) -> None:
        self._line, self._flight, self._heard = line, flight, heard
        self._keeper = Keeper(open_control, line.id, flight, memory, lease)
        self._keeper.address, self._keeper.lasts = line.address, line.lasts
        self._loop = asyncio.new_event_loop()
        landed = flight.on_landing
        flight.on_landing = lambda: self._call(landed)
        self._process = os.getpid()
        self._reached = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="strangler standings", daemon=True)

    def open(self, wait: float) -> bool:
        """Begin, and wait at most so many seconds for the control store; whether it was reached."""
        self._thread.start()
        return self._reached.wait(wait)

    def current(self) -> Standings:
        """The picture to decide by, with the trust that it deserves at this moment."""
        # The thread didn't come along into a process that was forked off: nobody there would hear of a fence.
        return self._keeper.current() if os.getpid() == self._process else _NEVER

    @property
    def trouble(self) -> str:
        """Why the control store can't be reached; empty when it can."""
        if os.getpid() != self._process:
            return "this process was forked off after the connection was made; make one in each process"
        return self._keeper.trouble

    def close(self, within: float = 0.0) -> bool:
        """Take the line away once every write has landed, and wait for that at most so many seconds; whether it is done. What hasn't
        landed by then keeps the line, and with it a conductor waiting, until it has."""
        self._stop.set()
        self._thread.join(within)
        return not self._thread.is_alive()

    def _call(self, landed: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # The loop is closed: nothing is acknowledged any more.
            self._loop.call_soon_threadsafe(landed)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._keep())

    async def _keep(self) -> None:
        keeping = asyncio.create_task(self._keeper.run())
        known: object = None
        while not (self._stop.is_set() and not len(self._flight)):
            standings = self._keeper.current()
            state = standings.generation, standings.trust, bool(self._keeper.trouble)
            if standings.trust is not Trust.NEVER:
                self._reached.set()
            if state != known:
                known = state
                self._heard()
            await asyncio.sleep(PERIOD / 4)
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        await self._keeper.leave()
        if self._keeper.control is not None:
            self._keeper.control.close()
