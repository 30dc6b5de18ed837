"""When comparisons of answers and of effects are too old, or too few of what was asked, to be evidence."""

from __future__ import annotations

import math
from typing import Final

from strangler.cutover.evidence import Evidence
from strangler.cutover.stages import EVERYONE
from strangler.durations import moment

COMPARED_LATELY: Final = 86_400.0
"""Seconds after which the last comparison is too old: one whole business day of an ERP is the least rhythm."""

UNCOMPARED: Final = 0.05
"""Largest share of what was sent to both sides that couldn't be compared: what it would have shown isn't known, and once new owns the
function nobody else answers it."""


def since(evidence: Evidence, within: float = math.inf) -> str:
    """Whose calls are counted and since when, as the end of a sentence; empty where no cohort ever parted, or did so longer ago than the
    `within` seconds that are looked at anyway."""
    standing, begun = evidence.standing, evidence.counted_from
    own = evidence.picture.cohorts(standing.function)
    if not (begun and own and evidence.counted_alone) or evidence.now - begun > within:
        return ""
    at = moment(begun)
    if begun == standing.parted:
        return f"; only {standing.name}'s own are counted, since {at}: before it was separated they were counted with all others'"
    gone = [each for each in own if each.parted == begun]
    if standing.cohort == EVERYONE and gone:
        return f"; those since {at} are counted: before {gone[0].name} was separated its own were among them"
    return f"; those since {at} are counted, when it came into shadow"


def more(evidence: Evidence, do: str) -> str:
    """What to do for more evidence. Calls of a cohort without a standing of its own are counted with those of all others."""
    if evidence.counted_alone:
        return do
    return f"strangler separate {evidence.standing.spelled}, so that its calls are counted for it alone; then {do}"
