"""Where each function stands, for everyone who must act by it.

Every change of any standing makes the generation grow by one, in the same transaction. So a reader that polls
one number knows whether it has the latest, and can say which state it acts by.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from strangler.changes import Position
from strangler.control import tables
from strangler.control.lock import lock_decisions
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Side, Stage, Standing, at_the_start
from strangler.errors import Refused


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All standings as they were at one generation. A function that isn't in it is at the start."""

    generation: int
    standings: tuple[Standing, ...]

    def of(self, function: str, cohort: str = EVERYONE) -> Standing:
        """The standing of a function or cohort; legacy when nobody has touched it yet."""
        for standing in self.standings:
            if standing.function == function and standing.cohort == cohort:
                return standing
        return at_the_start(function, cohort)

    def of_cohort(self, function: str, cohort: str | None) -> Standing:
        """The standing that counts for a cohort, and so for a row or an event of it: its own, or that of the rest of the function where it
        has none. None: of no cohort."""
        if cohort is not None:
            for standing in self.standings:
                if standing.function == function and standing.cohort == cohort:
                    return standing
        return self.of(function)


def snapshot(control: Control) -> Snapshot:
    """All standings with their generation, from one consistent read."""
    with control.read() as connection:
        rows = connection.execute(select(tables.standing).order_by("function", "cohort")).mappings()
        return Snapshot(_generation(connection), tuple(_standing(row) for row in rows))


def generation(control: Control) -> int:
    """The number of changes of any standing so far; the cheap question to poll."""
    with control.read() as connection:
        return _generation(connection)


def of(control: Control, function: str, cohort: str = EVERYONE) -> Standing:
    """The standing of one function or cohort."""
    with control.read() as connection:
        row = connection.execute(select(tables.standing).where(*_is(function, cohort))).mappings().first()
        return _standing(row) if row else at_the_start(function, cohort)


def change(control: Control, before: Standing, after: Standing, *, at: float) -> Standing:
    """Put `after` in the place of `before` and let the generation grow, in one transaction.

    `since` becomes `at` when the stage changes. Returns what is stored. Raises Refused, and changes nothing, when
    the standing isn't `before` any more: somebody else was faster.
    """
    with control.begin() as connection:
        since = at if after.stage is not before.stage or before.generation == 0 else before.since
        generation = _grow(connection)
        left = 0 if after.stage is Stage.LEGACY else before.left or generation
        stored = replace(after, generation=generation, since=since, left=left)
        if not _replaced(connection, before, _row(stored)):
            raise Refused(
                f"{before.function} was changed by somebody else at this moment",
                why=f"the decision was made on generation {before.generation}, which is no longer the last",
                do="look at `strangler status` and decide again",
            )
        return stored


def amend(control: Control, function: str, cohort: str = EVERYONE, *, at: float, **fields: Any) -> Standing:
    """Change some fields of the standing as it is now, whatever it is; returns what is stored."""
    with control.begin() as connection:
        lock_decisions(connection)
        before = of(control, function, cohort)
        return change(control, before, replace(before, **fields), at=at)


def _grow(connection: Connection) -> int:
    table = tables.generation
    bump = update(table).values(value=table.c.value + 1).returning(table.c.value)
    number: int = connection.execute(bump).scalar_one()
    return number


def _replaced(connection: Connection, before: Standing, values: dict[str, Any]) -> bool:
    if before.generation == 0:
        # The generation's row is locked by now, so nobody can insert between the look and the insert.
        there = select(tables.standing.c.generation).where(*_is(before.function, before.cohort))
        if connection.execute(there).first():
            return False
        connection.execute(insert(tables.standing).values(values))
        return True
    condition = (*_is(before.function, before.cohort), tables.standing.c.generation == before.generation)
    return connection.execute(update(tables.standing).where(*condition).values(values)).rowcount == 1


def _generation(connection: Connection) -> int:
    number: int = connection.execute(select(tables.generation.c.value)).scalar_one()
    return number


def _is(function: str, cohort: str) -> tuple[Any, Any]:
    return tables.standing.c.function == function, tables.standing.c.cohort == cohort


def _row(standing: Standing) -> dict[str, Any]:
    values = asdict(standing)
    left = values.pop("left")
    return {**values, "left_at": left}


def _standing(row: Any) -> Standing:
    until = row["sync_until"]
    return Standing(
        function=row["function"],
        cohort=row["cohort"],
        stage=Stage(row["stage"]),
        owner=Side(row["owner"]),
        weight=row["weight"],
        fenced=row["fenced"],
        sync_until=None if until is None else Position(until),
        hold=row["hold"],
        generation=row["generation"],
        since=row["since"],
        left=row["left_at"],
    )
