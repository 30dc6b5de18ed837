"""Standings: where all functions and cohorts stand at one moment, and how far that can be relied on. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from strangler.cutover.stages import EVERYONE, RULES, SETTLED, Reads, Side, Standing, at_the_start, parted


class Trust(Enum):
    """How far the known standings can be relied on."""

    SURE = "sure"
    LOST = "lost"
    """The control store hasn't been reached for longer than the lease: an owner may have changed unseen."""
    NEVER = "never"
    """The control store hasn't been reached since the start."""


@dataclass(frozen=True, slots=True)
class Standings:
    """One atomic picture of where everything stands; a request keeps the one that it began with.

    `functions` are the whole functions, `cohorts` the slices of each that have a standing of their own, by name. `rulings` is what
    `strangler.routing.ruling` has found to follow from it all, kept as long as the picture holds.
    """

    generation: int = 0
    functions: Mapping[str, Standing] = field(default_factory=dict)
    trust: Trust = Trust.NEVER
    cohorts: Mapping[str, Mapping[str, Standing]] = field(default_factory=dict)
    rulings: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of(self, function: str, cohort: str | None = None) -> Standing:
        """The standing of a cohort where it has one, else of its function."""
        if cohort is not None and (own := self.cohorts.get(function, {}).get(cohort)):
            return own
        return self.functions.get(function) or at_the_start(function)

    def counting_since(self, function: str, cohort: str) -> float:
        """Since when what is counted for a cohort with a standing of its own, or for the whole function, is of it alone, in this stage."""
        apart = self.cohorts.get(function, {}).values() if cohort == EVERYONE else ()
        return max(self.of(function, cohort).since, parted(apart))

    def all_of(self, function: str) -> tuple[Standing, ...]:
        """The standing of a function, and those of its cohorts."""
        return self.of(function), *self.cohorts.get(function, {}).values()

    def each(self) -> Iterator[Standing]:
        """The standings of all functions and cohorts that have one."""
        yield from self.functions.values()
        for cohorts in self.cohorts.values():
            yield from cohorts.values()


def moved(standing: Standing) -> bool:
    """Whether legacy isn't asked any more, neither to read nor to write."""
    return standing.owner is Side.NEW or RULES[standing.stage].reads is Reads.NEW


def shut(trust: Trust, standing: Standing) -> bool:
    """Whether nobody may write for the moment: while the owner is being changed, or may have changed unseen."""
    return standing.fenced or (trust is not Trust.SURE and standing.stage not in SETTLED)


def picture(generation: int, standings: Iterable[Standing], trust: Trust = Trust.SURE) -> Standings:
    """The standings of functions and cohorts, put together."""
    functions: dict[str, Standing] = {}
    cohorts: dict[str, dict[str, Standing]] = {}
    for standing in standings:
        if standing.cohort == EVERYONE:
            functions[standing.function] = standing
        else:
            cohorts.setdefault(standing.function, {})[standing.cohort] = standing
    return Standings(generation, functions, trust, cohorts)
