"""The progress of each backfill, as people see it. What is done is known by the store's own mark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update

from strangler.changes import Position
from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import upsert


@dataclass(frozen=True, slots=True)
class BackfillRecord:
    """The `run`-th backfill of an entity: `rows` of about `estimate` are in the store, each with position `stamp`.

    Times in seconds since the epoch; `finished_at` is None while it goes on.
    """

    function: str
    entity: str
    run: int
    stamp: Position
    rows: int
    estimate: int
    started_at: float
    updated_at: float
    finished_at: float | None


def get(control: Control, function: str, entity: str) -> BackfillRecord | None:
    """The last backfill of an entity; None when there was none."""
    with control.read() as connection:
        row = connection.execute(select(tables.backfill).where(*_is(function, entity))).first()
        return BackfillRecord(*row) if row else None


def of_function(control: Control, function: str) -> list[BackfillRecord]:
    """The last backfill of each entity of a function that had one."""
    return [record for record in all_backfills(control) if record.function == function]


def all_backfills(control: Control) -> list[BackfillRecord]:
    """The last backfill of every entity."""
    query = select(tables.backfill).order_by("function", "entity")
    with control.read() as connection:
        return [BackfillRecord(*row) for row in connection.execute(query)]


def start(
    control: Control, function: str, entity: str, *, run: int, stamp: Position, estimate: int, at: float
) -> None:
    """A backfill begins; what was known of the one before is forgotten."""
    values = {
        "function": function,
        "entity": entity,
        "run": run,
        "stamp": stamp,
        "rows": 0,
        "estimate": estimate,
        "started_at": at,
        "updated_at": at,
        "finished_at": None,
    }
    with control.begin() as connection:
        upsert(connection, tables.backfill, [values])


def advance(control: Control, function: str, entity: str, *, rows: int, at: float) -> None:
    """`rows` more are in the store."""
    _update(control, function, entity, rows=tables.backfill.c.rows + rows, updated_at=at)


def finish(control: Control, function: str, entity: str, *, at: float) -> None:
    """All rows are in the store."""
    _update(control, function, entity, updated_at=at, finished_at=at)


def forget(control: Control, function: str) -> None:
    """The store is to be filled anew."""
    with control.begin() as connection:
        connection.execute(delete(tables.backfill).where(tables.backfill.c.function == function))


def _update(control: Control, function: str, entity: str, **values: Any) -> None:
    with control.begin() as connection:
        connection.execute(update(tables.backfill).where(*_is(function, entity)).values(values))


def _is(function: str, entity: str) -> tuple[Any, Any]:
    return tables.backfill.c.function == function, tables.backfill.c.entity == entity
