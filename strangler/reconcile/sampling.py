"""A sample of keys, drawn by their numbers so that both sides have the same, and what it says of all of them. Pure.

Numbers are divided by a prime, and some remainders are drawn at random; so whatever a table's keys have in common, which
of them are drawn has nothing to do with it.
"""

from __future__ import annotations

import math
import random
from typing import Final, NamedTuple

PRIME: Final = 10_007
"""Remainders to draw from: enough that a sample is as large as it was asked for."""

CONFIDENCE: Final = 0.95
"""How sure the statement about all keys is."""


class Sampling(NamedTuple):
    """The remainders that are drawn."""

    remainders: tuple[int, ...]

    def condition(self, number: str) -> str:
        """SQL of the condition on a number that is written so."""
        return f"((({number}) % {PRIME}) + {PRIME}) % {PRIME} IN ({', '.join(map(str, self.remainders))})"

    def draws(self, number: int) -> bool:
        """The same condition in Python."""
        return number % PRIME in self.remainders

    def at_most(self, differing: int, compared: int) -> float:
        """The largest share of all keys that may differ; of a sample that is the whole, the share that does."""
        if len(self.remainders) == PRIME:
            return differing / compared if compared else 0.0
        return most(differing, compared)


def draw(keys: int, of: int, seed: int) -> Sampling:
    """About `keys` of `of` keys; all where there are no more."""
    count = PRIME if of <= keys else max(1, round(PRIME * keys / of))
    return Sampling(tuple(sorted(random.Random(seed).sample(range(PRIME), count))))


def most(differing: int, compared: int) -> float:
    """The largest share of all keys that may differ, with `CONFIDENCE`, when so many of those compared do: the upper bound of
    Clopper and Pearson, 1.0 of nothing."""
    if differing >= compared:
        return 1.0
    low, high = differing / compared, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if _at_most(differing, compared, middle) > 1 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _at_most(differing: int, compared: int, share: float) -> float:
    """The chance that no more than `differing` of `compared` differ where a share of all does."""
    if share in (0.0, 1.0):
        return 1.0 - share
    logs = [
        math.lgamma(compared + 1)
        - math.lgamma(each + 1)
        - math.lgamma(compared - each + 1)
        + each * math.log(share)
        + (compared - each) * math.log1p(-share)
        for each in range(differing + 1)
    ]
    greatest = max(logs)
    return math.exp(greatest) * math.fsum(math.exp(each - greatest) for each in logs)
