"""The conductor: takes a decision about a function, or refuses it, and leaves the evidence (invariant 8).

It decides by `plan` and `gates`, which are pure, and carries out through a `Hand`; a `Recorder` in its place makes a
dry run of the same decisions.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from strangler.control import ledger, standings
from strangler.control.lock import lock_decisions
from strangler.control.store import Control
from strangler.cutover import cohorts, journal
from strangler.cutover.assessment import Probe, assess, probe
from strangler.cutover.foretelling import Foretold, foretell, lines, switches
from strangler.cutover.gates import GateResult
from strangler.cutover.history import Kind, describe, evidence
from strangler.cutover.journal import Intent
from strangler.cutover.means import Clock
from strangler.cutover.plan import backwards, forwards, moved, place
from strangler.cutover.recovery import Watch, unheard
from strangler.cutover.retreat import refuse_from_beneath
from strangler.cutover.stages import EVERYONE, Stage, Standing
from strangler.cutover.steps import Target, way
from strangler.cutover.switch import Switch, Undone, refuse_hopeless
from strangler.cutover.ways import leading
from strangler.cutover.world import Reach
from strangler.errors import Refused
from strangler.settings import Settings


class Hand(Protocol):
    """What carries decisions out."""

    def move(self, intent: Intent, before: Standing, after: Standing, kind: Kind) -> Standing:
        """Change stage and weight; the owner stays."""
        ...

    def switch(self, intent: Intent, before: Standing) -> Standing:
        """Change the owner, or retire for good. Raises Refused before anything is touched, Undone after it was put back."""
        ...

    def amend(self, before: Standing, kind: Kind, body: dict[str, Any], **fields: Any) -> Standing:
        """Change fields of the standing and note why."""
        ...

    def rejoin(self, own: Standing) -> Standing:
        """Let a cohort go by the standing of its function again; returns that."""
        ...

    def note(self, function: str, cohort: str, kind: Kind, body: dict[str, Any]) -> None:
        """Put something on the ledger."""
        ...


@dataclass(frozen=True, slots=True)
class Acting:
    """A hand that acts: each decision and its evidence are one transaction."""

    control: Control
    actor: str
    time_limit: float
    outside: Reach
    watch: Watch = unheard
    clock: Clock = time.time

    def move(self, intent: Intent, before: Standing, after: Standing, kind: Kind) -> Standing:
        body = describe(before, after, intent.reason) | {"gates": intent.evidence}
        body |= {"plan": intent.plan} if intent.plan else {}
        with self.control.begin() as connection:
            lock_decisions(connection)
            journal.refuse_while_open(self.control, intent.function, intent.cohort)
            at = (
                self.clock()
            )  # One moment for both: what is counted from the one on is asked for by the other.
            stored = standings.change(self.control, before, after, at=at)
            self.note(intent.function, intent.cohort, kind, body, at)
            return stored

    def switch(self, intent: Intent, before: Standing) -> Standing:
        journal.refuse_while_open(self.control, intent.function, intent.cohort)
        switch = Switch(
            self.control,
            self.outside(intent.function, intent.cohort),
            self.time_limit,
            watch=self.watch,
            clock=self.clock,
        )
        return switch.run(intent, before)

    def amend(self, before: Standing, kind: Kind, body: dict[str, Any], **fields: Any) -> Standing:
        with self.control.begin() as connection:
            lock_decisions(connection)
            if (
                before.cohort != EVERYONE
            ):  # It would begin in the middle of a switch of the whole: fenced, and nobody lifts that.
                journal.refuse_while_open(self.control, before.function, before.cohort)
            stored = standings.amend(self.control, before.function, before.cohort, at=self.clock(), **fields)
            self.note(before.function, before.cohort, kind, body)
            return stored

    def rejoin(self, own: Standing) -> Standing:
        with self.control.begin() as connection:
            lock_decisions(connection)
            journal.refuse_while_open(self.control, own.function, EVERYONE)
            whole = standings.rejoin(self.control, own, at=self.clock())
            body = {"stage": own.stage, "weight": own.weight, "owner": own.owner}
            self.note(own.function, own.cohort, Kind.REJOINED, body)
            return whole

    def note(
        self, function: str, cohort: str, kind: Kind, body: dict[str, Any], at: float | None = None
    ) -> None:
        body = {"cohort": cohort} | body
        at = self.clock() if at is None else at
        ledger.append(self.control, actor=self.actor, kind=kind, function=function, body=body, at=at)


@dataclass(slots=True)
class Recorder:
    """A hand that only says what it would do; `acts` is what it was asked, in words, and the steps of a switch one by one. `before` and
    `after` are where it would lead (None: it was asked for nothing), `switch_steps` those of the switch that this takes, `gates` what
    speaks for it."""

    outside: Reach
    acts: list[str] = field(default_factory=list)
    before: Standing | None = None
    after: Standing | None = None
    switch_steps: list[Foretold] = field(default_factory=list)
    gates: list[dict[str, str]] = field(default_factory=list)

    def move(self, intent: Intent, before: Standing, after: Standing, kind: Kind) -> Standing:
        self.acts.append(
            f"{before.name} would go from {place(before)} to {place(after)}; {after.owner} stays the owner"
        )
        self.before, self.after, self.gates = before, after, intent.evidence
        return after

    def switch(self, intent: Intent, before: Standing) -> Standing:
        becomes = (
            "it would not come back from there"
            if intent.stage is Stage.RETIRED
            else f"{intent.owner} would become the owner, with writes fenced for a moment"
        )
        to = Target(intent.stage, intent.weight)
        self.acts.append(f"{before.name} would go from {place(before)} to {to}; {becomes}")
        with closing(self.outside(intent.function, intent.cohort)) as world:
            refuse_hopeless(leading(intent.stage), world)
            self.switch_steps = foretell(intent.stage, world)
        self.acts += lines(self.switch_steps)
        self.before, self.after, self.gates = before, moved(before, to), intent.evidence
        return self.after

    def amend(self, before: Standing, kind: Kind, body: dict[str, Any], **fields: Any) -> Standing:
        raise NotImplementedError("a hold has no dry run")

    def rejoin(self, own: Standing) -> Standing:
        raise NotImplementedError("to rejoin has no dry run")

    def note(self, function: str, cohort: str, kind: Kind, body: dict[str, Any]) -> None:
        """A dry run leaves no trace."""


class Conductor:
    """Decides for the functions of one configuration, on behalf of `actor`."""

    def __init__(
        self,
        settings: Settings,
        control: Control,
        hand: Hand,
        *,
        actor: str,
        probe: Probe = probe,
        clock: Clock = time.time,
    ) -> None:
        self._settings, self._control, self._hand, self._actor = settings, control, hand, actor
        self._probe, self._clock = probe, clock

    def advance(
        self,
        function: str,
        stage: Stage | None = None,
        weight: int | None = None,
        *,
        cohort: str = EVERYONE,
    ) -> Standing:
        """Move a function, or a cohort of it, forwards, if it isn't held and every gate passes. `weight` in basis points.

        Raises Refused naming each gate that blocks, with its figure, its limit and what to do.
        """
        with self._refusals(function, cohort, "advance"):
            picture = standings.snapshot(self._control)
            before = picture.of(function, cohort)
            self._refuse_held(before)
            steps = way(self._settings, function)
            target = forwards(before, steps, stage, weight)
            cohorts.refuse_leaving_behind(before, target.stage, picture.cohorts(function))
            assessed = assess(
                self._control,
                self._settings,
                function,
                cohort=cohort,
                target=target,
                mover=self._actor,
                probe=self._probe,
                clock=self._clock,
            )
            if assessed.blocking:
                raise Blocked(before, target, assessed.gates)
            return self._carry_out(before, target, Kind.ADVANCED, "", assessed.gates, plan=steps.hash)

    def rollback(
        self,
        function: str,
        stage: Stage | None = None,
        weight: int | None = None,
        *,
        cohort: str = EVERYONE,
        reason: str = "",
        gates: tuple[GateResult, ...] = (),
        accepted: int = 0,
        seen: Standing | None = None,
    ) -> Standing:
        """Move a function, or a cohort of it, backwards. No gate is asked, but what stands on it goes back first, and from live nothing
        may be lost. Raises Refused.

        `gates` are those that speak for it, for the ledger. `accepted`: just so many documents may be lost. `seen`: where it stood when
        that was decided, and must still stand.
        """
        with self._refusals(function, cohort, "rollback"):
            picture = standings.snapshot(self._control)
            before = seen or picture.of(function, cohort)
            target = backwards(before, stage, weight)
            refuse_from_beneath(self._settings, picture, before, target)
            return self._carry_out(before, target, Kind.ROLLED_BACK, reason, gates, accepted)

    def hold(
        self, function: str, reason: str, *, cohort: str = EVERYONE, gates: tuple[GateResult, ...] = ()
    ) -> Standing:
        """Let nobody advance a function, or a cohort of it, until it is released. The hold of a function holds its cohorts, too.

        `gates` are those that speak for it, for the ledger.
        """
        before = standings.of(self._control, function, cohort)
        body = {"reason": reason, "gates": evidence(gates)}
        return self._hand.amend(before, Kind.HELD, body, hold=reason)

    def release(self, function: str, *, cohort: str = EVERYONE) -> Standing:
        """Lift a hold. Raises Refused when there is none."""
        with self._refusals(function, cohort, "release"):
            before = standings.of(self._control, function, cohort)
            if before.hold is None:
                raise Refused(f"{before.name} isn't held", do=f"strangler plan {before.spelled}")
            return self._hand.amend(before, Kind.RELEASED, {"reason": before.hold}, hold=None)

    def separate(self, function: str, cohort: str) -> Standing:
        """Give a cohort a standing of its own where it stands, so that what it shows is counted for it alone. Raises Refused when it has
        one."""
        with self._refusals(function, cohort, "separate"):
            before = standings.of(self._control, function, cohort)
            if any(each.cohort == cohort for each in standings.cohorts(self._control, function)):
                raise Refused(
                    f"{before.name} moves on its own already", do=f"strangler plan {before.spelled}"
                )
            body = {"stage": before.stage, "weight": before.weight, "owner": before.owner}
            return self._hand.amend(before, Kind.SEPARATED, body)

    def rejoin(self, function: str, cohort: str) -> Standing:
        """Let a cohort go by the standing of its function again, and with its moves. Raises Refused while they stand apart."""
        with self._refusals(function, cohort, "rejoin"):
            picture = standings.snapshot(self._control)
            own, whole = picture.of(function, cohort), picture.of(function)
            if own not in picture.cohorts(function):
                raise Refused(f"{own.name} goes with the whole function", do=f"strangler cohorts {function}")
            if why := cohorts.apart(own, whole):
                raise Refused(
                    f"{own.name} can't rejoin the others", why=why, do=f"strangler plan {own.spelled}"
                )
            return self._hand.rejoin(own)

    def _refuse_held(self, before: Standing) -> None:
        if held := cohorts.holding(before, standings.of(self._control, before.function)):
            raise Refused(
                f"{held.name} is held in {held.stage}",
                why=held.hold or "",
                do=f"strangler release {held.spelled}, once the reason is gone",
            )

    def _carry_out(
        self,
        before: Standing,
        target: Target,
        kind: Kind,
        reason: str,
        gates: tuple[GateResult, ...],
        accepted: int = 0,
        plan: str = "",
    ) -> Standing:
        where = (before.function, before.cohort, target.stage, target.weight)
        intent = Intent(*where, self._actor, reason, evidence(gates), accepted, plan)
        if switches(before.owner, target.stage):
            return self._hand.switch(intent, before)
        return self._hand.move(intent, before, moved(before, target), kind)

    @contextmanager
    def _refusals(self, function: str, cohort: str, asked: str) -> Iterator[None]:
        """Put a refusal on the ledger, with what the gates said. What was undone has left its own entry."""
        try:
            yield
        except Undone:
            raise
        except Refused as error:
            gates = error.gates if isinstance(error, Blocked) else ()
            body = {"asked": asked, "what": error.what, "why": error.why, "gates": evidence(gates)}
            self._hand.note(function, cohort, Kind.REFUSED, body)
            raise


class Blocked(Refused):
    """Gates that don't pass, each in words; `gates` are all that were asked."""

    def __init__(self, before: Standing, target: Target, gates: tuple[GateResult, ...]) -> None:
        self.gates = gates
        blocking = [gate for gate in gates if not gate.passes]
        count = f"{len(blocking)} of {len(gates)} gates {'does' if len(blocking) == 1 else 'do'}n't pass"
        super().__init__(
            f"{before.name} stays in {place(before)}: {count} on the way to {target}",
            why="\n".join(
                f"{gate.name} is {_verdict(gate)}: {gate.words} (figure {gate.figure}, limit {gate.limit})"
                for gate in blocking
            ),
            do="\n".join(dict.fromkeys(gate.do for gate in blocking if gate.do)),
        )


def _verdict(gate: GateResult) -> str:
    return "inconclusive" if gate.verdict == "inconclusive" else "failing"
