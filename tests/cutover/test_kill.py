"""Kill -9 before and after every step of a switch: afterwards there is one owner, and nothing contradicts it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from strangler.control import deliveries, facades, ledger, standings
from strangler.control.store import Control
from strangler.cutover import journal, recovery
from strangler.cutover.history import Kind
from strangler.cutover.journal import Intent, Step
from strangler.cutover.means import Means
from strangler.cutover.stages import RULES, Side, Stage, Standing, at_the_start
from strangler.cutover.switch import Switch
from strangler.cutover.world import Outside
from tests.cutover.estate import position

FORWARDS = [
    Step.FENCED,
    Step.ACKNOWLEDGED,
    Step.LIMITED,
    Step.CAUGHT_UP,
    Step.CHECKED,
    Step.DECIDED,
    Step.SWITCHED,
    Step.FINISHED,
]
BACKWARDS = [step for step in FORWARDS if step not in (Step.LIMITED, Step.CAUGHT_UP)]
PLACES = [
    (before, after, step, done)
    for before, after, steps in ((Stage.CANARY, Stage.LIVE, FORWARDS), (Stage.LIVE, Stage.SYNCING, BACKWARDS))
    for step in steps
    for done in (False, True)
]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, control_url: str) -> Iterator[str]:
    if request.param == "sqlite":
        yield control_url
    else:
        yield request.getfixturevalue("postgres_url")


def _start(url: str, stage: Stage) -> Standing:
    with Control.open(url) as control:
        start = at_the_start("party")
        until = position(3) if stage is Stage.LIVE else None
        after = replace(start, stage=stage, owner=RULES[stage].owner, weight=700, sync_until=until)
        return standings.change(control, start, after, at=1.0)


def _intent(stage: Stage) -> Intent:
    return Intent("party", "*", stage, 10_000 if stage is Stage.LIVE else 0, "eva@host", "", [])


def _reach(function: str, cohort: str) -> Outside:
    """A world in which all is well."""
    return Outside(lambda: None, lambda timeout: position(5), lambda: 0, lambda: 0)


def _switch(url: str, before: Standing, after: Stage, step: Step, done: bool) -> None:
    """In a process of its own: a switch that dies at one place. Facade and delivery obey whenever they are asked."""
    with Control.open(url) as control:

        def watch(at: Step, is_done: bool) -> None:
            if (at, is_done) == (step, done):
                os.kill(os.getpid(), signal.SIGKILL)
            generation = standings.generation(control)
            facades.seen(control, "a", generation=generation, address="a", at=time.time())
            if at is Step.CAUGHT_UP:
                deliveries.report(
                    control,
                    "party",
                    position=position(5),
                    generation=generation,
                    rows=0,
                    late_writes=0,
                    lag=0.0,
                )

        Switch(control, _reach("party", "*"), 20.0, watch=watch).run(_intent(after), before)


def _recover(url: str, step: Step, done: bool) -> None:
    """In a process of its own: a recovery that dies at one place."""

    def watch(at: Step, is_done: bool) -> None:
        if (at, is_done) == (step, done):
            os.kill(os.getpid(), signal.SIGKILL)

    with Control.open(url) as control:
        (found,) = journal.unfinished(control)
        taken = journal.take_over(control, found, at=time.time())
        assert taken is not None
        recovery.carry_on(Means(control, _reach("party", "*"), "worker"), taken, watch)


def _killed(work: Callable[..., None], *arguments: object) -> None:
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL


def _assert_sound(standing: Standing) -> None:
    """Route, owner and fence never contradict one another (invariant 4)."""
    assert standing.owner is RULES[standing.stage].owner
    assert standing.stage is not Stage.LIVE or standing.sync_until is not None


@pytest.mark.parametrize(("before", "after", "step", "done"), PLACES)
def test_invariant_6_killed_before_the_decision_it_is_undone_killed_after_it_is_finished(
    url: str, before: Stage, after: Stage, step: Step, done: bool
) -> None:
    start = _start(url, before)
    _killed(_switch, url, start, after, step, done)
    with Control.open(url) as control:
        found = standings.of(control, "party")
        _assert_sound(found)
        opened = journal.unfinished(control)
        assert found.fenced == bool(opened), "as long as the switch is open nobody may write"
        facades.forget(control, "a")
        decided = FORWARDS.index(step) + done > FORWARDS.index(Step.DECIDED)
        words = recovery.recover(control, _reach, actor="worker")
        assert len(words) == len(opened)

        now = standings.of(control, "party")
        _assert_sound(now)
        assert not now.fenced
        assert journal.unfinished(control) == []
        if decided:
            until = position(5) if after is Stage.LIVE else None
            assert (now.stage, now.sync_until) == (after, until)
        else:
            assert replace(now, generation=start.generation) == start
        kinds = [entry.kind for entry in ledger.entries(control)]
        moves = kinds.count(Kind.ADVANCED) + kinds.count(Kind.ROLLED_BACK)
        assert moves == decided, "the move is on the ledger once when it happened, and never when not"
        assert kinds.count(Kind.UNDONE) == (bool(opened) and not decided)
        assert ledger.verify(control).problem is None
        assert recovery.recover(control, _reach, actor="worker") == [], "nothing is left to recover"


@pytest.mark.parametrize(
    ("step", "done"), [(Step.SWITCHED, True), (Step.FINISHED, False), (Step.FINISHED, True)]
)
def test_invariant_6_a_recovery_that_is_killed_is_finished_by_the_next(
    control_url: str, step: Step, done: bool
) -> None:
    start = _start(control_url, Stage.CANARY)
    _killed(_switch, control_url, start, Stage.LIVE, Step.DECIDED, True)
    with Control.open(control_url) as control:
        facades.forget(control, "a")
    _killed(_recover, control_url, step, done)
    with Control.open(control_url) as control:
        recovery.recover(control, _reach, actor="worker")
        now = standings.of(control, "party")
        assert (now.stage, now.owner, now.fenced) == (Stage.LIVE, Side.NEW, False)
        assert [entry.kind for entry in ledger.entries(control)] == [Kind.BEGUN, Kind.ADVANCED]
