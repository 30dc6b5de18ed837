"""The ways of a switch of owners, as data: which steps it has, in which order, what each does and how it is undone.

The order is the guarantee. To new:

1. facades refuse writes, and every living one has said so, and what silent ones let through is over, so no older write is under way;
2. then legacy itself refuses them, where that is configured, so that nobody who comes past the facades writes either;
3. only now the source's position is read (invariant 5), and delivery, told to apply nothing beyond it, reaches it;
4. both sides are the same in what changed last, and what new writes from now on is kept for the way back;
5. decided: the point of no return (invariant 6);
6. owner, stage and weight change at once, behind the fence; when the facades know, it is lifted.

Back to legacy the data has come back first, new has nothing that legacy hasn't, and legacy takes writes again before the facades send
it any. A retirement changes no owner, so that nobody has to wait; it ends the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from strangler.changes import Position
from strangler.cutover import doing
from strangler.cutover.journal import Journal, Step
from strangler.cutover.means import Means
from strangler.cutover.stages import RULES, Side, Stage
from strangler.cutover.world import Outside


def _nothing(means: Means, at: Journal) -> None:
    """There is nothing to do."""


Ask = Callable[[Outside], Callable[..., object] | None]
"""Which callable of the world outside."""

Tell = Callable[[Outside], Callable[[], Sequence[str]] | None]
"""Which callable of the world outside tells statements."""


@dataclass(frozen=True, slots=True)
class Action:
    """A step of a switch, and what it `does` in words.

    `do` waits for something, or acts on the world outside; it is idempotent, and may give a position to be recorded. `record`
    changes the control store in the one transaction in which the step is journalled. `undo` takes back what `do` did outside, also
    when it was only begun; what is in the control store is put back for all steps at once (`recovery.undo`). Without what it `needs`
    the step falls away. `statements` tells those that `do` will run in the legacy database.
    """

    step: Step
    does: str
    do: Callable[[Means, Journal], Position | None] = _nothing
    record: Callable[[Means, Journal], None] = _nothing
    undo: Ask = lambda outside: None
    needs: Ask = lambda outside: outside.way_back
    statements: Tell = lambda outside: None

    def wanted(self, outside: Outside) -> bool:
        """Whether there is anything to do in this world."""
        return self.needs(outside) is not None


class Way(StrEnum):
    """Where a switch leads."""

    TO_NEW = "to new"
    TO_LEGACY = "back to legacy"
    RETIRE = "retire"


def _outside(
    step: Step,
    does: str,
    act: Ask,
    undo: Ask = lambda outside: None,
    statements: Tell = lambda outside: None,
) -> Action:
    """An action that is a callable of the world outside."""

    def do(means: Means, at: Journal) -> None:
        if called := act(means.outside):
            doing.change(means, at, called)

    return Action(step, does, do, undo=undo, needs=act, statements=statements)


_FENCED: Final = Action(Step.FENCED, "the facades are told to refuse writes", record=doing.fence)
_ACKNOWLEDGED: Final = Action(
    Step.ACKNOWLEDGED, "no write is under way in any of them any more", doing.acknowledge
)
_HANDED_OVER: Final = Action(
    Step.HANDED_OVER,
    "the numbers come from the new owner",
    doing.hand_over,
    undo=lambda world: world.take_back,
    needs=lambda world: world.hand_over,
)
_DECIDED: Final = Action(
    Step.DECIDED, "the point of no return is journalled", doing.be_sure, doing.keep_numbers
)
_SWITCHED: Final = Action(
    Step.SWITCHED, "owner, stage and routes change in one transaction", record=doing.change_owner
)
_FINISHED: Final = Action(
    Step.FINISHED, "the facades know the new owner, and let writes through again", doing.tell, doing.lift
)
_RETURN_CLOSED: Final = _outside(
    Step.RETURN_CLOSED, "what new writes is kept for legacy no longer", lambda world: world.close_return
)
_RETURNED: Final = Action(
    Step.RETURNED,
    "all that new wrote has come back to legacy",
    doing.come_back,
    needs=lambda world: world.returned,
)

WAYS: Final[dict[Way, tuple[Action, ...]]] = {
    Way.TO_NEW: (
        _FENCED,
        _ACKNOWLEDGED,
        _outside(
            Step.LEGACY_FENCED,
            "the fence is put up in the legacy database",
            lambda world: world.fence_legacy,
            undo=lambda world: world.lift_legacy,
            statements=lambda world: world.statements,
        ),
        Action(
            Step.LIMITED,
            "open transactions have ended, and legacy's position is recorded",
            doing.position,
            doing.limit,
        ),
        Action(Step.CAUGHT_UP, "the store has everything up to that position", doing.catch_up),
        Action(Step.CHECKED, "what changed last is the same on both sides", doing.check_drift),
        _HANDED_OVER,
        _outside(
            Step.RETURN_OPENED,
            "what new writes is kept for legacy",
            lambda world: world.open_return,
            undo=lambda world: world.close_return,
        ),
        _DECIDED,
        _SWITCHED,
        _outside(
            Step.LEGACY_LIFTED, "the legacy database takes writes again", lambda world: world.release_legacy
        ),
        _FINISHED,
    ),
    Way.TO_LEGACY: (
        _FENCED,
        _ACKNOWLEDGED,
        _RETURNED,
        Action(Step.CHECKED, "new has nothing that legacy hasn't", doing.check_loss),
        _HANDED_OVER,
        _DECIDED,
        _SWITCHED,
        _outside(
            Step.LEGACY_LIFTED,
            "the legacy database takes writes again",
            lambda world: world.lift_legacy,
            statements=lambda world: world.lifting,
        ),
        _RETURN_CLOSED,
        _FINISHED,
    ),
    Way.RETIRE: (
        Action(Step.BEGUN, "the retirement is journalled", record=doing.hold_still),
        _RETURNED,
        Action(
            Step.ARCHIVED,
            "the figures of the last whole reconciliation are put on the ledger",
            record=doing.archive,
        ),
        Action(Step.DECIDED, "the point of no return is journalled"),
        Action(Step.SWITCHED, "the function is retired", record=doing.change_owner),
        _RETURN_CLOSED,
        _outside(
            Step.LEGACY_LIFTED,
            "the legacy database tells no longer who writes",
            lambda world: world.silence,
            statements=lambda world: world.silencing,
        ),
        _outside(
            Step.DEACTIVATED,
            "the legacy function is switched off",
            lambda world: world.deactivate,
            statements=lambda world: world.deactivation,
        ),
        Action(Step.FINISHED, "the retirement is over"),
    ),
}


def leading(stage: Stage) -> Way:
    """The way that leads there."""
    if stage is Stage.RETIRED:
        return Way.RETIRE
    return Way.TO_NEW if RULES[stage].owner is Side.NEW else Way.TO_LEGACY


def beginning(first: Step, *, back: bool) -> tuple[Action, ...]:
    """The steps of the way that begins with that one; both ways between owners begin alike, so `back` says which."""
    if first is WAYS[Way.RETIRE][0].step:
        return WAYS[Way.RETIRE]
    return WAYS[Way.TO_LEGACY if back else Way.TO_NEW]


def wanted(way: Way, outside: Outside) -> list[Action]:
    """The steps that it has in this world."""
    return [each for each in WAYS[way] if each.wanted(outside)]


def ahead(at: Journal, outside: Outside) -> Sequence[Action]:
    """What is still to be done."""
    return _wanted(at, outside)[_done(at, outside) :]


def begun(at: Journal, outside: Outside) -> Iterator[Callable[[], object]]:
    """What takes back what was done outside, the last first, and what may have been begun."""
    for action in reversed(_wanted(at, outside)[: _done(at, outside) + 1]):
        if undo := action.undo(outside):
            yield undo


def _wanted(at: Journal, outside: Outside) -> list[Action]:
    return [each for each in WAYS[leading(at.intent.stage)] if each.wanted(outside) or each.step is at.step]


def _done(at: Journal, outside: Outside) -> int:
    """How many of the wanted steps are done."""
    return [each.step for each in _wanted(at, outside)].index(at.step) + 1
