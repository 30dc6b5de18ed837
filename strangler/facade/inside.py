"""Inside: code that reads and writes by itself, asking who owns a function instead of calling through the facade.

A report, a batch job, a service that still writes into legacy's tables. What it asks is decided as for the facade's callers. What it
writes must not slip past a switch either, so it stands in the table of facades: a switch waits until each write that was begun
before its fence is over, and none begins behind it (invariants 4 and 5). That holds for writes inside of `writing`; what code
writes on its own only because it once read an owner, nobody waits for.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from strangler.control import facades
from strangler.control.store import Control
from strangler.cutover.stages import Side
from strangler.errors import Refused, StranglerError
from strangler.facade.background import Background, Line
from strangler.facade.begun import Begun
from strangler.facade.guarded import GuardedFlight, GuardedMemory
from strangler.facade.standing import LEASE
from strangler.names import unknown
from strangler.routing import Decision, Standings
from strangler.routing.named import About, Named
from strangler.routing.route import Kind
from strangler.settings import Facade, Settings

_LATER: Final = "do it again in a moment, or hand it to the facade"


class _Said(Begun):
    """A document that was begun, where code itself says so."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def key(self) -> str | None:
        return self._key


class Write:
    """A write that is under way: to the `owner`, under a `generation` of the standings."""

    def __init__(
        self, decision: Decision, standings: Standings, still: Callable[[], Decision], stays: bool
    ) -> None:
        self.decision, self.standings, self._still, self._stays = decision, standings, still, stays
        self.owner, self.generation = decision.side, standings.generation
        self.begun: list[str] = []

    def confirm(self) -> None:
        """Say right before the commit of a long write that it still may: whether whoever switches owners still waits for it. Raises
        Refused when the control store was out of reach for so long that nobody may."""
        decision = self._still()
        if decision.status is not None:
            raise Refused(
                f"this write of {decision.function} mustn't be committed",
                why=decision.why,
                do=f"roll it back; {_LATER}",
            )

    def began(self, key: str) -> None:
        """It begins the document `key`, which stays on this side from now on. Raises StranglerError where documents don't."""
        if not self._stays:
            function = self.decision.function
            raise StranglerError(
                f"documents of {function} don't stay where they are begun",
                why=f"functions.{function}.documents isn't configured",
                do="configure it, or don't say that one was begun",
            )
        self.begun.append(key)


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
        self._functions = settings.functions
        # Without a facade its defaults say how callers are divided, and how much is remembered.
        facade = settings.facade or Facade(legacy="")
        self._named = Named(settings.functions, facade)
        self._flight, self._memory = GuardedFlight(), GuardedMemory(settings.functions, facade)
        host, number = socket.gethostname()[:40], os.getpid()
        line = Line(facades.new_id(), f"{name} (process {number} on {host})")
        self._background = Background(
            open_control, line, self._flight, self._memory, heard=heard, lease=lease
        )
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

    def ask(self, standings: Standings, function: str, kind: Kind, about: About) -> Decision:
        """Who answers reads of the function, or may write. Raises StranglerError for a function that there isn't."""
        if function not in self._functions:
            raise unknown("function", function, self._functions, where="in the configuration")
        return self._named.ask(standings, function, kind, about, self._memory)

    def at_home(self, function: str, key: str | None) -> bool:
        """Whether it is known where the document was begun."""
        pins = self._memory.pins(function)
        return key is not None and pins is not None and pins.side(key) is not None

    @contextmanager
    def writing(self, function: str, side: Side | str | None, about: About) -> Iterator[Write]:
        """A write of the function, to `side`, or to whoever owns it: it says who. A switch waits until it is over.

        Raises Refused when another side owns it, while writes are fenced, and while nobody knows who owns it.
        """
        write = self._begin(function, None if side is None else Side(side), about)
        try:
            yield write
        finally:
            self._end(write, about)

    def _begin(self, function: str, side: Side | None, about: About) -> Write:
        with self._flight.lock:  # Invariant 5: decided and counted at once.
            standings = self.current()
            decision = self.ask(standings, function, "write", about)
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

        def still() -> Decision:
            # By the same standings: a fence waits for this very write.
            return self.ask(replace(standings, trust=self.current().trust), function, "write", about)

        return Write(decision, standings, still, self._functions[function].documents is not None)

    def _end(self, write: Write, about: About) -> None:
        """What others must know of it comes before it counts as landed, whatever has come of it."""
        try:
            for key in write.begun or (None,):
                self._memory.note(write.standings, write.decision, about.caller, _Said(key))
        finally:
            self._flight.end(write.generation)
