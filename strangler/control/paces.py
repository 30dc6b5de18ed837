"""How many numbers each side draws, measured between two looks at its counter, by hour; and what the last look saw.

A counter that is set jumps over numbers that nobody has drawn. So whoever sets one says so, and the next look measures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, select, update

from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import add_up, upsert
from strangler.cutover.stages import Side

HOUR: Final = 3600

KEPT: Final = 7 * 24
"""Hours: a week has each day of it once."""


@dataclass(frozen=True, slots=True)
class Look:
    """The last numbers of both sides at the moment `at` (seconds since the epoch). `jumped`: a counter was set since."""

    at: float
    lasts: Mapping[Side, int]
    jumped: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """What each side has drawn in the `seconds` that were measured within the last week, and the most within an hour."""

    seconds: float = 0.0
    drawn: Mapping[Side, int] | None = None
    busiest: Mapping[Side, int] | None = None


def looked(control: Control, function: str, numbers: str, look: Look) -> None:
    """Note a look, and what was drawn since the one before it. A counter that somebody else has set back tells nothing of that time."""
    before = last(control, function, numbers)
    where = {"function": function, "numbers": numbers}
    with control.begin() as connection:
        seen = {side.value: look.lasts[side] for side in Side}
        upsert(connection, tables.number_look, [{**where, "at": look.at, **seen, "jumped": False}])
        if before is None or before.jumped or look.at <= before.at:
            return
        drawn = {side.value: look.lasts[side] - before.lasts[side] for side in Side}
        if min(drawn.values()) < 0:
            return
        table, hour = tables.number_pace, int(look.at // HOUR)
        row = {**where, "hour": hour, "seconds": look.at - before.at, **drawn}
        add_up(connection, table, tuple(row), [tuple(row.values())], ("seconds", *drawn))
        connection.execute(delete(table).where(table.c.hour < hour - KEPT))


def last(control: Control, function: str, numbers: str) -> Look | None:
    """The last look; None when there was none."""
    table = tables.number_look
    query = select(table).where(table.c.function == function, table.c.numbers == numbers)
    with control.read() as connection:
        row = connection.execute(query).mappings().first()
    return Look(row["at"], {side: row[side] for side in Side}, row["jumped"]) if row else None


def jump(control: Control, function: str) -> None:
    """A counter of the function is being set."""
    table = tables.number_look
    with control.begin() as connection:
        connection.execute(update(table).where(table.c.function == function).values(jumped=True))


def of(control: Control, function: str, numbers: str, *, now: float) -> Pace:
    """What was measured within the last week."""
    table = tables.number_pace
    mine = (
        table.c.function == function,
        table.c.numbers == numbers,
        table.c.hour >= int(now // HOUR) - KEPT,
    )
    sums = [func.sum(table.c[name]) for name in ("seconds", *Side)]
    most = [func.max(table.c[side]) for side in Side]
    with control.read() as connection:
        seconds, *drawn = connection.execute(select(*sums).where(*mine)).one()
        # What was drawn while nobody looked for long stands in the hour of the look after that.
        within = connection.execute(select(*most).where(*mine, table.c.seconds <= HOUR * 1.1)).one()
    if not seconds:
        return Pace()
    busiest = {side: int(count or 0) for side, count in zip(Side, within, strict=True)}
    return Pace(float(seconds), {side: int(count) for side, count in zip(Side, drawn, strict=True)}, busiest)
