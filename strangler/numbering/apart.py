"""Whether both sides' numbers are still apart, and for how long. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from strangler.control.stretches import Stretch
from strangler.cutover.stages import Side

DOUBLE: Final = "numbers may be double"
"""The kind of the entry on the ledger which says that the side behind wasn't looked after in time."""

RENEWED: Final = 0.5
"""The share of the gap below which it is renewed: the other half lasts until somebody looks again."""


def left(stretch: Stretch, lasts: Mapping[Side, int]) -> int:
    """How many numbers the side behind has before it; below zero it has drawn some that the other one may have drawn, too."""
    return stretch.beyond - lasts[stretch.behind]


def runs_low(stretch: Stretch, lasts: Mapping[Side, int], gap: int) -> bool:
    """Whether it is time to leap, or a leap was begun and isn't known to be done."""
    return stretch.leap is not None or left(stretch, lasts) < gap * RENEWED
