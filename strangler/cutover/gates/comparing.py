"""When comparisons of answers and of effects are too old, or too few of what was asked, to be evidence."""

from __future__ import annotations

from typing import Final

from strangler.cutover.evidence import Evidence

COMPARED_LATELY: Final = 86_400.0
"""Seconds after which the last comparison is too old: one whole business day of an ERP is the least rhythm."""

UNCOMPARED: Final = 0.05
"""Largest share of what was sent to both sides that couldn't be compared: what it would have shown isn't known, and once new owns the
function nobody else answers it."""


def more(evidence: Evidence, do: str) -> str:
    """What to do for more evidence. Calls of a cohort without a standing of its own are counted with those of all others."""
    if evidence.counted_alone:
        return do
    return f"strangler separate {evidence.standing.spelled}, so that its calls are counted for it alone; then {do}"
