"""Standings: where all functions stand at one moment, and how far that can be relied on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from strangler.cutover.stages import EVERYONE, RULES, Reads, Side, Standing, at_the_start


class Trust(Enum):
    """How far the known standings can be relied on."""

    SURE = "sure"
    LOST = "lost"
    """The control store hasn't been reached for longer than the lease: an owner may have changed unseen."""
    NEVER = "never"
    """The control store hasn't been reached since the start."""


@dataclass(frozen=True, slots=True)
class Standings:
    """One atomic picture of where all functions stand; a request keeps the one that it began with.

    `rulings` is what `strangler.routing.decision` has found to follow from it, kept as long as the picture holds.
    """

    generation: int = 0
    functions: Mapping[str, Standing] = field(default_factory=dict)
    trust: Trust = Trust.NEVER
    rulings: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of(self, function: str) -> Standing:
        return self.functions.get(function) or at_the_start(function)

    def moved(self, function: str) -> bool:
        """Whether legacy isn't asked any more, neither to read nor to write."""
        standing = self.of(function)
        return standing.owner is Side.NEW or RULES[standing.stage].reads is Reads.NEW


def by_function(standings: Iterable[Standing]) -> dict[str, Standing]:
    """Standings of whole functions, by function."""
    return {standing.function: standing for standing in standings if standing.cohort == EVERYONE}
