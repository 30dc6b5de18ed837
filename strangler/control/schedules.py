"""Which slot of each schedule was done last, or is being done now and by whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from strangler.control import tables
from strangler.control.holders import myself
from strangler.control.store import Control
from strangler.control.upsert import insert_new

Key = tuple[str, str]
"""A schedule: the function, and what it is called there (`strangler.settings.Schedule.name`)."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The last slot of a schedule that was taken, in seconds since the epoch; before the first, when the schedule was first seen.

    `holder` carries it out, `seen_at` is its last sign of life; None when it is done. `run` is the reconciliation that came of it, None
    as long as there is none.
    """

    function: str
    name: str
    slot: float
    holder: str | None
    seen_at: float
    run: int | None

    @property
    def key(self) -> Key:
        return self.function, self.name


def known(control: Control) -> dict[Key, Slot]:
    """Every schedule that was ever seen."""
    with control.read() as connection:
        found = (Slot(*row) for row in connection.execute(select(tables.schedule)))
        return {slot.key: slot for slot in found}


def see(control: Control, schedules: Iterable[Key], *, at: float) -> None:
    """From now on the slots of these schedules count, where they weren't seen before."""
    rows = [{"function": function, "name": name, "slot": at, "seen_at": at} for function, name in schedules]
    with control.begin() as connection:
        insert_new(connection, tables.schedule, rows)


def take(control: Control, before: Slot, slot: float, *, at: float) -> bool:
    """Become the holder of a slot; False when somebody else has done so since `before` was read."""
    table = tables.schedule
    unchanged = (
        table.c.slot == before.slot,
        table.c.seen_at == before.seen_at,
        table.c.holder.is_not_distinct_from(before.holder),
    )
    values = {"slot": slot, "holder": myself(), "seen_at": at}
    with control.begin() as connection:
        taken = connection.execute(update(table).where(*_is(before.key), *unchanged).values(values))
        return bool(taken.rowcount)


def hold(control: Control, key: Key, *, at: float) -> None:
    """This process carries it out: its first sign of life, and each one after it."""
    _set(control, key, holder=myself(), seen_at=at)


def keep(control: Control, key: Key, *, at: float) -> None:
    """A sign of life of this process, as long as it still is the holder."""
    table = tables.schedule
    with control.begin() as connection:
        mine = (*_is(key), table.c.holder == myself())
        connection.execute(update(table).where(*mine).values(seen_at=at))


def end(control: Control, key: Key, run: int | None = None) -> None:
    """Nobody carries it out any more. `run` came of it."""
    _set(control, key, holder=None, **({} if run is None else {"run": run}))


def release(control: Control, key: Key, run: int) -> None:
    """It was stopped half way, with `run`: whoever sees that first may go on with it."""
    _set(control, key, seen_at=0.0, run=run)


def _set(control: Control, key: Key, **values: Any) -> None:
    with control.begin() as connection:
        connection.execute(update(tables.schedule).where(*_is(key)).values(values))


def _is(key: Key) -> tuple[Any, Any]:
    return tables.schedule.c.function == key[0], tables.schedule.c.name == key[1]
