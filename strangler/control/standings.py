"""Where each function, and each cohort that moves on its own, stands, for everyone who must act by it.

A cohort has a standing of its own from when it is separated, moved or held, until it rejoins the whole function; before and after it stands
where the whole does.

Every change of any standing makes the generation grow by one, in the same transaction. So a reader that polls
one number knows whether it has the latest, and can say which state it acts by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from strangler.changes import Position
from strangler.control import tables
from strangler.control.lock import lock_decisions
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Side, Stage, Standing, at_the_start, inherited
from strangler.errors import Refused

NOTICED_WITHIN: Final = 0.2
"""Seconds between two looks of those who poll the generation."""

ANNOUNCED_WITHIN: Final = 0.05
"""The same once a change was announced (`announce`)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All standings as they were at one generation. A function that isn't in it is at the start."""

    generation: int
    standings: tuple[Standing, ...]

    def of(self, function: str, cohort: str = EVERYONE) -> Standing:
        """The standing of a function; of a cohort its own, or how it stands by that of its function. Legacy when nobody has touched it."""
        if cohort == EVERYONE:
            whole = (each for each in self._of(function) if each.cohort == EVERYONE)
            return next(whole, at_the_start(function))
        counts = self.of_cohort(function, cohort)
        return counts if counts.cohort == cohort else inherited(counts, cohort)

    def cohorts(self, function: str) -> list[Standing]:
        """The standings of the cohorts of a function that move on their own, by name."""
        return [each for each in self._of(function) if each.cohort != EVERYONE]

    def of_cohort(self, function: str, cohort: str | None) -> Standing:
        """The standing that counts for a cohort, and so for a row or an event of it: its own, or that of the rest of the function where it
        has none. None: of no cohort."""
        if cohort is not None:
            for standing in self.standings:
                if standing.function == function and standing.cohort == cohort:
                    return standing
        return self.of(function)

    def all_of(self, function: str) -> list[Standing]:
        """The standing of the function, and those of its cohorts."""
        return [self.of(function), *self.cohorts(function)]

    def owners(self, function: str, *, beside: str) -> frozenset[Side]:
        """The sides that own anything of the function besides this cohort, or besides what doesn't move on its own."""
        return frozenset(each.owner for each in self.all_of(function) if each.cohort != beside)

    def has_begun(self, function: str) -> bool:
        """Whether anybody has begun to move the function or a cohort of it: then its store follows legacy in all that legacy owns, in
        whatever stage that is."""
        return any(each.stage is not Stage.LEGACY for each in self.all_of(function))

    def follows(self, function: str) -> bool:
        """Whether its store follows legacy, in anything at all."""
        return self.has_begun(function) and any(each.owner is Side.LEGACY for each in self.all_of(function))

    def _of(self, function: str) -> Iterator[Standing]:
        return (each for each in self.standings if each.function == function)


def snapshot(control: Control) -> Snapshot:
    """All standings with their generation, from one consistent read."""
    with control.read() as connection:
        rows = connection.execute(select(tables.standing).order_by("function", "cohort")).mappings()
        return Snapshot(_generation(connection), tuple(_standing(row) for row in rows))


def generation(control: Control) -> int:
    """The number of changes of any standing so far; the cheap question to poll."""
    with control.read() as connection:
        return _generation(connection)


class Pulse(NamedTuple):
    """The generation, and how often a change of any standing was announced so far."""

    generation: int
    announced: int


def pulse(control: Control) -> Pulse:
    """What there is to poll for those for whom somebody may wait."""
    table = tables.generation
    with control.read() as connection:
        return Pulse(*connection.execute(select(table.c.value, table.c.announced)).one())


def announce(control: Control) -> None:
    """Say that a change follows at once, so that those who poll look closer."""
    table = tables.generation
    with control.begin() as connection:
        connection.execute(update(table).values(announced=table.c.announced + 1))


def of(control: Control, function: str, cohort: str = EVERYONE) -> Standing:
    """The standing of a cohort where it has one of its own, else that of its function."""
    with control.read() as connection:
        return _own(connection, function, cohort) or _start(connection, function, cohort)


def cohorts(control: Control, function: str) -> list[Standing]:
    """The standings of the cohorts of a function that move on their own, by name."""
    return snapshot(control).cohorts(function)


def change(control: Control, before: Standing, after: Standing, *, at: float) -> Standing:
    """Put `after` in the place of `before` and let the generation grow, in one transaction.

    `since` becomes `at` when the stage changes. Returns what is stored. Raises Refused, and changes nothing, when
    the standing isn't `before` any more: somebody else was faster.
    """
    with control.begin() as connection:
        since = at if after.stage is not before.stage or before.generation == 0 else before.since
        generation = _grow(connection)
        left = 0 if after.stage is Stage.LEGACY else after.left or generation
        parted = after.parted or (0.0 if after.cohort == EVERYONE else at)
        stored = replace(after, generation=generation, since=since, left=left, parted=parted)
        if not _replaced(connection, before, _row(stored)):
            raise _overtaken(before)
        return stored


def amend(control: Control, function: str, cohort: str = EVERYONE, *, at: float, **fields: Any) -> Standing:
    """Change some fields of the standing as it is now, whatever it is; returns what is stored."""
    with control.begin() as connection:
        lock_decisions(connection)
        before = of(control, function, cohort)
        return change(control, before, replace(before, **fields), at=at)


def rejoin(control: Control, own: Standing, *, at: float) -> Standing:
    """Let a cohort that stands where the whole function does go by that again; returns the standing of the whole. Raises Refused when
    somebody else was faster.

    What is remembered of either holds for both from then on: the later limit of delivery, and the later leave from stage `legacy`,
    since a facade that missed it takes these rows for untouched.
    """
    with control.begin() as connection:
        whole = of(control, own.function)
        until = max((each.sync_until for each in (own, whole) if each.sync_until is not None), default=None)
        gone = delete(tables.standing).where(*_is(own.function, own.cohort), _at(own))
        if connection.execute(gone).rowcount != 1:
            raise _overtaken(own)
        # Invariant 4
        return change(control, whole, replace(whole, sync_until=until, left=max(own.left, whole.left)), at=at)


def _overtaken(before: Standing) -> Refused:
    return Refused(
        f"{before.name} was changed by somebody else at this moment",
        why=f"the decision was made on generation {before.generation}, which is no longer the last",
        do="look at `strangler status` and decide again",
    )


def _grow(connection: Connection) -> int:
    table = tables.generation
    bump = update(table).values(value=table.c.value + 1).returning(table.c.value)
    number: int = connection.execute(bump).scalar_one()
    return number


def _replaced(connection: Connection, before: Standing, values: dict[str, Any]) -> bool:
    mine = _is(before.function, before.cohort)
    changed = update(tables.standing).where(*mine, _at(before)).values(values)
    if connection.execute(changed).rowcount == 1:
        return True
    # The generation's row is locked by now, so nobody can insert, or move the whole function, between the look and the insert.
    which = before.function, before.cohort
    if _own(connection, *which) or before != _start(connection, *which):
        return False
    connection.execute(insert(tables.standing).values(values))
    return True


def _own(connection: Connection, function: str, cohort: str) -> Standing | None:
    row = connection.execute(select(tables.standing).where(*_is(function, cohort))).mappings().first()
    return _standing(row) if row else None


def _start(connection: Connection, function: str, cohort: str) -> Standing:
    """From where what has no standing of its own begins."""
    if cohort == EVERYONE:
        return at_the_start(function)
    return inherited(_own(connection, function, EVERYONE) or at_the_start(function), cohort)


def _generation(connection: Connection) -> int:
    number: int = connection.execute(select(tables.generation.c.value)).scalar_one()
    return number


def _is(function: str, cohort: str) -> tuple[Any, Any]:
    return tables.standing.c.function == function, tables.standing.c.cohort == cohort


def _at(before: Standing) -> Any:
    return tables.standing.c.generation == before.generation


def _row(standing: Standing) -> dict[str, Any]:
    values = asdict(standing)
    left, parted = values.pop("left"), values.pop("parted")
    return {**values, "left_at": left, "parted_at": parted}


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
        parted=row["parted_at"],
    )
