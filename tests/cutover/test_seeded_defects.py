"""Defects put into the cutover on purpose: the state machine finds each, so it can fail, and says what it claims to say.

A defect is one that somebody could write: a step out of its order, a wait that ends too early, something that an undo forgets, a
facade that relies on what it shouldn't.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from strangler.cutover import doing, journal, recovery
from strangler.cutover.journal import Step
from strangler.cutover.ways import WAYS, Action, Way
from strangler.facade.flight import Flight
from strangler.facade.standing import Keeper
from tests.cutover.whole.machine import Cutover

EXAMPLES = 150
"""Within so many each has to be found."""

SEEDED = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    stateful_step_count=50,
    max_examples=EXAMPLES,
    derandomize=True,
    phases=[Phase.generate],
    print_blob=False,
    report_multiple_bugs=False,
)

Defect = Callable[[ExitStack], None]
DEFECTS: dict[str, Defect] = {}


def defect(seed: Defect) -> Defect:
    DEFECTS[seed.__name__] = seed
    return seed


def put(stack: ExitStack, of: Any, name: str, value: Any) -> None:
    stack.enter_context(patch.object(of, name, value))


def reordered(stack: ExitStack, way: Way, order: Callable[[list[Action]], list[Action]]) -> None:
    stack.enter_context(patch.dict(WAYS, {way: tuple(order(list(WAYS[way])))}))


def before(actions: list[Action], step: Step, other: Step) -> list[Action]:
    """With `step` put before `other`."""
    moving = next(each for each in actions if each.step is step)
    rest = [each for each in actions if each is not moving]
    at = [each.step for each in rest].index(other)
    return [*rest[:at], moving, *rest[at:]]


def nothing(*_: object, **__: object) -> None:
    """It isn't done."""


@defect
def the_position_is_read_before_the_facades_have_acknowledged(stack: ExitStack) -> None:
    reordered(stack, Way.TO_NEW, lambda actions: before(actions, Step.LIMITED, Step.ACKNOWLEDGED))


@defect
def nobody_waits_for_the_facades(stack: ExitStack) -> None:
    reordered(
        stack, Way.TO_NEW, lambda actions: [each for each in actions if each.step is not Step.ACKNOWLEDGED]
    )


@defect
def going_back_nobody_waits_for_the_facades(stack: ExitStack) -> None:
    steps = [each for each in WAYS[Way.TO_LEGACY] if each.step is not Step.ACKNOWLEDGED]
    reordered(stack, Way.TO_LEGACY, lambda _: steps)


@defect
def the_fence_is_lifted_before_the_facades_know(stack: ExitStack) -> None:
    reordered(stack, Way.TO_NEW, lambda actions: [_without_do(each, Step.FINISHED) for each in actions])


def _without_do(action: Action, step: Step) -> Action:
    return replace(action, do=nothing) if action.step is step else action


@defect
def the_store_isnt_waited_for(stack: ExitStack) -> None:
    reordered(
        stack, Way.TO_NEW, lambda actions: [each for each in actions if each.step is not Step.CAUGHT_UP]
    )


@defect
def what_new_wrote_isnt_waited_for(stack: ExitStack) -> None:
    kept = [each for each in WAYS[Way.TO_LEGACY] if each.step not in (Step.RETURNED, Step.CHECKED)]
    reordered(stack, Way.TO_LEGACY, lambda _: kept)
    put(stack, doing, "refuse_unreturned", lambda left, intent: None)


@defect
def legacy_is_locked_only_after_the_position(stack: ExitStack) -> None:
    reordered(stack, Way.TO_NEW, lambda actions: before(actions, Step.LIMITED, Step.LEGACY_FENCED))


@defect
def the_return_is_opened_only_when_new_may_write(stack: ExitStack) -> None:
    def order(actions: list[Action]) -> list[Action]:
        opening = next(each for each in actions if each.step is Step.RETURN_OPENED)
        return [*(each for each in actions if each is not opening), opening]

    reordered(stack, Way.TO_NEW, order)


@defect
def an_undo_forgets_how_far_delivery_may_go(stack: ExitStack) -> None:
    amend = recovery.standings.amend

    def forgetful(*arguments: Any, **fields: Any) -> Any:
        return amend(*arguments, **{name: value for name, value in fields.items() if name != "sync_until"})

    class Standings:
        of = staticmethod(recovery.standings.of)

    Standings.amend = staticmethod(forgetful)  # type: ignore[attr-defined]
    put(stack, recovery, "standings", Standings)


@defect
def an_undo_forgets_the_lock_in_legacy(stack: ExitStack) -> None:
    put(stack, recovery, "begun", lambda at, outside: [])


@defect
def what_was_decided_is_undone_by_who_comes_by(stack: ExitStack) -> None:
    put(
        stack,
        recovery,
        "_end",
        lambda means, taken: recovery.undo(means, replace(taken, decided=False), "gone"),
    )


@defect
def what_wasnt_decided_is_finished_by_who_comes_by(stack: ExitStack) -> None:
    put(stack, recovery, "_end", lambda means, taken: str(recovery.carry_on(means, taken)))


@defect
def nobody_looks_whether_the_switch_is_still_his(stack: ExitStack) -> None:
    advance = journal.advance

    def blind(control: Any, at: Any, step: Step, **more: Any) -> Any:
        now = journal.get(control, at.id)
        return advance(control, now, step, **more)

    put(stack, journal, "advance", blind)
    put(stack, journal, "require_mine", nothing)


@defect
def a_change_of_owner_leaves_no_entry(stack: ExitStack) -> None:
    class Ledger:
        append = staticmethod(nothing)

    put(stack, doing, "ledger", Ledger)


@defect
def a_facade_acknowledges_with_writes_under_way(stack: ExitStack) -> None:
    put(stack, Flight, "settled", lambda self, generation: generation)


@defect
def a_facade_ignores_its_lease(stack: ExitStack) -> None:
    put(stack, Keeper, "current", lambda self: self._sure)


@contextmanager
def seeded(seed: Defect) -> Iterator[None]:
    with ExitStack() as stack:
        seed(stack)
        yield


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", DEFECTS)
def test_a_seeded_defect_is_found(name: str) -> None:
    with seeded(DEFECTS[name]), pytest.raises(AssertionError):
        run_state_machine_as_test(Cutover, settings=SEEDED)
