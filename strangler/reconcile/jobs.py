"""What a reconciliation is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

MOST_FINDINGS: Final = 1000
"""Keys per entity that are recorded with their fields: enough to see what is wrong, too few to fill a disk."""

SAMPLE: Final = 10_000
"""Keys in a sample: none of them different says with 95 % confidence that fewer than 3 of 10,000 are."""


class Mode(StrEnum):
    """How thoroughly both sides are compared."""

    FULL = "full"
    """Every row and every balance."""
    QUICK = "quick"
    """How many rows there are, and the balances."""
    SAMPLE = "sample"
    """Random keys, and what that says of the others."""
    RECENT = "recent"
    """The keys that events were about since a moment."""


@dataclass(frozen=True, slots=True)
class Job:
    """One reconciliation of a function.

    `entities`: only these; empty: all. `confirm`: look again once the store has passed a position, so that what is on its way doesn't
    count. `limit`: keys per entity that are kept with their fields. `sample`: keys to draw per part, in mode `sample`. `since`: seconds
    since the epoch, in mode `recent`. `within`: seconds after which it stops, incomplete; None: never. `resume`: go on with the
    last run of the same kind that was interrupted, if there is one.
    """

    function: str
    mode: Mode = Mode.FULL
    entities: tuple[str, ...] = ()
    confirm: bool = True
    limit: int = MOST_FINDINGS
    sample: int = SAMPLE
    since: float | None = None
    within: float | None = None
    resume: bool = False


class Progress(NamedTuple):
    """What is being done now: with which part, in words, and which share of the part is done, None where that isn't known."""

    part: str
    words: str
    share: float | None = None


Told = Callable[[Progress], None]


def balance_part(name: str) -> str:
    """What a balance is called among the parts of a function."""
    return f"balance {name}"
