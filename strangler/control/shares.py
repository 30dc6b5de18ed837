"""Shares: what a run found of each cohort that it told apart, as it counts for a cohort by the standings of now. Pure.

What a run could tell of no cohort counts for all of them, and so does everything of a run that told none apart (invariant 7).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from strangler.cutover.stages import EVERYONE


class Found(NamedTuple):
    """What speaks against a cohort: keys that differ, and groups of balances that don't agree."""

    drift: int = 0
    unbalanced: int = 0

    def plus(self, other: Found) -> Found:
        return Found(self.drift + other.drift, self.unbalanced + other.unbalanced)


class Shares(NamedTuple):
    """What a run found of each cohort that it `told` apart (`*`: of all that didn't move on their own), and what it could tell of none."""

    told: Mapping[str, Found]
    untold: Found = Found()

    def of(self, cohort: str, alone: Collection[str]) -> Found:
        """What counts for a cohort; see `counting`."""
        found = self.untold
        for name in counting(self.told, cohort, alone):
            found = found.plus(self.told[name])
        return found


NOTHING: Final = Shares({})
"""Of a run that told no cohorts apart."""


def counting(told: Collection[str], cohort: str, alone: Collection[str]) -> list[str]:
    """The cohorts that were told apart whose figures count for a cohort. `alone` are those that move on their own now: one that did so
    when the run looked and has rejoined the others counts for these, one that was separated since then was among the others."""
    if cohort != EVERYONE and cohort in told:
        return [cohort]
    if EVERYONE not in told:
        return list(told)
    return [EVERYONE, *(each for each in told if cohort == EVERYONE and each not in (EVERYONE, *alone))]
