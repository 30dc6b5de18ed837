"""States: what people are to know of a standing beside its stage, in a word and why. Pure.

One at a time, the most urgent: writes that wait, a mapping that is broken, somebody's word that nobody may advance it, a way that it went
back and not on since.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from strangler.cutover.evidence import Evidence
from strangler.durations import format_duration


class State(StrEnum):
    """The states, by the name that people see."""

    SWITCHING = "switching"
    STOPPED = "stopped"
    PAUSED = "paused"
    ROLLED_BACK = "rolled back"
    ON_ITS_WAY = "on its way"


class Reason(NamedTuple):
    """A state and why it is in it, "" for on its way."""

    state: State
    why: str


def state_of(evidence: Evidence) -> Reason:
    """The most urgent state of a function or cohort."""
    if evidence.standing.fenced:
        return Reason(State.SWITCHING, "writes are fenced")
    if evidence.stopped:
        said = f"{evidence.standing.function} is stopped: "
        return Reason(State.STOPPED, evidence.stopped.removeprefix(said))
    if evidence.hold is not None:
        return Reason(State.PAUSED, evidence.hold)
    if back := evidence.rolled_back:
        ago = format_duration(max(0.0, evidence.now - back.at))
        reason = back.reason or "nobody said why"
        return Reason(State.ROLLED_BACK, f"{reason} ({back.actor}, {ago} ago)")
    return Reason(State.ON_ITS_WAY, "")
