"""Where the numbers of one side end and those of the other begin, as long as both draw: some cohorts of a function are on new, others on
legacy. Begins with the decision of the switch that parts them, and ends with that of the one after which one side draws alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select

from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import insert_new, upsert
from strangler.cutover.stages import Side


@dataclass(frozen=True, slots=True)
class Stretch:
    """The side `ahead` draws numbers larger than `beyond`; the other one, behind, no larger ones. `leap`: the side behind is being set to
    this number, from which on it will be the one ahead; None when it isn't."""

    ahead: Side
    beyond: int
    leap: int | None = None

    @property
    def behind(self) -> Side:
        """The side that has `beyond` in front of it."""
        return self.ahead.other


def of(control: Control, function: str) -> dict[str, Stretch]:
    """Those of a function, by the name of its `numbers`; none while one side draws alone."""
    table = tables.stretch
    query = select(table.c.numbers, table.c.ahead, table.c.beyond, table.c.leap)
    with control.read() as connection:
        found = connection.execute(query.where(table.c.function == function)).all()
    return {row.numbers: Stretch(Side(row.ahead), row.beyond, row.leap) for row in found}


def begin(control: Control, function: str, numbers: str, stretch: Stretch) -> None:
    """Keep it, unless there is one already: another cohort was faster, and its numbers begin earlier."""
    with control.begin() as connection:
        insert_new(connection, tables.stretch, [_row(function, numbers, stretch)])


def keep(control: Control, function: str, numbers: str, stretch: Stretch) -> None:
    """Put it in the place of the one that is there."""
    with control.begin() as connection:
        upsert(connection, tables.stretch, [_row(function, numbers, stretch)])


def end(control: Control, function: str) -> None:
    """One side draws alone from now on."""
    with control.begin() as connection:
        connection.execute(delete(tables.stretch).where(tables.stretch.c.function == function))


def _row(function: str, numbers: str, stretch: Stretch) -> dict[str, Any]:
    where = {"function": function, "numbers": numbers}
    return {**where, "ahead": stretch.ahead, "beyond": stretch.beyond, "leap": stretch.leap}
