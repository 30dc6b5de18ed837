"""What each guard saw last, since when its gate is breached, and what it did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import delete, select

from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import upsert


@dataclass(frozen=True, slots=True)
class Watch:
    """A guard of a function at its last look. `name` tells it apart there; `gate` is what it looks at, with verdict and figures.

    `breached_at` is since when it is breached, None while it isn't; `acted_at` and `act` are when it last did something, and what; `tries`
    how often it did so in this breach. Times in seconds since the epoch.
    """

    function: str
    cohort: str
    name: str
    gate: str
    verdict: str
    figure: str
    limit: str
    words: str
    looked_at: float
    breached_at: float | None = None
    acted_at: float | None = None
    act: str = ""
    tries: int = 0


def of_function(control: Control, function: str) -> list[Watch]:
    """Every guard of a function that was ever looked at, by cohort and name."""
    table = tables.guard
    query = select(table).where(table.c.function == function).order_by(table.c.cohort, table.c.name)
    with control.read() as connection:
        return [Watch(**row) for row in connection.execute(query).mappings()]


def record(control: Control, function: str, watches: Sequence[Watch]) -> None:
    """These are the guards of a function now; what isn't among them is forgotten."""
    table = tables.guard
    kept = {(each.cohort, each.name) for each in watches}
    with control.begin() as connection:
        known = connection.execute(
            select(table.c.cohort, table.c.name).where(table.c.function == function)
        ).all()
        for cohort, name in {(row.cohort, row.name) for row in known} - kept:
            gone = (table.c.function == function, table.c.cohort == cohort, table.c.name == name)
            connection.execute(delete(table).where(*gone))
        if watches:
            upsert(connection, table, [asdict(each) for each in watches])


def forget_others(control: Control, functions: Iterable[str]) -> None:
    """Forget the guards of functions that are no longer there."""
    with control.begin() as connection:
        connection.execute(delete(tables.guard).where(tables.guard.c.function.not_in(list(functions))))
