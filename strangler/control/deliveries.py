"""How far the store of each function is: what the conductor waits for and what people see."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select, update

from strangler.changes import Position
from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import upsert


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """Everything up to `position` is applied, by a delivery that acts by the standings of `generation`.

    `lag` is in seconds, None when unknown. `rows` were written from events since the start; `late_writes` are events that
    came from the side that isn't the owner (invariant 4): counted, not applied. `seen_at` in seconds since the epoch.
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


def report(
    control: Control,
    function: str,
    *,
    position: Position,
    generation: int,
    lag: float | None,
    at: float,
    rows: int = 0,
    late_writes: int = 0,
) -> None:
    """Say how far delivery is. `rows` and `late_writes` are those since the last report; an error is over."""
    values = {
        "function": function,
        "position": position,
        "generation": generation,
        "rows": rows,
        "late_writes": late_writes,
        "lag": lag,
        "seen_at": at,
        "error": None,
    }
    with control.begin() as connection:
        upsert(connection, tables.delivery, [values], add=("rows", "late_writes"))


def failed(control: Control, function: str, error: str) -> None:
    """Delivery can't go on now; what is known of it stays."""
    with control.begin() as connection:
        statement = update(tables.delivery).where(tables.delivery.c.function == function)
        connection.execute(statement.values(error=error))


def forget(control: Control, function: str) -> None:
    """Nothing is delivered any more."""
    with control.begin() as connection:
        connection.execute(delete(tables.delivery).where(tables.delivery.c.function == function))
