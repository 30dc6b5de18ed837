"""What the steps of a switch do, one function each: waiting, asking and acting (`Action.do`), and what the control store
then says (`Action.record`). In which order, `strangler.cutover.ways` says."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from strangler.changes import Position
from strangler.control import deliveries, facades, handings, ledger, reconciliations, standings, stretches
from strangler.control.facades import FacadeRecord
from strangler.control.stretches import Stretch
from strangler.cutover import journal, outstanding
from strangler.cutover.history import Kind, describe
from strangler.cutover.journal import Intent, Journal
from strangler.cutover.means import POLL, Means
from strangler.cutover.stages import Side, Standing
from strangler.cutover.world import Outside
from strangler.errors import Refused, Unavailable

SHOWN: Final = 5
"""Documents that a refusal names."""

LIFT_WAIT: Final = facades.GONE_AFTER + 2.0
"""Longest wait, in seconds, for the facades to learn of the new owner before the fence is lifted: those that haven't
by then are gone."""


def change(means: Means, at: Journal, act: Callable[[], object]) -> None:
    """Do something outside of the control store, as long as the switch is ours. Raises Taken when it isn't any more."""
    mine = partial(journal.require_mine, means.control, at)
    means.insist(lambda: means.outside.alone(mine, act))


def fence(means: Means, at: Journal) -> None:
    """Facades refuse writes from here on. Raises Refused when the function doesn't stand where it was decided upon."""
    standings.change(means.control, at.before, replace(at.before, fenced=True), at=means.clock())


def hold_still(means: Means, at: Journal) -> None:
    """Raises Refused when the function doesn't stand any more where it was decided upon: another side may own it by now (invariant 4)."""
    standings.change(means.control, at.before, at.before, at=means.clock())


def acknowledge(means: Means, at: Journal) -> None:
    """Wait until no write from before the fence can be under way."""
    generation = _standing(means, at).generation

    def behind() -> str:
        now, those = means.clock(), facades.everyone(means.control)
        refuse_unaware(at.before, those, now)
        late = outstanding.behind(those, generation, now)
        if not late:
            return ""
        return f"writes from before the fence may still be under way in facade {outstanding.told(late, now)}"

    means.wait(
        behind,
        "look at that facade's log, and try again; one that is silent is waited for until the moment named, or until "
        "`strangler facades forget ID`, once it has surely ended",
    )


def refuse_unaware(before: Standing, those: list[FacadeRecord], now: float) -> None:
    """A facade that was cut off before anybody began to move the function takes it for untouched, and goes on with its writes."""
    # Invariant 4
    if unaware := outstanding.unaware(those, before.left, now):
        raise Refused(
            f"{outstanding.named(unaware)} may still write to {before.owner}",
            why="it was last heard of when the function was untouched, and hasn't said goodbye since",
            do="let it reach the control store again; or make sure that it has ended, then `strangler facades forget ID`",
        )


def refuse_unfenceable(outside: Outside) -> None:
    """What legacy can't be made to refuse would be found out with writers waiting. A legacy that is only away is another matter."""
    if told := outside.statements:
        with suppress(Unavailable):
            told()


def position(means: Means, at: Journal) -> Position:
    """Where legacy stands after the last possible write to it."""
    return means.outside.safe_position(means.left())  # Invariant 5


def limit(means: Means, at: Journal) -> None:
    """Delivery applies nothing beyond the position."""
    _amend(means, at, sync_until=at.position)


def catch_up(means: Means, at: Journal) -> None:
    """Wait until delivery has reached the position."""
    function, until = at.intent.function, at.position or ""
    generation = _standing(means, at).generation

    def behind() -> str:
        delivery = deliveries.get(means.control, function)
        if delivery is None:
            return "nothing was ever delivered"
        if (reached := delivery.reached(at.intent.cohort)) < until:
            return f"delivery is at {reached or 'the beginning'} and must reach {until}"
        known = delivery.generation >= generation
        return "" if known else "delivery hasn't said yet that it knows where to end"

    means.wait(behind, "see that `strangler worker` runs, and what its log says")


def check_drift(means: Means, at: Journal) -> None:
    """See that what changed last has arrived."""
    if differing := means.outside.drift():
        raise Refused(
            f"{differing} of the keys that changed last differ between legacy and the store",
            do=f"strangler reconcile run {at.intent.function}",
        )


def come_back(means: Means, at: Journal) -> None:
    """Wait until legacy has what new wrote."""
    assert means.outside.returned is not None
    means.wait(means.outside.returned, "see that `strangler worker` runs, and what its log says")


def check_loss(means: Means, at: Journal) -> None:
    """See that nobody who reads legacy misses anything, but what somebody has acknowledged; which that is goes on the ledger."""
    if count := refuse_loss(means.outside, at.intent):
        body = {"keys": count, "which": list(means.outside.lost())}
        who, function = at.intent.actor, at.intent.function
        ledger.append(
            means.control, actor=who, kind=Kind.LOSS_ACCEPTED, function=function, body=body, at=means.clock()
        )


def refuse_loss(outside: Outside, intent: Intent) -> int:
    """Refuse to go back while new has what legacy hasn't, and nobody has acknowledged just that: it would be lost to everybody who reads
    legacy. Returns how many documents are lost as somebody has acknowledged."""
    count = outside.only_new()
    if count in (0, intent.accepted):
        return count
    which = "; ".join(outside.lost()[:SHOWN])
    if outside.returned is None:
        why = "nothing carries what the new service wrote back to legacy, so a rollback would lose it"
    else:
        why = "legacy has all that has a way back; the rest would be lost"
    raise Refused(
        f"{intent.what} can't be rolled back: {count:,} "
        f"{'document exists' if count == 1 else 'documents exist'} only in the new store or differ there",
        why=f"{why}: {which}" if which else why,
        do=f"list them with `strangler reconcile run {intent.function}`, enter them in legacy, and try again; or "
        f"go forward: mend the new service; or let them go: `strangler rollback {intent.function} --accept-loss {count}`",
    )


def be_sure(means: Means, at: Journal) -> None:
    """See once more that nothing older is under way: from here on the switch is only finished (invariant 6)."""
    means.left()
    # One may have said that it lives after the others had acknowledged, and be cut off again.
    refuse_unaware(at.before, facades.everyone(means.control), means.clock())
    if at.intent.owner is Side.LEGACY and means.outside.returned:
        refuse_unreturned(means.outside.returned(), at.intent)


def refuse_unreturned(left: str, intent: Intent) -> None:
    """The new service's own jobs go past the facades, and so past the fence."""
    if left:
        raise Refused(
            f"the new service wrote once more when all had come back: {left}",
            why="its own jobs aren't fenced",
            do=f"try again, or stop them before `strangler rollback {intent.function}`",
        )


def hand_over(means: Means, at: Journal) -> None:
    """The numbers come from the new owner from now on."""
    if act := means.outside.hand_over:
        change(means, at, lambda: act(at.intent.owner))


def keep_numbers(means: Means, at: Journal) -> None:
    """They aren't taken back any more. Where both sides draw from now on, where each one's begin is kept; where one does, that is over."""
    control, function, cohort = means.control, at.intent.function, at.intent.cohort
    if at.intent.owner.other in standings.snapshot(control).owners(function, beside=cohort):
        for each in handings.of(control, function, cohort):
            stretches.begin(control, function, each.numbers, Stretch(each.side, each.after))
    else:
        stretches.end(control, function)
    handings.forget(control, function, cohort)


def archive(means: Means, at: Journal) -> None:
    """Put the figures of the last whole reconciliation on the ledger: it is what the two sides were when they were last compared."""
    run = reconciliations.latest_whole(means.control, at.intent.function)
    body: dict[str, object] = {"run": None}
    if run is not None:
        counts = {name: getattr(run, name) for name in ("compared", "drift", "tolerated", "unbalanced")}
        body = {"run": run.id, "at": run.started_at, "status": run.status, "position": run.position, **counts}
    ledger.append(
        means.control,
        actor=means.actor,
        kind=Kind.ARCHIVED,
        function=at.intent.function,
        body=body,
        at=means.clock(),
    )


def change_owner(means: Means, at: Journal) -> None:
    """Owner, stage and weight at once, behind the fence: there is no moment without an owner, or with two (invariant 4)."""
    intent, before = at.intent, _standing(means, at)
    until = {Side.LEGACY: None, Side.NEW: at.position or before.sync_until}[intent.owner]
    after = _amend(means, at, owner=intent.owner, stage=intent.stage, weight=intent.weight, sync_until=until)
    body = describe(before, after, intent.reason) | {"gates": intent.evidence, "position": at.position}
    kind = Kind.ADVANCED if intent.owner is Side.NEW else Kind.ROLLED_BACK
    ledger.append(
        means.control, actor=means.actor, kind=kind, function=intent.function, body=body, at=means.clock()
    )


def tell(means: Means, at: Journal) -> None:
    """Wait until every living facade knows the new owner, so that nobody reads from the old one what was just written."""
    generation = _standing(means, at).generation
    deadline = time.monotonic() + LIFT_WAIT
    while time.monotonic() < deadline:
        those = facades.awaited(means.control, now=means.clock())
        if all(facade.generation >= generation for facade in those):
            return
        time.sleep(POLL)


def lift(means: Means, at: Journal) -> None:
    """Writes go through again."""
    _amend(means, at, fenced=False)


def _standing(means: Means, at: Journal) -> Standing:
    return standings.of(means.control, at.intent.function, at.intent.cohort)


def _amend(means: Means, at: Journal, **fields: object) -> Standing:
    intent = at.intent
    return standings.amend(means.control, intent.function, intent.cohort, at=means.clock(), **fields)
