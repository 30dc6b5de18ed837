"""The state machine over the whole cutover: whatever happens, in whatever order, the landscape's oracle holds.

Rules are what can happen at any moment: callers write and read, facades look around (or only half), fall silent, die and are started;
a conductor begins a move and goes on transaction by transaction, dies, or sleeps while another one ends its switch; clocks run on, and
those of the hosts jump.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from strangler.control import facades
from strangler.cutover import doing, journal, means, switch
from strangler.cutover.journal import Step
from strangler.cutover.stages import Stage
from strangler.errors import Refused, StranglerError
from strangler.facade import sight, standing
from tests.cutover.whole.clockwork import EPOCH, Process, Time, me
from tests.cutover.whole.landscape import (
    BUDGET,
    POLLS,
    ROWS,
    UNITS,
    Ask,
    Front,
    Row,
    Unit,
    World,
    at_once,
    unit_of,
)

BEGUN = st.sampled_from([Stage.CANARY, Stage.CANARY, Stage.LIVE, Stage.LEGACY])
TURNS = st.integers(1, 6) | st.just(POLLS)
ASKS = st.sampled_from([Ask.FORWARDS, Ask.FORWARDS, Ask.FORWARDS, Ask.BACK, Ask.BACK, Ask.RETIRE])
SLEEPS = st.sampled_from([0, 0, 1, 3, 12])
OFFSETS = st.sampled_from([-2.4, 0.0, 2.4])
"""The clocks of two hosts may differ by five seconds (`strangler.facade.standing.CLOCKS`)."""


@contextmanager
def turned_by_hand(time: Time) -> Iterator[None]:
    """The real code goes by the world's time, and waits for nothing else."""
    with ExitStack() as stack:
        for module in (means, doing, switch, standing):
            stack.enter_context(patch.object(module, "time", time.module()))
        stack.enter_context(patch.object(sight, "monotonic", lambda: time.now))
        stack.enter_context(patch.object(switch, "SIGN_EVERY", 1e6))
        stack.enter_context(patch.object(standing, "within", at_once))
        stack.enter_context(patch.object(journal, "myself", me))
        yield


class Cutover(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self._stack = ExitStack()
        self._stack.enter_context(turned_by_hand(self.world.time))

    @initialize(stages=st.tuples(*[BEGUN] * len(UNITS)), fronts=st.integers(1, 2), restless=st.booleans())
    def begin(self, stages: tuple[Stage, ...], fronts: int, restless: bool) -> None:
        self.world.restless = restless
        self.world.begin(dict(zip(UNITS, stages, strict=True)))
        for _ in range(fronts):
            self.world.open_front()
        self.world.oblige()

    # Callers

    @rule(number=st.integers(0, 9), row=st.sampled_from(ROWS))
    def write(self, number: int, row: Row) -> None:
        if front := self.front(number):
            self.world.write(front, row)

    @precondition(lambda self: self.world.flying)
    @rule(number=st.integers(0, 9), lost=st.sampled_from([False, False, False, True]))
    def a_write_is_done(self, number: int, lost: bool) -> None:
        write = self.world.flying[number % len(self.world.flying)]
        if lost:
            self.world.lose(write)
        else:
            self.world.land(write)

    @rule(number=st.integers(0, 9), row=st.sampled_from(ROWS))
    def read(self, number: int, row: Row) -> None:
        if front := self.front(number):
            self.world.read(front, row)

    @rule(row=st.sampled_from(ROWS))
    def a_job_writes_in_legacy(self, row: Row) -> None:
        self.world.write_past_the_facades(row)

    # Facades

    @rule(number=st.integers(0, 9), turns=TURNS)
    def a_facade_looks_around(self, number: int, turns: int) -> None:
        if front := self.front(number):
            front.look(turns)

    @rule(number=st.integers(0, 9), away=st.booleans())
    def a_facade_loses_or_finds_the_control_store(self, number: int, away: bool) -> None:
        if front := self.front(number):
            front.control.away = away

    @precondition(lambda self: len(self.world.fronts) > 1)
    @rule(number=st.integers(0, 9))
    def a_facade_is_killed(self, number: int) -> None:
        if front := self.front(number):
            front.kill()

    @precondition(lambda self: len(self.world.fronts) < 5)
    @rule()
    def a_facade_is_started(self) -> None:
        self.world.open_front().look(1)

    @precondition(lambda self: any(front.dead for front in self.world.fronts))
    @rule()
    def a_dead_facade_is_declared_ended(self) -> None:
        busy = {write.front for write in self.world.flying}
        for front in self.world.fronts:
            if front.dead and front not in busy:
                facades.forget(self.world.control, front.keeper.id)

    # Moves

    @precondition(lambda self: self.idle(self.world.conducting))
    @rule(unit=st.sampled_from(UNITS), ask=ASKS, turns=TURNS, sleeps=SLEEPS, landing=st.booleans())
    def a_move_is_asked_for_while_callers_write(
        self, unit: Unit, ask: Ask, turns: int, sleeps: int, landing: bool
    ) -> None:
        for front in self.world.fronts:
            for row in ROWS:
                if unit_of(row) == unit and not front.dead:
                    self.world.write(front, row)
        self.world.conduct(unit, ask)
        self.go_on(self.world.conducting, turns)
        self.everybody_obliges(self.world.conducting, sleeps, landing=landing, syncing=not landing)

    @precondition(lambda self: self.idle(self.world.conducting))
    @rule(unit=st.sampled_from(UNITS), ask=ASKS)
    def a_move_goes_well(self, unit: Unit, ask: Ask) -> None:
        self.world.conduct(unit, ask)
        self.everybody_obliges(self.world.conducting, 40, landing=True)

    @precondition(lambda self: not self.idle(self.world.conducting))
    @rule(turns=TURNS, sleeps=SLEEPS, landing=st.booleans(), syncing=st.booleans())
    def conductor_goes_on(self, turns: int, sleeps: int, landing: bool, syncing: bool) -> None:
        self.go_on(self.world.conducting, turns)
        self.everybody_obliges(self.world.conducting, sleeps, landing=landing, syncing=syncing)

    @precondition(lambda self: not self.idle(self.world.conducting))
    @rule()
    def conductor_is_killed(self) -> None:
        self.world.kill_conductor()

    @precondition(lambda self: self.idle(self.world.conducting) and self.idle(self.world.rescuing))
    @rule(
        unit=st.sampled_from(UNITS), ask=ASKS, step=st.sampled_from(Step), done=st.booleans(), sleeps=SLEEPS
    )
    def conductor_dies_at_a_step(self, unit: Unit, ask: Ask, step: Step, done: bool, sleeps: int) -> None:
        """Before it or after it; and somebody comes by when its silence has told that it is gone."""
        self.world.conduct(unit, ask)
        self.go_on(self.world.conducting, POLLS, to=f"{step} {done}")
        for _ in range(20):
            if self.idle(self.world.conducting) or self.world.conducting.where == f"{step} {done}":
                break
            self.world.oblige(landing=True)
            self.go_on(self.world.conducting, POLLS, to=f"{step} {done}")
        self.world.kill_conductor()
        self.time_passes(16.0, landed=True)
        self.world.rescue()
        self.go_on(self.world.rescuing, POLLS)
        self.everybody_obliges(self.world.rescuing, sleeps)

    @precondition(lambda self: not self.idle(self.world.conducting))
    @rule()
    def conductor_shows_life(self) -> None:
        for found in journal.unfinished(self.world.control):
            if self.world.conducting.name in found.holder:
                at = EPOCH + self.world.time.now + self.world.offset
                journal.sign_of_life(self.world.control, found, at=at)

    @precondition(lambda self: self.idle(self.world.rescuing))
    @rule(turns=TURNS, sleeps=SLEEPS)
    def a_worker_looks_for_what_was_abandoned(self, turns: int, sleeps: int) -> None:
        self.world.rescue()
        self.rescue_goes_on(turns, sleeps)

    @precondition(lambda self: not self.idle(self.world.rescuing))
    @rule(turns=TURNS, sleeps=SLEEPS)
    def rescue_goes_on(self, turns: int, sleeps: int) -> None:
        self.go_on(self.world.rescuing, turns)
        self.everybody_obliges(self.world.rescuing, sleeps)

    @precondition(lambda self: not self.idle(self.world.rescuing))
    @rule()
    def rescuer_is_killed(self) -> None:
        self.world.rescuing.kill()

    @rule(function=st.sampled_from(["party", "sale"]), turns=TURNS)
    def sync_goes_on(self, function: str, turns: int) -> None:
        self.world.work(function, turns)

    # Time

    @rule(seconds=st.sampled_from([0.3, 1.5, 4.0, 9.0, 16.0, 32.0]), landed=st.booleans())
    def time_passes(self, seconds: float, landed: bool) -> None:
        """What is under way ends in its time: nobody can wait for what takes longer than was said."""
        until = self.world.time.now + seconds
        while write := min(self.world.flying, key=lambda each: each.latest, default=None):
            if write.latest > until:
                break
            self.world.time.now = max(self.world.time.now, write.latest - 0.01)
            self.give_up_overdue()
            if landed:
                self.world.land(write)
            else:
                self.world.lose(write)
        self.world.time.now = until
        self.give_up_overdue()

    @rule(number=st.integers(0, 9), offset=OFFSETS)
    def a_clock_jumps(self, number: int, offset: float) -> None:
        front = self.front(number)
        if number % 2 or front is None:
            self.world.offset = offset
        else:
            front.offset = offset

    @invariant()
    def holds(self) -> None:
        if self.world.fronts:
            self.world.observe()

    def teardown(self) -> None:
        try:
            if self.world.fronts:
                self.world.calm()
        finally:
            self.world.close()
            self._stack.close()

    def front(self, number: int) -> Front | None:
        living = [front for front in self.world.fronts if not front.dead]
        return living[number % len(living)] if living else None

    def idle(self, process: Process | None) -> bool:
        return process is None or process.over

    def go_on(self, process: Process | None, turns: int, to: str = "sleeps") -> None:
        """Resume it so many times, at most until it sleeps, or comes to a place."""
        assert process is not None
        if self.world.turn(process, turns, to) and not isinstance(
            process.error, StranglerError | Refused | None
        ):
            raise process.error

    def everybody_obliges(
        self, process: Process | None, sleeps: int, *, landing: bool = False, syncing: bool = True
    ) -> None:
        """The process goes on, and whenever it sleeps, everybody else does what there is to do."""
        for slept in range(sleeps):
            if self.idle(process):
                break
            self.world.oblige(0.3 if slept < 8 else 2.0, landing=landing, syncing=syncing)
            self.go_on(process, POLLS)

    def give_up_overdue(self) -> None:
        for write in self.world.flying:
            overdue = write.begun + BUDGET <= self.world.time.now
            if write.given_up is None and overdue and not write.front.dead:
                self.world.give_up(write)
