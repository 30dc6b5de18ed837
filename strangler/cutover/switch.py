"""The switch of owners, from legacy to new and back: the one moment at which writes are refused.

Each step is journalled with its effect in one transaction. Up to `decided` whatever fails, and the time limit, undoes
all of it; from there on it is only finished, by whoever comes (`recovery`). The order is the guarantee:

1. the way back is ready, and nobody goes on unheard; then the fence: facades refuse writes;
2. every living facade has acknowledged the fence, and what silent ones let through is over, so no older write is under way;
3. only now the source's position is read (invariant 5), and delivery is told to apply nothing beyond it;
4. delivery has reached it;
5. both sides are the same in what changed last (going back: new has nothing that legacy hasn't);
6. decided: the point of no return (invariant 6);
7. owner, stage and weight change at once, behind the fence;
8. when the facades have acknowledged that, the fence is lifted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from strangler.changes import Position
from strangler.control import deliveries, facades, ledger, standings
from strangler.control.facades import FacadeRecord
from strangler.control.store import Control
from strangler.cutover import journal, outstanding
from strangler.cutover.history import Kind
from strangler.cutover.journal import Intent, Journal, Step
from strangler.cutover.recovery import Clock, Watch, finish, undo, unheard
from strangler.cutover.stages import Side, Standing
from strangler.durations import format_duration
from strangler.errors import Refused, StranglerError, Unavailable

logger = logging.getLogger("strangler.cutover")

POLL: Final = 0.05
"""Seconds between two looks at what is waited for: in every one of them writers wait."""

SIGN_EVERY: Final = 2.0
"""Seconds between two signs of life; see `holders.SILENT_AFTER`."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What a switch needs of the world beyond the control store. Each may raise StranglerError, which undoes the switch.

    `way_back()` sees that the other direction would work. `safe_position(timeout)` is the source's. `drift()` counts
    those keys among the last changed that differ, while nothing is under way. `only_new()` counts the keys that new has and
    legacy hasn't, or has otherwise.
    """

    way_back: Callable[[], None]
    safe_position: Callable[[float], Position]
    drift: Callable[[], int]
    only_new: Callable[[], int]


class Undone(Refused):
    """A switch was begun and put back; everything is as it was before."""


class Switch:
    """One switch of owners. `run` returns when it is finished, and raises when it was refused or undone."""

    def __init__(
        self,
        control: Control,
        outside: Outside,
        time_limit: float,
        *,
        watch: Watch = unheard,
        clock: Clock = time.time,
    ) -> None:
        self._control, self._outside, self._limit = control, outside, time_limit
        self._watch, self._clock = watch, clock
        self._deadline = 0.0

    def run(self, intent: Intent, before: Standing) -> Standing:
        """Carry the switch out. `before` is the standing on which it was decided, and must still be so.

        Raises Refused when it isn't begun and Undone when it was put back, each with the reason.
        """
        self._outside.way_back()
        self._refuse_silent(before)
        if intent.owner is Side.LEGACY:
            self._refuse_loss(intent)
        self._deadline = time.monotonic() + self._limit
        opened, fenced = self._fence(intent, before)
        with _signs_of_life(self._control, opened, self._clock):
            decided = self._decide_or_undo(opened, fenced)
            return self._finish(decided)

    def _refuse_silent(self, before: Standing) -> None:
        """Begin nothing, and refuse no write, for what can't be: somebody whom nobody has heard of lately goes on with writes, or may have
        one under way for longer than the switch may take."""
        now, those = self._clock(), facades.everyone(self._control)
        try:
            self._refuse_unaware(before, those, now)
            if beyond := outstanding.beyond(those, now + self._limit, now):
                raise Refused(
                    f"writes to {before.owner} may still be under way in facade {outstanding.told(beyond, now)}",
                    why=f"it fell silent, and a switch has {format_duration(self._limit)}; a proxy does as it was last told",
                    do="try again then; or let it reach the control store again (a proxy: follow it again); or, once it has surely ended "
                    f"and {before.owner} is done with its writes, `strangler facades forget ID`",
                )
        except Refused as error:
            what = f"the switch of {before.function} isn't begun: {error.what}"
            raise Refused(what, why=error.why, do=error.do) from None

    def _refuse_unaware(self, before: Standing, those: list[FacadeRecord], now: float) -> None:
        """A facade that was cut off before anybody began to move the function takes it for untouched, and goes on with its writes."""
        # Invariant 4
        if unaware := outstanding.unaware(those, before.left, now):
            raise Refused(
                f"{outstanding.named(unaware)} may still write to {before.owner}",
                why="it was last heard of when the function was untouched, and hasn't said goodbye since",
                do="let it reach the control store again; or make sure that it has ended, then `strangler facades forget ID`",
            )

    def _finish(self, decided: Journal) -> Standing:
        intent = decided.intent
        try:
            return finish(self._control, decided, actor=intent.actor, watch=self._watch, clock=self._clock)
        except journal.Taken:  # Whoever took it over can only finish it, too.
            return standings.of(self._control, intent.function, intent.cohort)
        except StranglerError as error:
            raise Unavailable(
                f"the switch of {intent.function} to {intent.owner} is decided, but couldn't be finished yet",
                why=error.what,
                do="nothing: the worker, or the next command, finishes it; watch `strangler status`",
            ) from error

    def _fence(self, intent: Intent, before: Standing) -> tuple[Journal, Standing]:
        body = {"to": intent.stage, "owner": intent.owner, "reason": intent.reason, "gates": intent.evidence}
        with self._watched(Step.FENCED), self._control.begin():
            at = self._clock()
            opened = journal.begin(self._control, intent, before, at=at)
            fenced = standings.change(self._control, before, replace(before, fenced=True), at=at)
            ledger.append(
                self._control, actor=intent.actor, kind=Kind.BEGUN, function=intent.function, body=body, at=at
            )
        return opened, fenced

    def _decide_or_undo(self, opened: Journal, fenced: Standing) -> Journal:
        intent = opened.intent
        latest = [opened]
        try:
            for step in self._steps(intent.owner, fenced):
                latest.append(step(latest[-1]))
            return latest[-1]
        except BaseException as error:
            why = error.what if isinstance(error, StranglerError) else type(error).__name__
            undo(self._control, latest[-1], actor=intent.actor, why=why, clock=self._clock)
            if not isinstance(error, StranglerError):
                raise
            raise Undone(
                f"the switch of {intent.function} to {intent.owner} was undone; {opened.before.owner} owns it as before",
                why=error.what + (f" ({error.why})" if error.why else ""),
                do=error.do or "mend that and try again",
            ) from error

    def _steps(self, owner: Side, fenced: Standing) -> list[Callable[[Journal], Journal]]:
        """The steps from the fence to the point of no return."""

        def acknowledge(at: Journal) -> Journal:
            return self._acknowledge(at, fenced)

        if owner is Side.NEW:
            return [acknowledge, self._limit_delivery, self._catch_up, self._check_drift, self._decide]
        return [acknowledge, self._check_loss, self._decide]

    def _acknowledge(self, at: Journal, fenced: Standing) -> Journal:
        def behind() -> str:
            now, those = self._clock(), facades.everyone(self._control)
            self._refuse_unaware(at.before, those, now)
            late = outstanding.behind(those, fenced.generation, now)
            if not late:
                return ""
            return (
                f"writes from before the fence may still be under way in facade {outstanding.told(late, now)}"
            )

        with self._watched(Step.ACKNOWLEDGED):
            self._wait(
                behind,
                "look at that facade's log, and try again; one that is silent is waited for until the moment named, or until "
                "`strangler facades forget ID`, once it has surely ended",
            )
            return self._done(at, Step.ACKNOWLEDGED)

    def _limit_delivery(self, at: Journal) -> Journal:
        with self._watched(Step.LIMITED):
            # Invariant 5: read after the last possible legacy write.
            position = self._outside.safe_position(self._left())
            with self._control.begin():
                now, intent = self._clock(), at.intent
                standings.amend(self._control, intent.function, intent.cohort, at=now, sync_until=position)
                return journal.advance(self._control, at, Step.LIMITED, at=now, position=position)

    def _catch_up(self, at: Journal) -> Journal:
        function, until = at.intent.function, at.position or ""
        generation = standings.of(self._control, function, at.intent.cohort).generation

        def behind() -> str:
            delivery = deliveries.get(self._control, function)
            if delivery is None:
                return "nothing was ever delivered"
            if delivery.position < until:
                return f"delivery is at {delivery.position or 'the beginning'} and must reach {until}"
            known = delivery.generation >= generation
            return "" if known else "delivery hasn't said yet that it knows where to end"

        with self._watched(Step.CAUGHT_UP):
            self._wait(behind, "see that `strangler worker` runs, and what its log says")
            return self._done(at, Step.CAUGHT_UP)

    def _check_drift(self, at: Journal) -> Journal:
        with self._watched(Step.CHECKED):
            if differing := self._outside.drift():
                raise Refused(
                    f"{differing} of the keys that changed last differ between legacy and the store",
                    do=f"strangler reconcile run {at.intent.function}",
                )
            return self._done(at, Step.CHECKED)

    def _check_loss(self, at: Journal) -> Journal:
        with self._watched(Step.CHECKED):
            self._refuse_loss(at.intent)
            return self._done(at, Step.CHECKED)

    def _refuse_loss(self, intent: Intent) -> None:
        """Refuse to go back while new has what legacy hasn't: it would be lost to everybody who reads legacy."""
        if count := self._outside.only_new():
            raise Refused(
                f"{intent.function} can't be rolled back: {count:,} "
                f"{'document exists' if count == 1 else 'documents exist'} only in the new store or differ there",
                why="nothing carries what the new service wrote back to legacy, so a rollback would lose it",
                do=f"list them with `strangler reconcile run {intent.function}`, enter them in legacy, and try again; or "
                "go forward: mend the new service",
            )

    def _decide(self, at: Journal) -> Journal:
        with self._watched(Step.DECIDED):
            self._left()
            # One may have said that it lives after the others had acknowledged, and be cut off again.
            self._refuse_unaware(at.before, facades.everyone(self._control), self._clock())
            return self._done(at, Step.DECIDED)  # Invariant 6: from here on it is only finished.

    def _done(self, at: Journal, step: Step) -> Journal:
        return journal.advance(self._control, at, step, at=self._clock())

    @contextmanager
    def _watched(self, step: Step) -> Iterator[None]:
        self._watch(step, False)
        yield
        self._watch(step, True)

    def _wait(self, behind: Callable[[], str], do: str) -> None:
        """Wait until nothing is behind. Raises Refused with what still is when the time limit is reached."""
        while reason := behind():
            if time.monotonic() > self._deadline:
                raise Refused(
                    f"the time limit of {format_duration(self._limit)} was reached", why=reason, do=do
                )
            time.sleep(POLL)

    def _left(self) -> float:
        """Seconds left of the time limit. Raises Refused when there are none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Refused(
                f"the time limit of {format_duration(self._limit)} was reached",
                do="try again at a quieter time, or raise cutover.time_limit",
            )
        return left


@contextmanager
def _signs_of_life(control: Control, opened: Journal, clock: Clock) -> Iterator[None]:
    """Show that the switch isn't abandoned, also while something takes long."""
    ended = threading.Event()

    def show() -> None:
        while not ended.wait(SIGN_EVERY):
            try:
                journal.sign_of_life(control, opened, at=clock())
            except StranglerError as error:
                logger.warning("no sign of life could be given: %s", error.what)

    thread = threading.Thread(target=show, name="switch-signs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
