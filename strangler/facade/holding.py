"""Holding: writes that meet a fence wait a moment for it to be lifted, since a switch takes less than most callers' patience.

What waits is nothing yet: it has no room, counts as no write under way, and no upstream has heard of it, so a fence is acknowledged without
it (invariant 5). When the standings change it is decided anew, by the picture of that moment (invariant 4): it goes to the new owner, or
to the old one where the switch was undone. Its body is held like that of a call that waits for room, and its caller beyond that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Literal, NamedTuple, Protocol

from strangler.facade.shedding import Room

Outcome = Literal["passed", "refused", "left"]
"""It was decided otherwise; it was refused when its time was up, or for another reason; its caller left, or the facade ended."""


class Writer(Protocol):
    """A write that waits."""

    def decide_again(self) -> None:
        """The standings have changed."""


class Wait(NamedTuple):
    """The waiting of one write. `since` and `until` are moments of the monotonic clock."""

    writer: Writer
    function: str
    since: float
    until: float


class Holding:
    """Holds writes at most `longest` seconds, 0.0 for not at all; with the calls under way not more of them than `room` has for writes.
    Belongs to the event loop's thread."""

    def __init__(self, longest: float, room: Room) -> None:
        self._longest, self._room = longest, room
        self._waiting: dict[Writer, Wait] = {}
        self.outcomes: dict[tuple[str, Outcome], int] = {}
        """How many waited, by function and what came of it, since the start."""
        self.seconds: dict[str, float] = {}
        """How long they waited in all, by function."""

    def __len__(self) -> int:
        return len(self._waiting)

    def hold(self, writer: Writer, function: str, now: float, patience: float) -> Wait | None:
        """Let it wait, at most `patience` seconds; None when it can't."""
        longest = min(self._longest, patience)
        if longest <= 0.0 or len(self._waiting) + self._room.under >= self._room.limit:
            return None
        wait = self._waiting[writer] = Wait(writer, function, now, now + longest)
        return wait

    def let_go(self, wait: Wait, outcome: Outcome, now: float) -> None:
        """It waits no more."""
        del self._waiting[wait.writer]
        function, waited = wait.function, now - wait.since
        self.outcomes[(function, outcome)] = self.outcomes.get((function, outcome), 0) + 1
        self.seconds[function] = self.seconds.get(function, 0.0) + waited

    def look(self) -> None:
        """The standings have changed: all are decided anew, in the order in which they came, each in a turn of the loop of its own."""
        loop = asyncio.get_running_loop()
        for writer in self._waiting:
            loop.call_soon(writer.decide_again)

    def counts(self) -> Iterator[tuple[tuple[str, str], float]]:
        """`outcomes`, as metrics ask for them."""
        yield from list(self.outcomes.items())

    def times(self) -> Iterator[tuple[tuple[str], float]]:
        """`seconds`, as metrics ask for them."""
        yield from (((function,), seconds) for function, seconds in list(self.seconds.items()))
