"""Guarding: the guards of all functions, looked at every few seconds by one of any number of workers, and acted upon.

What a guard does it does as anybody would: through the conductor, with its figures on the ledger. A rollback that isn't possible, as one
from live by which something would be lost, becomes a hold that says so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from strangler.control import guards as watches
from strangler.control import standings
from strangler.control.guards import Watch
from strangler.control.store import Control
from strangler.control.turns import Turn
from strangler.cutover import guards
from strangler.cutover.assessment import Probe, collect, probe
from strangler.cutover.cohorts import holding
from strangler.cutover.conductor import Acting, Conductor, Hand
from strangler.cutover.gates import GateResult
from strangler.cutover.outside import outside
from strangler.cutover.stages import Standing, named
from strangler.durations import format_duration
from strangler.errors import StranglerError, Unavailable
from strangler.settings import Function, Guard, Settings

logger = logging.getLogger("strangler.guards")

ACTOR: Final = "guard"
"""Who acts, for the ledger."""

LOOK_EVERY: Final = 5.0
"""Seconds between two looks: often enough for a breach of a minute, seldom enough for the services that are asked how they are."""

KEY: Final = ("*", "guards")
"""What a worker holds who guards (`strangler.control.turns`)."""


class Guarding:
    """Guards the functions of a configuration, as long as no other worker does."""

    def __init__(
        self,
        settings: Settings,
        control: Control,
        *,
        hand: Hand | None = None,
        probe: Probe = probe,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._control, self._probe, self._clock = settings, control, probe, clock
        self._turn = Turn(control, KEY, clock)
        hand = hand or _acting(settings, control)
        self._conductor = Conductor(settings, control, hand, actor=ACTOR, probe=probe, clock=clock)

    def run(self, stop: threading.Event) -> None:
        """Look again and again until `stop` is set; then let another worker take over."""
        watches.forget_others(self._control, self._settings.functions)
        self._turn.each(LOOK_EVERY, self.look, stop)

    def look(self) -> None:
        """Look at every function, and act where it is time."""
        for name, function in self._settings.functions.items():
            try:
                self._look(name, function)
            except Unavailable:
                raise
            except (
                StranglerError
            ) as error:  # Somebody else was faster, say: the others are looked at all the same.
                logger.warning(error.what, extra={"why": error.why, "do": error.do})

    def _look(self, name: str, function: Function) -> None:
        """At a function, and at each of its cohorts that moves on its own."""
        known = {(each.cohort, each.name): each for each in watches.of_function(self._control, name)}
        picture = standings.snapshot(self._control)
        whole, *own = picture.of(name), *picture.cohorts(name)
        guarded = [each for each in (whole, *own) if guards.set_for(function, each)]
        if not (guarded or known) or any(each.fenced for each in guarded):
            return
        seen = [each for standing in guarded for each in self._look_at(standing, whole, function, known)]
        watches.record(self._control, name, seen)

    def _look_at(
        self, standing: Standing, whole: Standing, function: Function, known: Mapping[tuple[str, str], Watch]
    ) -> Iterator[Watch]:
        name, cohort = standing.function, standing.cohort
        evidence = collect(self._control, name, function, cohort, probe=self._probe, clock=self._clock)
        held = holding(standing, whole) is not None
        for guard in guards.set_for(function, standing):
            result = guards.look(guard, function, evidence)
            watch = guards.watch(guard, known.get((cohort, guard.name)), result, evidence)
            idle = held and guard.then == "hold"  # nothing is left for it to do
            if idle or not guards.is_due(guard, watch) or self._has_moved(standing):
                yield watch
            else:
                yield self._acted(guard, watch, result, standing)

    def _has_moved(self, seen: Standing) -> bool:
        """Whether somebody, or another guard, has changed the standing that was looked at: what was seen says nothing about this one."""
        return standings.of(self._control, seen.function, seen.cohort).generation != seen.generation

    def _acted(self, guard: Guard, watch: Watch, result: GateResult, standing: Standing) -> Watch:
        """The guard, after it did what it is there for."""
        assert watch.breached_at is not None
        lasted = format_duration(watch.looked_at - watch.breached_at)
        reason = (
            f"guard {guard.name}: {result.words} (figure {result.figure}, limit {result.limit}), for {lasted}"
        )
        act = self._act(guard, standing, reason, result)
        logger.warning("%s: %s; %s", named(watch.function, watch.cohort), reason, act)
        return guards.has_acted(watch, act, self._clock())

    def _act(self, guard: Guard, standing: Standing, reason: str, result: GateResult) -> str:
        """Do it; what was done, in words. Raises StranglerError, with nothing done, where somebody else was faster."""
        function, cohort, speaking = standing.function, standing.cohort, (result,)
        if guard.then == "rollback":
            try:
                after = self._conductor.rollback(
                    function, cohort=cohort, reason=reason, gates=speaking, seen=standing
                )
            except StranglerError as error:
                now, why = (
                    standings.of(self._control, function, cohort),
                    f"; it could not be rolled back: {error.what}",
                )
                if (now.stage, now.weight) != (standing.stage, standing.weight):
                    raise
                if now.hold is not None:
                    return f"held already{why}"  # The reason that somebody gave stays.
                self._conductor.hold(function, reason + why, cohort=cohort, gates=speaking)
                return f"held{why}"
            return f"rolled back to {after.stage}"
        self._conductor.hold(function, reason, cohort=cohort, gates=speaking)
        return "held"


def _acting(settings: Settings, control: Control) -> Hand:
    limit = settings.cutover.time_limit.total_seconds()
    return Acting(control, ACTOR, limit, lambda name, cohort: outside(settings, control, name, cohort))
