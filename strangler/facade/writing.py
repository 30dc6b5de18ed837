"""Writing: a write on its way, from the decision that lets it through until it has landed.

Invariant 5: it counts under the generation by which it was decided, and a fence is acknowledged when all such have landed.
"""

from __future__ import annotations

from strangler.facade.flight import Flight
from strangler.facade.memory import Memory
from strangler.routing import Decision, Standings


class Writing:
    """One write. Counted from the moment that it is made."""

    __slots__ = ("_caller", "_decision", "_flight", "_generation", "_memory", "begun")

    def __init__(
        self, flight: Flight, memory: Memory, standings: Standings, decision: Decision, caller: str
    ) -> None:
        """`caller` is who writes."""
        self._flight, self._memory, self._generation = flight, memory, standings.generation
        self._decision, self._caller = decision, caller
        self.begun = memory.attend(decision)
        """Who reads from the answer whether a document was begun; None where nobody has to."""
        flight.begin(self._generation)

    def remember(self, standings: Standings) -> None:
        """What was written, and what was begun by it. To be called before it counts as landed."""
        self._memory.note(standings, self._decision, self._caller, self.begun)

    def land(self, lingering: float) -> None:
        """It is over; where it may still be done by whoever was asked, it counts for `lingering` seconds more."""
        self._flight.end(self._generation, lingering)
