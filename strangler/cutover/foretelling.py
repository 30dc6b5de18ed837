"""What a switch of owners will do, told before it is begun: its steps in their order, and the statements that it will run in the legacy
database. Asks the legacy database what these depend on, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import indent

from strangler.cutover.journal import Step
from strangler.cutover.stages import RULES, Side, Stage
from strangler.cutover.ways import Action, leading, wanted
from strangler.cutover.world import Outside
from strangler.errors import StranglerError


@dataclass(frozen=True, slots=True)
class Foretold:
    """A step, what it `does` in words, and the `statements` that it will run in the legacy database. `untold` says why these can't be
    told, and is empty when they can."""

    step: Step
    does: str
    statements: tuple[str, ...] = ()
    untold: str = ""


def switches(owner: Side, stage: Stage) -> bool:
    """Whether it takes a switch to come to a stage, from one with that owner: a new owner comes by it only (invariant 4), and what can't
    be undone is journalled like one."""
    return RULES[stage].owner is not owner or stage is Stage.RETIRED


def foretell(stage: Stage, outside: Outside) -> list[Foretold]:
    """The steps of the switch to a stage."""
    return [_told(action, action.statements(outside)) for action in wanted(leading(stage), outside)]


def switches_ahead(owner: Side, stages: Sequence[Stage], outside: Outside) -> dict[Stage, list[Foretold]]:
    """The switches on a way through these stages, from a standing with that owner, by the stage that each leads to."""
    owners = (owner, *(RULES[stage].owner for stage in stages))
    taken = [stage for before, stage in zip(owners, stages, strict=False) if switches(before, stage)]
    return {stage: foretell(stage, outside) for stage in taken}


def lines(those: Sequence[Foretold]) -> Iterator[str]:
    """The steps as text: a line each, and below it what it will run in the legacy database."""
    for number, each in enumerate(those, 1):
        yield f"{number:>3}. {each.does}"
        if each.untold:
            yield f"     which statements it runs in the legacy database can't be told: {each.untold}"
        for statement in each.statements:
            yield indent(statement, " " * 5)


def _told(action: Action, statements: Callable[[], Sequence[str]] | None) -> Foretold:
    try:
        return Foretold(action.step, action.does, tuple(statements()) if statements else ())
    except StranglerError as error:
        return Foretold(
            action.step, action.does, untold=f"{error.what}: {error.why}" if error.why else error.what
        )
