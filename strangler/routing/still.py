"""Still: whether the side that a long call was given to is still the right one, as when a tunnel outlives a switch. Pure."""

from __future__ import annotations

from strangler.cutover.stages import RULES, Reads, Side, Stage, Standing
from strangler.routing.remembered import NOTHING, Remembered
from strangler.routing.ruling import Decision
from strangler.routing.standings import Standings, shut


def still_answers(standings: Standings, decision: Decision, memory: Remembered = NOTHING) -> bool:
    """Whether a call that was let through by `decision`, under an older picture, may go on.

    What writes may not while writes are fenced, nor where the owner may have changed unseen; so whoever asks at each new picture ends it
    behind the fence, before another side owns the function. What only reads may as long as its side answers reads.
    """
    function = decision.function
    if function is None:
        # Legacy's own; or one that may write to any function, which isn't known: that ends with every fence.
        return decision.kind != "write" or not any(shut(standings.trust, each) for each in standings.each())
    # Without a cohort it may be about any of them.
    every = (
        standings.all_of(function) if decision.cohort is None else (standings.of(function, decision.cohort),)
    )
    if decision.kind == "write" and any(shut(standings.trust, each) for each in every):
        return False
    home = _home(decision, memory)
    return all(_admits(each, decision, home) for each in every)


def _home(decision: Decision, memory: Remembered) -> Side | None:
    """Where the document was begun that it is about, and stays."""
    pins = memory.pins(decision.function) if decision.function is not None else None
    return pins.side(decision.key) if pins is not None and decision.key is not None else None


def _admits(standing: Standing, decision: Decision, home: Side | None) -> bool:
    if home is not None and not (home is Side.LEGACY and standing.stage is Stage.RETIRED):
        return decision.side is home
    reads = RULES[standing.stage].reads
    if decision.kind == "read" and reads is Reads.WEIGHTED and standing.weight:
        return True  # Both sides answer.
    if decision.kind == "read":
        return decision.side is (Side.NEW if reads is Reads.NEW else Side.LEGACY)
    return decision.side is standing.owner  # Invariant 4
