"""The history of a function, or of a cohort: its moves as they stand on the ledger, each with who, why and the gates that spoke for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from strangler.control import ledger
from strangler.control.store import Control
from strangler.cutover.gates import GateResult
from strangler.cutover.stages import EVERYONE, Side, Stage, Standing


class Kind(StrEnum):
    """The kinds of decision that the conductor puts on the ledger."""

    ADVANCED = "advanced"
    ROLLED_BACK = "rolled back"
    REFUSED = "refused"
    HELD = "held"
    RELEASED = "released"
    BEGUN = "switch begun"
    UNDONE = "switch undone"
    LOSS_ACCEPTED = "loss accepted"
    ARCHIVED = "reconciliation archived"
    SEPARATED = "separated"
    REJOINED = "rejoined"
    ACCEPTED = "edited plan accepted"


MOVES = (Kind.ADVANCED, Kind.ROLLED_BACK)
"""The kinds after which a function stands elsewhere than before."""

_PARTING = frozenset((*MOVES, Kind.HELD, Kind.BEGUN, Kind.SEPARATED))
"""The kinds that give a cohort a standing of its own."""


@dataclass(frozen=True, slots=True)
class Move:
    """A change of stage or weight that happened. `at` in seconds since the epoch, `weight` in basis points."""

    at: float
    actor: str
    kind: Kind
    function: str
    before: Stage
    after: Stage
    weight: int
    owner_before: Side
    owner: Side
    reason: str


def describe(before: Standing, after: Standing, reason: str) -> dict[str, Any]:
    """The body of a move on the ledger."""
    return {
        "cohort": after.cohort,
        "before": {"stage": before.stage, "weight": before.weight, "owner": before.owner},
        "after": {"stage": after.stage, "weight": after.weight, "owner": after.owner},
        "reason": reason,
    }


def evidence(gates: Sequence[GateResult]) -> list[dict[str, str]]:
    """Gate results as they stand on the ledger."""
    return [
        {
            "gate": result.name,
            "verdict": result.verdict,
            "figure": result.figure,
            "limit": result.limit,
            "words": result.words,
            "do": result.do,
        }
        for result in gates
    ]


def of(control: Control, function: str, cohort: str = EVERYONE) -> list[Move]:
    """Every move of a function, oldest first; of a cohort those of the whole function as long as it went with that, and its own since."""
    return moves(lived(ledger.entries(control, function=function), cohort))


def moves(entries: Iterable[ledger.Entry]) -> list[Move]:
    """The moves among entries of the ledger."""
    return [_move(entry) for entry in entries if entry.kind in MOVES]


def lived(entries: Iterable[ledger.Entry], cohort: str) -> list[ledger.Entry]:
    """What of a function's entries on the ledger a cohort has lived through. Pure."""
    whole: list[ledger.Entry] = []
    own: list[ledger.Entry] | None = None
    for entry in entries:
        about = entry.body.get("cohort", EVERYONE)
        beforehand = about == cohort and own is None and entry.kind == Kind.ACCEPTED
        if about == EVERYONE or beforehand:
            whole.append(entry)
        elif about == cohort and entry.kind == Kind.REJOINED:
            own = None
        elif about == cohort and (entry.kind in _PARTING or own is not None):
            own = [*whole] if own is None else own
            own.append(entry)
    return whole if own is None else own


def entered(history: Sequence[Move], stage: Stage) -> float:
    """When a function last came into a stage from another one; 0.0 when it never did."""
    times = (move.at for move in history if move.after is stage is not move.before)
    return max(times, default=0.0)


def reached(history: Sequence[Move]) -> float:
    """When a function last came to where it stands, its weight included; 0.0 when it never moved."""
    return max((move.at for move in history), default=0.0)


def begun_under(entries: Iterable[ledger.Entry]) -> str:
    """The hash of the plan by which a function moves since it left stage legacy, edits that were accepted included; empty for none."""
    plan = ""
    for entry in entries:
        if entry.kind in MOVES and entry.body["after"]["stage"] == Stage.LEGACY:
            plan = ""
        elif entry.kind == Kind.ACCEPTED or not plan:
            plan = entry.body.get("plan", plan)
    return plan


def switched(history: Sequence[Move]) -> float:
    """When a function last changed its owner; 0.0 when it never did."""
    return max((move.at for move in history if move.owner is not move.owner_before), default=0.0)


def _move(entry: ledger.Entry) -> Move:
    before, after = entry.body["before"], entry.body["after"]
    return Move(
        at=entry.at,
        actor=entry.actor,
        kind=Kind(entry.kind),
        function=entry.function,
        before=Stage(before["stage"]),
        after=Stage(after["stage"]),
        weight=after["weight"],
        owner_before=Side(before["owner"]),
        owner=Side(after["owner"]),
        reason=entry.body["reason"],
    )
