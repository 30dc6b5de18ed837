"""How far the store of each function is: what the conductor waits for and what people see."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from sqlalchemy import delete, select, update

from strangler.changes import ORIGIN, Position
from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import insert_new, upsert


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """Everything up to `position` is applied, by a delivery that acts by the standings of `generation` or newer.

    `rows` were written from events since the start; `late_writes` are events that came from the side that isn't the
    owner (invariant 4): counted, not applied. `lag` is in seconds, None when unknown. `seen_at` in seconds since
    the epoch. `error` is what keeps delivery from going on, None when all is well.
    """

    function: str
    position: Position
    generation: int
    rows: int
    late_writes: int
    lag: float | None
    seen_at: float
    error: str | None


def get(control: Control, function: str) -> DeliveryRecord | None:
    """How far the store of a function is; None when nothing was ever delivered."""
    with control.read() as connection:
        query = select(tables.delivery).where(tables.delivery.c.function == function)
        row = connection.execute(query).first()
        return DeliveryRecord(*row) if row else None


def all_deliveries(control: Control) -> dict[str, DeliveryRecord]:
    """Function → how far its store is."""
    with control.read() as connection:
        return {row.function: DeliveryRecord(*row) for row in connection.execute(select(tables.delivery))}


def rows(control: Control, function: str) -> int:
    """How many rows were written from events so far, for a delivery that goes on counting."""
    record = get(control, function)
    return record.rows if record else 0


def report(
    control: Control,
    function: str,
    *,
    position: Position,
    generation: int,
    rows: int,
    late_writes: int,
    lag: float | None,
) -> None:
    """Say how far delivery is now, with totals; whatever kept it from going on is over."""
    record = DeliveryRecord(function, position, generation, rows, late_writes, lag, time.time(), None)
    with control.begin() as connection:
        upsert(connection, tables.delivery, [asdict(record)])


def fail(control: Control, function: str, error: str) -> None:
    """Delivery can't go on; what is known of it stays."""
    unknown = DeliveryRecord(function, ORIGIN, 0, 0, 0, None, 0.0, error)
    with control.begin() as connection:
        insert_new(connection, tables.delivery, [asdict(unknown)])
        statement = update(tables.delivery).where(tables.delivery.c.function == function)
        connection.execute(statement.values(error=error))


def forget(control: Control, function: str) -> None:
    """Nothing is delivered any more."""
    with control.begin() as connection:
        connection.execute(delete(tables.delivery).where(tables.delivery.c.function == function))
