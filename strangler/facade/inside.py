"""Inside: code that reads and writes by itself, asking who owns a function instead of calling through the facade.

A report, a batch job, a service that still writes into legacy's tables. What it asks is decided as for the facade's callers. What it
writes must not slip past a switch either, so it stands in the table of facades: a switch waits until each write that was begun
before its fence is over, and none begins behind it (invariants 4 and 5). That holds for writes inside of `writing`; what code
writes on its own only because it once read an owner, nobody waits for.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from strangler.control.store import Control
from strangler.cutover.stages import Side
from strangler.errors import Refused
from strangler.facade.background import Background, GuardedFlight, Line
from strangler.facade.standing import LEASE
from strangler.names import unknown
from strangler.routing import Decision, Standings, Trust
from strangler.routing.named import Named
from strangler.routing.route import Kind
from strangler.settings import Settings

_LATER: Final = "do it again in a moment, or hand it to the facade"


class Write:
    """A write that is under way: to the `owner`, under a `generation` of the standings."""

    def __init__(self, function: str, owner: Side, generation: int, current: Callable[[], Standings]) -> None:
        self.function, self.owner, self.generation = function, owner, generation
        self._current = current

    def confirm(self) -> None:
        """Say right before the commit of a long write that it still may: whether whoever switches owners still waits for it. Raises
        Refused when the control store was out of reach for so long that nobody may."""
        if self._current().trust is not Trust.SURE:
            raise Refused(
                f"{self.function} may have another owner by now, so this write mustn't be committed",
                why="the control store has been out of reach for so long that nobody waits for it",
                do=f"roll it back; {_LATER}",
            )


class Inside:
    """One process's line. Safe to use from any thread, and from coroutines: nothing here waits but `open` and `close`.

    `name` is how people know the process ("nightly billing"); it is shown when a switch waits for it. `heard` is called in a thread of its
    own after each change of the standings, or of how far they can be relied on.
    """

    def __init__(
        self,
        settings: Settings,
        open_control: Callable[[], Control],
        name: str,
        *,
        heard: Callable[[], None] = lambda: None,
        lease: float = LEASE,
    ) -> None:
        self._functions = list(settings.functions)
        self._named = Named(settings.functions, settings.facade)
        self._flight = GuardedFlight()
        host, number = socket.gethostname()[:40], os.getpid()
        line = Line(f"{host}-{number}-{secrets.token_hex(3)}", f"{name} (process {number} on {host})")
        self._background = Background(open_control, line, self._flight, heard=heard, lease=lease)
        self._closing = False

    def open(self, wait: float) -> bool:
        """Begin, and wait at most so many seconds for the control store; whether it was reached. It is tried on in any case."""
        return self._background.open(wait)

    def close(self, within: float) -> bool:
        """Begin no more writes, wait at most so many seconds for those under way, and take the line away once they are over; whether
        they are."""
        self._closing = True
        return self._background.close(within)

    def current(self) -> Standings:
        """Where everything stands, as far as it is known."""
        return self._background.current()

    @property
    def trouble(self) -> str:
        """Why the control store can't be reached; empty when it can."""
        return self._background.trouble

    def ask(self, standings: Standings, function: str, kind: Kind, caller: str = "") -> Decision:
        """Who answers reads of the function, or may write. Raises StranglerError for a function that there isn't."""
        if function not in self._functions:
            raise unknown("function", function, self._functions, where="in the configuration")
        return self._named.ask(standings, function, kind, caller)

    @contextmanager
    def writing(self, function: str, side: Side | str | None = None) -> Iterator[Write]:
        """A write of the function, to `side`, or to whoever owns it: it says who. A switch waits until it is over.

        Raises Refused when another side owns it, while writes are fenced, and while nobody knows who owns it.
        """
        write = self._begin(function, None if side is None else Side(side))
        try:
            yield write
        finally:
            self._flight.end(write.generation)

    def _begin(self, function: str, side: Side | None) -> Write:
        with self._flight.lock:  # Invariant 5: decided and counted at once.
            standings = self.current()
            decision = self.ask(standings, function, "write")
            if self._closing:
                raise Refused(f"{function} can't be written to", why="the connection to Strangler is closed")
            if decision.status is not None:
                raise Refused(f"{function} can't be written to now", why=decision.why, do=_LATER)
            if side is not None and side is not decision.side:  # Invariant 4
                raise Refused(
                    f"{function} can't be written to in {side}",
                    why=decision.why,
                    do=f"write to {decision.side}, or hand it to the facade, which knows where",
                )
            self._flight.begin(standings.generation)
        return Write(function, decision.side, standings.generation, self.current)
