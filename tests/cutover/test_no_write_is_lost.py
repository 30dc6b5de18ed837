"""Whatever happens during a switch, every write that a caller was told is done is in the owner's data afterwards.

Hypothesis chooses who writes what and when, which facades are slow, and where the conductor falls into a long sleep, to wake
up only when its switch has been ended by somebody else.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.control import ledger, standings
from strangler.control.store import Control
from strangler.cutover import journal
from strangler.cutover.journal import Intent, Step
from strangler.cutover.recovery import recover
from strangler.cutover.stages import RULES, Stage, Standing, at_the_start
from strangler.cutover.switch import Switch
from strangler.errors import Refused
from tests.cutover.estate import Estate, Facade

STEPS = [step for step in Step if step is not Step.UNDONE]
WAYS = {Stage.CANARY: Stage.LIVE, Stage.LIVE: Stage.SYNCING}


@dataclass(frozen=True)
class Script:
    """What happens: `writes` are (moment, facade, key, value), `slow` facades act on old standings until they are waited
    for, the conductor sleeps at the moment `sleep` (None: never), and with `drift` the last check finds some."""

    start: Stage
    writes: Sequence[tuple[int, int, str, int]]
    slow: frozenset[int]
    sleep: int | None
    drift: bool


MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where a play's control store lies: hundreds of small commits go faster without a disk."""

MOMENTS = range(2 * len(STEPS))
scripts = st.builds(
    Script,
    start=st.sampled_from(list(WAYS)),
    writes=st.lists(
        st.tuples(st.sampled_from(MOMENTS), st.integers(0, 2), st.sampled_from("abc"), st.integers(1, 9)),
        max_size=12,
    ),
    slow=st.frozensets(st.integers(0, 2)),
    sleep=st.none() | st.sampled_from(MOMENTS),
    drift=st.sampled_from([False, False, False, True]),
)


class Play:
    """A switch in an estate, as a script has it."""

    def __init__(self, control: Control, script: Script) -> None:
        self.control, self.script = control, script
        self.estate = Estate(control)
        self.estate.facades = [Facade(control, name) for name in "xyz"]
        start = at_the_start("party")
        after = replace(start, stage=script.start, owner=RULES[script.start].owner)
        self.before = standings.change(control, start, after, at=1.0)
        self.estate.turn()

    def watch(self, step: Step, done: bool) -> None:
        """Each step is two moments: writes first, through facades as they know it; then the quick ones look around."""
        moment = 2 * STEPS.index(step) + done
        for at, facade, key, value in self.script.writes:
            if at == moment:
                self.estate.write(self.estate.facades[facade], key, value)
        for number, facade_ in enumerate(self.estate.facades):
            if number not in self.script.slow or step in (Step.ACKNOWLEDGED, Step.FINISHED):
                facade_.refresh()
        self.estate.deliver()
        if moment == self.script.sleep:
            recover(self.control, self.estate.reach, actor="worker", clock=lambda: time.time() + 60)
            self.check_sound(standings.of(self.control, "party"))

    def run(self) -> None:
        drift = int(
            self.script.drift
        )  # Blind otherwise, so that only the order of the steps protects the writes.
        outside = replace(self.estate.outside(), drift=lambda: drift)
        intent = Intent("party", "*", WAYS[self.script.start], 0, "eva@host", "", [])
        with suppress(Refused):
            Switch(self.control, outside, 1.0, watch=self.watch).run(intent, self.before)

    def check_sound(self, standing: Standing) -> None:
        assert standing.owner is RULES[standing.stage].owner  # Invariant 4
        assert standing.fenced == bool(journal.unfinished(self.control))

    def check_nothing_lost(self) -> None:
        self.estate.turn()
        owned = self.estate.owned()
        assert {key: owned.get(key) for key in self.estate.accepted} == self.estate.accepted


@settings(max_examples=25, deadline=None)
@given(scripts)
def test_invariants_4_5_6_no_accepted_write_is_lost_and_there_is_one_owner(script: Script) -> None:
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as directory,
        Control.open(f"sqlite:///{directory}/c.db") as control,
    ):
        play = Play(control, script)
        play.run()
        recover(control, play.estate.reach, actor="worker", clock=lambda: time.time() + 60)
        play.check_sound(standings.of(control, "party"))
        play.check_nothing_lost()
        assert ledger.verify(control).problem is None
