"""The two ends of a switch: undone, or finished. Also for one whose process is gone (invariant 6).

Nothing here needs anything but the control store, so that whoever comes by can end what was abandoned.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from strangler.control import facades, ledger, standings
from strangler.control.store import Control
from strangler.cutover import journal
from strangler.cutover.history import Kind, describe
from strangler.cutover.journal import Journal, Step
from strangler.cutover.stages import Side, Standing

POLL: Final = 0.05
LIFT_WAIT: Final = facades.GONE_AFTER + 2.0
"""Longest wait, in seconds, for the facades to learn of the new owner before the fence is lifted: those that haven't
by then are gone."""

Clock = Callable[[], float]
Watch = Callable[[Step, bool], None]
"""Told each step of a switch when it begins (False) and when it is done (True)."""


def unheard(step: Step, done: bool) -> None:
    """Nobody watches."""


def recover(control: Control, *, actor: str, clock: Clock = time.time) -> list[str]:
    """End every abandoned switch; says in words what was done. A switch that somebody works on is left alone."""
    ended = []
    for found in journal.unfinished(control):
        if not journal.abandoned(found, now=clock()):
            continue
        taken = journal.take_over(control, found, at=clock())
        if taken is None:
            continue
        function, owner = taken.intent.function, taken.intent.owner
        if taken.decided:
            finish(control, taken, actor=actor, clock=clock)
            ended.append(f"the interrupted switch of {function} to {owner} was finished")
        else:
            why = f"its process {found.holder} is gone"
            undo(control, taken, actor=actor, why=why, clock=clock)
            ended.append(f"the interrupted switch of {function} to {owner} was undone")
    return ended


def undo(control: Control, at: Journal, *, actor: str, why: str, clock: Clock) -> Standing:
    """Put everything back to where it was before the fence, in one transaction. Only before the decision."""
    assert not at.decided  # Invariant 6
    intent, now = at.intent, clock()
    body = {"to": intent.stage, "owner": intent.owner, "step": at.step, "why": why, "begun_by": intent.actor}
    with control.begin():
        journal.advance(control, at, Step.UNDONE, at=now)
        until = at.before.sync_until
        back = standings.amend(
            control, intent.function, intent.cohort, at=now, fenced=False, sync_until=until
        )
        ledger.append(control, actor=actor, kind=Kind.UNDONE, function=intent.function, body=body, at=now)
        return back


def finish(
    control: Control, at: Journal, *, actor: str, watch: Watch = unheard, clock: Clock = time.time
) -> Standing:
    """What is left to do after the decision. Each step is one transaction, and done once only."""
    if at.step is Step.DECIDED:
        watch(Step.SWITCHED, False)
        at = _change_owner(control, at, actor, clock)
        watch(Step.SWITCHED, True)
    watch(Step.FINISHED, False)
    _await_facades(control, at, clock)
    with control.begin():
        now, intent = clock(), at.intent
        journal.advance(control, at, Step.FINISHED, at=now)
        lifted = standings.amend(control, intent.function, intent.cohort, at=now, fenced=False)
    watch(Step.FINISHED, True)
    return lifted


def _change_owner(control: Control, at: Journal, actor: str, clock: Clock) -> Journal:
    """Owner, stage and weight at once, behind the fence: there is no moment without an owner, or with two (invariant 4)."""
    intent, now = at.intent, clock()
    forwards = intent.owner is Side.NEW
    with control.begin():
        before = standings.of(control, intent.function, intent.cohort)
        after = standings.amend(
            control,
            intent.function,
            intent.cohort,
            at=now,
            owner=intent.owner,
            stage=intent.stage,
            weight=intent.weight,
            sync_until=at.position if forwards else None,
        )
        body = describe(before, after, intent.reason) | {"gates": intent.evidence, "position": at.position}
        kind = Kind.ADVANCED if forwards else Kind.ROLLED_BACK
        ledger.append(control, actor=actor, kind=kind, function=intent.function, body=body, at=now)
        return journal.advance(control, at, Step.SWITCHED, at=now)


def _await_facades(control: Control, at: Journal, clock: Clock) -> None:
    """Wait until every living facade knows the new owner, so that nobody reads from the old one what was just written."""
    generation = standings.of(control, at.intent.function, at.intent.cohort).generation
    deadline = time.monotonic() + LIFT_WAIT
    while time.monotonic() < deadline:
        if all(facade.generation >= generation for facade in facades.awaited(control, now=clock())):
            return
        time.sleep(POLL)
