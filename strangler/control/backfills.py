"""The backfills that are asked for, and their progress as people see it.

Which keys are done is known by the store's own mark, written with the rows; the row count here may be behind.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import delete, select, update

from strangler.changes import ORIGIN, Position
from strangler.control import ledger, tables
from strangler.control.lock import lock_decisions
from strangler.control.store import Control
from strangler.control.upsert import upsert

ASKED: Final = "backfill asked for"
"""What a person decides, as it stands on the ledger."""


@dataclass(frozen=True, slots=True)
class BackfillRecord:
    """The `run`-th backfill of an entity: `rows` of about `estimate` are in the store, each with position `stamp`.

    `stamp` is ORIGIN as long as the run is only asked for. Times in seconds since the epoch; `finished_at` is None
    until all rows are in the store. `mapping` is the version of the mapping that makes the rows, empty until it begins; `error`
    what keeps it from going on, None when all is well.
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
    mapping: str = ""
    error: str | None = None


def get(control: Control, function: str, entity: str) -> BackfillRecord | None:
    """The newest backfill of an entity; None when none was ever asked for."""
    with control.read() as connection:
        row = connection.execute(select(tables.backfill).where(*_is(function, entity))).first()
        return BackfillRecord(*row) if row else None


def of_function(control: Control, function: str) -> list[BackfillRecord]:
    """The newest backfill of each entity of a function that had one, by entity."""
    return [record for record in all_backfills(control) if record.function == function]


def unfinished(control: Control, function: str) -> list[BackfillRecord]:
    """Those of a function that are asked for or under way."""
    return [record for record in of_function(control, function) if record.finished_at is None]


def all_backfills(control: Control) -> list[BackfillRecord]:
    """The newest backfill of every entity."""
    query = select(tables.backfill).order_by("function", "entity")
    with control.read() as connection:
        return [BackfillRecord(*row) for row in connection.execute(query)]


def request(control: Control, function: str, entity: str) -> BackfillRecord:
    """Ask for a backfill: a new run, from the beginning."""
    now = time.time()
    with control.begin() as connection:
        before = get(control, function, entity)
        run = before.run + 1 if before else 1
        record = BackfillRecord(function, entity, run, ORIGIN, 0, 0, now, now, None)
        upsert(connection, tables.backfill, [asdict(record)])
        return record


def ask_again(control: Control, function: str, entities: Sequence[str], *, actor: str, at: float) -> None:
    """Request a backfill of each, because a person wants it: it goes on the ledger (invariant 8)."""
    with control.begin() as connection:
        lock_decisions(connection)
        body = {"entities": list(entities)}
        ledger.append(control, actor=actor, kind=ASKED, function=function, body=body, at=at)
        for entity in entities:
            request(control, function, entity)


def begin(
    control: Control,
    function: str,
    entity: str,
    *,
    run: int,
    stamp: Position,
    estimate: int,
    mapping: str = "",
) -> None:
    """The run that was asked for begins: its rows get position `stamp` and are made by this version of the mapping.

    When another run was asked for meanwhile, that one hasn't begun by it: its stamp is to be taken later.
    """
    now = time.time()
    begun = {"stamp": stamp, "estimate": estimate, "mapping": mapping}
    with control.begin() as connection:
        statement = update(tables.backfill).where(*_is(function, entity), tables.backfill.c.run == run)
        connection.execute(statement.values(**begun, started_at=now, updated_at=now, error=None))


def add_rows(control: Control, function: str, entity: str, rows: int) -> None:
    """`rows` more are in the store."""
    _update(control, function, entity, rows=tables.backfill.c.rows + rows, updated_at=time.time(), error=None)


def finish(control: Control, function: str, entity: str, *, run: int) -> None:
    """All rows of the run are in the store. When another run was asked for meanwhile, that one isn't finished by it."""
    now = time.time()
    with control.begin() as connection:
        statement = update(tables.backfill).where(*_is(function, entity), tables.backfill.c.run == run)
        connection.execute(statement.values(updated_at=now, finished_at=now, error=None))


def fail(control: Control, function: str, error: str) -> None:
    """The backfills of a function that are under way can't go on; what is known of them stays."""
    table = tables.backfill
    with control.begin() as connection:
        statement = update(table).where(table.c.function == function, table.c.finished_at.is_(None))
        connection.execute(statement.values(error=error))


def forget(control: Control, function: str) -> None:
    """The store of a function is no more."""
    with control.begin() as connection:
        connection.execute(delete(tables.backfill).where(tables.backfill.c.function == function))


def forget_others(control: Control, entities: Collection[tuple[str, str]]) -> None:
    """Forget the backfills of all but these entities (function, entity): what isn't captured any more has gaps from now on."""
    with control.begin() as connection:
        for record in all_backfills(control):
            if (record.function, record.entity) not in entities:
                connection.execute(delete(tables.backfill).where(*_is(record.function, record.entity)))


def _update(control: Control, function: str, entity: str, **values: Any) -> None:
    with control.begin() as connection:
        connection.execute(update(tables.backfill).where(*_is(function, entity)).values(values))


def _is(function: str, entity: str) -> tuple[Any, Any]:
    return tables.backfill.c.function == function, tables.backfill.c.entity == entity
