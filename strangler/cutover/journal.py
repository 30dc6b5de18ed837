"""The journal of a switch of owners: which step is done, and whether the point of no return is passed (invariant 6).

A row belongs to one process, its holder, that gives signs of life. Every step is written only if the journal still
stands where the holder left it; so when somebody else has taken an abandoned switch over, the first holder, should it
come back, finds out before it does anything more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import insert, select, update

from strangler.changes import Position
from strangler.control import tables
from strangler.control.holders import is_gone, myself
from strangler.control.lock import lock_decisions
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, RULES, Side, Stage, Standing, named
from strangler.errors import Refused


class Step(StrEnum):
    """What is done. Which of them a switch has, in which order and what each does, is in `strangler.cutover.ways`."""

    BEGUN = "begun"
    FENCED = "fenced"
    ACKNOWLEDGED = "acknowledged"
    LEGACY_FENCED = "legacy fenced"
    LIMITED = "limited"
    CAUGHT_UP = "caught up"
    RETURNED = "returned"
    CHECKED = "checked"
    HANDED_OVER = "handed over"
    RETURN_OPENED = "return opened"
    ARCHIVED = "archived"
    DECIDED = "decided"
    SWITCHED = "switched"
    LEGACY_LIFTED = "legacy lifted"
    RETURN_CLOSED = "return closed"
    DEACTIVATED = "deactivated"
    FINISHED = "finished"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Intent:
    """What a switch is for: the stage and weight that it leads to, who wants it and why. `evidence` is what the gates
    said, as it goes to the ledger. `accepted`: how many documents may be lost on the way back, as somebody has acknowledged. `plan`: the
    hash of the plan by which it was decided, empty for none."""

    function: str
    cohort: str
    stage: Stage
    weight: int
    actor: str
    reason: str
    evidence: list[dict[str, str]]
    accepted: int = 0
    plan: str = ""

    @property
    def owner(self) -> Side:
        """Who owns the function afterwards."""
        return RULES[self.stage].owner

    @property
    def what(self) -> str:
        """What it is about, in words: the function, and the cohort where it is one."""
        return named(self.function, self.cohort)

    @property
    def name(self) -> str:
        """What it is called in messages."""
        if self.stage is Stage.RETIRED:
            return f"retirement of {self.what}"
        return f"switch of {self.what} to {self.owner}"


@dataclass(frozen=True, slots=True)
class Journal:
    """A switch as it is recorded. `before` is the standing from which it began, `times` say when each step was done, in order. Times
    in seconds since the epoch."""

    id: int
    step: Step
    decided: bool
    finished: bool
    intent: Intent
    before: Standing
    position: Position | None
    holder: str
    started_at: float
    updated_at: float
    times: Mapping[Step, float] = field(default_factory=dict)

    @property
    def took(self) -> dict[Step, float]:
        """How long each step took, in seconds."""
        began = (self.started_at, *self.times.values())
        return {
            step: max(0.0, at - since) for (step, at), since in zip(self.times.items(), began, strict=False)
        }


class Taken(Refused):
    """The switch looked abandoned, and somebody else has taken it over."""


def begin(control: Control, intent: Intent, before: Standing, step: Step, *, at: float) -> Journal:
    """Open a journal with its first `step` done: the caller does it in the same transaction. Raises Refused when a switch
    of the function is under way."""
    with control.begin() as connection:
        lock_decisions(connection)
        refuse_while_open(control, intent.function, intent.cohort)
        values = {
            "function": intent.function,
            "cohort": intent.cohort,
            "direction": intent.owner,
            "step": step,
            "times": _written({step: at}),
            "decided": False,
            "finished": False,
            "intent": orjson.dumps({"intent": asdict(intent), "before": asdict(before)}).decode(),
            "position": None,
            "holder": myself(),
            "started_at": at,
            "updated_at": at,
        }
        statement = insert(tables.journal).values(values).returning(tables.journal)
        return _journal(connection.execute(statement).mappings().one())


def advance(
    control: Control, journal: Journal, step: Step, *, at: float, position: Position | None = None
) -> Journal:
    """Record that `step` is done. Raises Taken when the journal isn't where the holder left it."""
    done = step in (Step.FINISHED, Step.UNDONE)
    times = _written({**journal.times, step: at})
    values: dict[str, Any] = {"step": step, "times": times, "updated_at": at, "finished": done}
    if step is Step.DECIDED:
        values["decided"] = True  # Invariant 6
    if position is not None:
        values["position"] = position
    table = tables.journal
    with control.begin() as connection:
        mine = (table.c.id == journal.id, table.c.step == journal.step, table.c.holder == journal.holder)
        changed = update(table).where(*mine).values(values).returning(table)
        row = connection.execute(changed).mappings().first()
        if row is None:
            raise _taken(journal)
        return _journal(row)


def reread(control: Control, journal: Journal) -> Journal:
    """As it is recorded now. Raises Taken when somebody else holds it, or has ended it."""
    found = get(control, journal.id)
    if found.holder != journal.holder or found.finished:
        raise _taken(journal)
    return found


def require_mine(control: Control, journal: Journal) -> None:
    """Raise Taken when the journal isn't where the holder left it."""
    table = tables.journal
    mine = (table.c.id == journal.id, table.c.step == journal.step, table.c.holder == journal.holder)
    with control.read() as connection:
        if connection.execute(select(table.c.id).where(*mine)).first() is None:
            raise _taken(journal)


def take_over(control: Control, journal: Journal, *, at: float) -> Journal | None:
    """Become the holder of an abandoned journal; None when somebody else moved it meanwhile."""
    table = tables.journal
    same = (
        table.c.id == journal.id,
        table.c.step == journal.step,
        table.c.updated_at == journal.updated_at,
    )
    with control.begin() as connection:
        changed = update(table).where(*same).values(holder=myself(), updated_at=at).returning(table)
        row = connection.execute(changed).mappings().first()
        return _journal(row) if row else None


def sign_of_life(control: Control, journal: Journal, *, at: float) -> None:
    """Say that the holder is still at work."""
    table = tables.journal
    mine = (table.c.id == journal.id, table.c.holder == journal.holder, table.c.finished.is_(False))
    with control.begin() as connection:
        connection.execute(update(table).where(*mine).values(updated_at=at))


def unfinished(control: Control, function: str | None = None) -> list[Journal]:
    """The switches that are neither finished nor undone."""
    table = tables.journal
    query = select(table).where(table.c.finished.is_(False)).order_by(table.c.id)
    if function is not None:
        query = query.where(table.c.function == function)
    with control.read() as connection:
        return [_journal(row) for row in connection.execute(query).mappings()]


def finished(control: Control, limit: int) -> list[Journal]:
    """The last switches that were carried out to their end, the newest first."""
    table = tables.journal
    query = select(table).where(table.c.step == Step.FINISHED).order_by(table.c.id.desc()).limit(limit)
    with control.read() as connection:
        return [_journal(row) for row in connection.execute(query).mappings()]


def open_of(control: Control, function: str, cohort: str) -> Journal | None:
    """The switch of this function and cohort that is neither finished nor undone."""
    return next((each for each in unfinished(control, function) if each.intent.cohort == cohort), None)


def get(control: Control, id: int) -> Journal:
    """A switch as it is recorded now."""
    with control.read() as connection:
        query = select(tables.journal).where(tables.journal.c.id == id)
        return _journal(connection.execute(query).mappings().one())


def refuse_while_open(control: Control, function: str, cohort: str) -> None:
    """Raise Refused when a switch is under way of the same, or of the whole function beside one of its cohorts: what it finds of the other
    would be different at its end."""
    for journal in unfinished(control, function):
        if EVERYONE in (journal.intent.cohort, cohort) or journal.intent.cohort == cohort:
            raise Refused(
                f"a {journal.intent.name} is under way",
                why=f"{journal.intent.actor} began it; its last step is: {journal.step}",
                do="wait until it is finished; an abandoned one ends by itself within seconds, at the next command",
            )


def abandoned(journal: Journal, *, now: float) -> bool:
    """Whether nobody works on it any more: the holder is a process of this machine that is gone, or has been silent."""
    return is_gone(journal.holder, journal.updated_at, now)


def _written(times: Mapping[Step, float]) -> str:
    return orjson.dumps({step.value: at for step, at in times.items()}).decode()


def _taken(journal: Journal) -> Taken:
    return Taken(
        f"the {journal.intent.name} is no longer ours",
        why="it looked abandoned, so somebody else has ended it",
        do="look at `strangler status`, and try again",
    )


def _journal(row: Any) -> Journal:
    recorded = orjson.loads(row["intent"])
    intent, before = recorded["intent"], recorded["before"]
    return Journal(
        id=row["id"],
        step=Step(row["step"]),
        decided=row["decided"],
        finished=row["finished"],
        intent=Intent(**{**intent, "stage": Stage(intent["stage"])}),
        before=Standing(**{**before, "stage": Stage(before["stage"]), "owner": Side(before["owner"])}),
        position=row["position"],
        holder=row["holder"],
        started_at=row["started_at"],
        updated_at=row["updated_at"],
        times={Step(step): at for step, at in orjson.loads(row["times"]).items()},
    )
