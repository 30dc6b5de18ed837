"""The switch of owners, from legacy to new and back, and the retirement of a function: its beginning, and what becomes of it.

Its steps are data (`strangler.cutover.ways`). Each is journalled with its effect in one transaction. Up to `decided` whatever fails, and
the time limit, undoes all of it; from there on it is only finished, by whoever comes (`strangler.cutover.recovery`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from strangler.control import facades, ledger, standings
from strangler.control.store import Control
from strangler.cutover import journal, outstanding
from strangler.cutover.doing import refuse_loss, refuse_unaware, refuse_unfenceable
from strangler.cutover.history import Kind
from strangler.cutover.journal import Intent, Journal
from strangler.cutover.means import Clock, Means
from strangler.cutover.recovery import Watch, carry_on, perform, undo, unheard
from strangler.cutover.stages import Standing
from strangler.cutover.ways import WAYS, Way, ahead, leading
from strangler.cutover.world import Outside
from strangler.durations import format_duration
from strangler.errors import Refused, StranglerError, Unavailable

logger = logging.getLogger("strangler.cutover")

SIGN_EVERY: Final = 2.0
"""Seconds between two signs of life; see `holders.SILENT_AFTER`."""


FINISHES: Final = "the worker, or the next command, finishes it, and until then writes are refused; watch `strangler status`"
"""Who carries on what is decided."""


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

    def run(self, intent: Intent, before: Standing) -> Standing:
        """Carry the switch out. `before` is the standing on which it was decided, and must still be so.

        Raises Refused when it isn't begun and Undone when it was put back, each with the reason.
        """
        try:
            return self._run(intent, before)
        finally:
            self._outside.close()

    def _run(self, intent: Intent, before: Standing) -> Standing:
        self._validate(intent, before)
        deadline = time.monotonic() + self._limit
        means = Means(self._control, self._outside, intent.actor, self._clock, self._limit, deadline)
        opened = self._begin(means, intent, before)
        with _signs_of_life(self._control, opened, self._clock):
            return self._finish(means, self._decide_or_undo(means, opened))

    def _validate(self, intent: Intent, before: Standing) -> None:
        """Begin nothing, and refuse no write, for what can't be."""
        way = leading(intent.stage)
        if way is Way.RETIRE:
            self._refuse_unretirable(intent)
            self._refuse_hopeless(intent, way)
            return
        standings.announce(
            self._control
        )  # What is asked next takes longer than a facade needs to hear of it.
        self._outside.way_back()
        self._refuse_silent(intent, before)
        self._refuse_hopeless(intent, way)
        if way is Way.TO_NEW and self._outside.ready:
            self._outside.ready()
        if way is Way.TO_LEGACY and self._outside.returned is None:
            refuse_loss(self._outside, intent)

    def _refuse_unretirable(self, intent: Intent) -> None:
        """What can't be switched off would stay decided and open for ever. A legacy that is only away comes back."""
        if (told := self._outside.deactivation) is None:
            return
        try:
            told()
        except Unavailable:
            return
        except Refused as error:
            raise Refused(
                f"{intent.what} isn't retired: its legacy side can't be switched off as `retire` says: {error.what}",
                why=error.why,
                do=error.do,
            ) from None

    def _refuse_silent(self, intent: Intent, before: Standing) -> None:
        """Somebody whom nobody has heard of lately goes on with writes, or may have one under way for longer than the switch may take."""
        now, those = self._clock(), facades.everyone(self._control)
        with _not_begun(intent):
            refuse_unaware(before, those, now)
            if beyond := outstanding.beyond(those, now + self._limit, now):
                raise Refused(
                    f"writes to {before.owner} may still be under way in facade {outstanding.told(beyond, now)}",
                    why=f"it fell silent, and a switch has {format_duration(self._limit)}; a proxy does as it was last told",
                    do="try again then; or let it reach the control store again (a proxy: follow it again); or, once it has surely ended "
                    f"and {before.owner} is done with its writes, `strangler facades forget ID`",
                )

    def _refuse_hopeless(self, intent: Intent, way: Way) -> None:
        with _not_begun(intent):
            refuse_hopeless(way, self._outside)

    def _begin(self, means: Means, intent: Intent, before: Standing) -> Journal:
        first = WAYS[leading(intent.stage)][0]
        what = {"cohort": intent.cohort, "to": intent.stage, "owner": intent.owner}
        body = {**what, "reason": intent.reason, "gates": intent.evidence}
        self._watch(first.step, False)
        with self._control.begin():
            at = self._clock()
            opened = journal.begin(self._control, intent, before, first.step, at=at)
            first.record(means, opened)
            ledger.append(
                self._control, actor=intent.actor, kind=Kind.BEGUN, function=intent.function, body=body, at=at
            )
        return opened

    def _decide_or_undo(self, means: Means, opened: Journal) -> Journal:
        latest = opened
        try:
            self._watch(opened.step, True)
            for action in ahead(opened, self._outside):
                means.left()
                latest = perform(means, latest, action, self._watch)
                if latest.decided:
                    break
        except BaseException as error:
            decided = self._undo(means, latest, error)
            if decided is None or not isinstance(error, StranglerError):
                raise
            return decided
        return latest

    def _undo(self, means: Means, at: Journal, error: BaseException) -> Journal | None:
        """Put everything back, and say so. None, unless it is decided: who was interrupted, or got no answer, may not know of the last
        step."""
        why = _said(error)
        try:
            at = journal.reread(means.control, at)
            if at.decided:  # Invariant 6
                return self._noted_decided(at, error)
            undo(means, at, why)
        except journal.Taken:
            raise
        except StranglerError as away:
            raise Unavailable(
                f"the {at.intent.name} failed, and couldn't be undone yet: {away.what}",
                why=f"it failed because of this: {why}",
                do="nothing: the worker, or the next command, ends it, and until then writes are refused; watch `strangler status`",
            ) from error
        undone = f"the {at.intent.name} was undone; {at.before.owner} owns it as before"
        if isinstance(error, StranglerError):
            raise Undone(
                undone,
                why=error.what + (f" ({error.why})" if error.why else ""),
                do=error.do or "mend that and try again",
            ) from error
        error.add_note(undone)
        return None

    def _noted_decided(self, decided: Journal, error: BaseException) -> Journal:
        error.add_note(f"the {decided.intent.name} is decided, but wasn't finished: {FINISHES}")
        return decided

    def _finish(self, means: Means, decided: Journal) -> Standing:
        intent = decided.intent
        try:
            return carry_on(means, decided, self._watch)
        except journal.Taken:  # Whoever took it over can only finish it, too.
            return standings.of(self._control, intent.function, intent.cohort)
        except StranglerError as error:
            raise Unavailable(
                f"the {intent.name} is decided, but couldn't be finished yet",
                why=error.what,
                do=f"nothing: {FINISHES}",
            ) from error
        except BaseException as error:
            self._noted_decided(decided, error)
            raise


def refuse_hopeless(way: Way, outside: Outside) -> None:
    """What would be found out with writers waiting, beforehand, and in a dry run: a fence that can't be put up, or that something waits for
    a person and wouldn't come back meanwhile."""
    if way is Way.TO_NEW:
        refuse_unfenceable(outside)
    elif outside.refuse_stuck:
        outside.refuse_stuck()


def _said(error: BaseException) -> str:
    """Why a switch failed, in words."""
    if isinstance(error, StranglerError):
        return error.what
    return "it was interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__


@contextmanager
def _not_begun(intent: Intent) -> Iterator[None]:
    try:
        yield
    except Refused as error:
        what = f"the {intent.name} isn't begun: {error.what}"
        raise Refused(what, why=error.why, do=error.do) from None


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
