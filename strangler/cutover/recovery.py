"""Carrying a switch on, and its two ends: undone, or finished. Also for one whose process is gone (invariant 6).

Who owns what is in the control store alone, and always right there. What was done outside is undone, or finished, before writes go
through again; where a database is away just then, the switch stays open, and whoever comes by later tries again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from strangler.control import ledger, standings
from strangler.control.store import Control
from strangler.cutover import journal
from strangler.cutover.history import Kind
from strangler.cutover.journal import Journal, Step
from strangler.cutover.means import Clock, Means
from strangler.cutover.stages import Standing
from strangler.cutover.ways import Action, ahead, begun
from strangler.cutover.world import Reach
from strangler.errors import StranglerError

Watch = Callable[[Step, bool], None]
"""Told each step of a switch when it begins (False) and when it is done (True)."""


def unheard(step: Step, done: bool) -> None:
    """Nobody watches."""


def recover(control: Control, reach: Reach, *, actor: str, clock: Clock = time.time) -> list[str]:
    """End every abandoned switch; says in words what was done. A switch that somebody works on is left alone, and one that
    can't be ended now is tried again once it looks abandoned again (`holders.SILENT_AFTER`)."""
    ended = []
    for found in journal.unfinished(control):
        if not journal.abandoned(found, now=clock()):
            continue
        taken = journal.take_over(control, found, at=clock())
        if taken is None:
            continue
        outside = reach(taken.intent.function, taken.intent.cohort)
        means = Means(control, outside, actor, clock)
        try:
            ended.append(_end(means, taken))
        except journal.Taken:
            continue
        except StranglerError as error:
            verb = "finished" if taken.decided else "undone"
            ended.append(f"the interrupted {taken.intent.name} can't be {verb} yet: {error.what}")
        finally:
            outside.close()
    return ended


def _end(means: Means, taken: Journal) -> str:
    if taken.decided:
        carry_on(means, taken)
        return f"the interrupted {taken.intent.name} was finished"
    undo(means, taken, f"its process {taken.holder} is gone")
    return f"the interrupted {taken.intent.name} was undone"


def undo(means: Means, at: Journal, why: str) -> Standing:
    """Put everything back to where it was before the fence: first outside, then in one transaction here. Only before the decision."""
    assert not at.decided  # Invariant 6
    control, intent, now = means.control, at.intent, means.clock()
    for take_back in begun(at, means.outside):
        means.outside.alone(partial(journal.require_mine, control, at), take_back)
    what = {"cohort": intent.cohort, "to": intent.stage, "owner": intent.owner}
    body = {**what, "step": at.step, "why": why, "begun_by": intent.actor}
    with control.begin():
        journal.advance(control, at, Step.UNDONE, at=now)
        until, function, cohort = at.before.sync_until, intent.function, intent.cohort
        back = standings.amend(control, function, cohort, at=now, fenced=False, sync_until=until)
        ledger.append(control, actor=means.actor, kind=Kind.UNDONE, function=function, body=body, at=now)
        return back


def carry_on(means: Means, at: Journal, watch: Watch = unheard) -> Standing:
    """Do what is still to be done. Each step is journalled in one transaction with what it changes here, and done once only."""
    for action in ahead(at, means.outside):
        at = perform(means, at, action, watch)
    return standings.of(means.control, at.intent.function, at.intent.cohort)


def perform(means: Means, at: Journal, action: Action, watch: Watch = unheard) -> Journal:
    """One step. Raises Taken, before anything is changed, when somebody else has taken the switch over."""
    watch(action.step, False)
    journal.require_mine(means.control, at)
    position = action.do(means, at)
    with means.control.begin():
        after = journal.advance(means.control, at, action.step, at=means.clock(), position=position)
        action.record(means, after)
    watch(action.step, True)
    return after
