"""The functions that are stopped, since more of their keys would wait in quarantine than may.

What is written for one from then on is left to the backfill that comes with its resumption. A person asks for that; the worker, who
alone reads the source, carries it out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import delete, select, update

from strangler.changes import Position
from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import insert_new


@dataclass(frozen=True, slots=True)
class Stop:
    """A function that is stopped: `keys` of it waited, more than `most`. Up to `position` everything of it was translated or held.

    `at` in seconds since the epoch. `resuming`: somebody has asked for it to go on.
    """

    function: str
    position: Position
    keys: int
    most: int
    at: float
    resuming: bool = False

    @property
    def words(self) -> str:
        """What happened and what to do."""
        what = f"{self.function} is stopped: {self.keys:,} of its keys wait in quarantine, more than {self.most:,}"
        if self.resuming:
            return f"{what}; it is resumed as soon as a worker reads its source"
        return (
            f"{what}; mend its mapping, restart the worker, then: strangler quarantine resume {self.function}"
        )


def begin(control: Control, stop: Stop) -> bool:
    """Stop a function; False when it is stopped already."""
    with control.begin() as connection:
        if get(control, stop.function) is not None:
            return False
        insert_new(connection, tables.stop, [asdict(stop)])
        return True


def get(control: Control, function: str) -> Stop | None:
    """How a function was stopped; None when it isn't."""
    return all_stops(control).get(function)


def all_stops(control: Control) -> dict[str, Stop]:
    """Function → how it was stopped."""
    with control.read() as connection:
        return {row.function: Stop(*row) for row in connection.execute(select(tables.stop))}


def ask_to_resume(control: Control, function: str) -> None:
    """Say that the function may go on."""
    with control.begin() as connection:
        connection.execute(
            update(tables.stop).where(tables.stop.c.function == function).values(resuming=True)
        )


def end(control: Control, function: str) -> None:
    """The function goes on."""
    with control.begin() as connection:
        connection.execute(delete(tables.stop).where(tables.stop.c.function == function))
