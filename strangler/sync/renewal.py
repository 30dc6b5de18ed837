"""Renewal: the way out when the capture of a source is lost, and changes with it.

Here it is only decided: what is remembered of the source is forgotten, and everything that was filled from it is to be
filled again. The worker then makes the new capture (`Stream`), and no backfill begins before that (`Backfill`): what is
written after a backfill has read is seen by the stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strangler import assembly
from strangler.control import backfills, ledger, sources, standings
from strangler.control.lock import lock_decisions
from strangler.control.sources import SourceRecord
from strangler.control.store import Control
from strangler.cutover import journal
from strangler.cutover.stages import EVERYONE, Side
from strangler.errors import Refused
from strangler.settings import Settings

KIND: Final = "source reset"
"""The kind of the decision on the ledger."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a reset did: what was remembered of the source (None: nothing), and the entities (function, entity) that are
    to be filled again."""

    forgotten: SourceRecord | None
    refilled: tuple[tuple[str, str], ...]


def refuse_reset(settings: Settings, control: Control, name: str) -> None:
    """Raise Refused when a function of the source belongs to new, or is about to change its owner.

    Filling its store again would write over what new owns (invariant 4).
    """
    for function in assembly.functions_of(settings, name):
        journal.refuse_while_open(control, function, EVERYONE)
        for standing in (standings.of(control, function), *standings.cohorts(control, function)):
            if standing.owner is Side.NEW:
                raise Refused(
                    f"source {name} can't be reset while {standing.name} is {standing.stage}",
                    why="its store would be filled from legacy again, and new owns it",
                    do=f"strangler rollback {standing.spelled}, or take {function} out of the configuration",
                )


def reset(settings: Settings, control: Control, name: str, *, actor: str, at: float) -> Renewal:
    """Forget the capture of source `name` and ask for everything to be filled again, in one transaction with the ledger.

    That is every entity of a function that is synced, and of one that once was: its store has the gap, too.
    """
    with control.begin() as connection:
        lock_decisions(connection)  # No switch begins between the look and the deed.
        refuse_reset(settings, control, name)
        forgotten = sources.get(control, name)
        refilled = tuple(_to_fill(settings, control, name))
        body = {
            "source": name,
            "identity": forgotten.identity if forgotten else "",
            "position": forgotten.position if forgotten else "",
            "error": forgotten.error if forgotten else None,
            "filled again": [f"{function}.{entity}" for function, entity in refilled],
        }
        ledger.append(control, actor=actor, kind=KIND, function="", body=body, at=at)  # Invariant 8
        sources.forget(control, name)
        for function, entity in refilled:
            backfills.request(control, function, entity)
        return Renewal(forgotten, refilled)


def _to_fill(settings: Settings, control: Control, name: str) -> list[tuple[str, str]]:
    return [
        (function, entity)
        for function in assembly.functions_of(settings, name)
        for entity in settings.functions[function].entities
        if standings.snapshot(control).follows(function)
        or backfills.get(control, function, entity) is not None
    ]
