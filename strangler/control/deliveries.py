"""How far the store of each function is: what the conductor waits for and what people see.

Each partition of a function's stream is told of by the one worker that delivers it; what is asked for is the function as a
whole, which is as far as its last partition.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import groupby
from typing import Any, Final

import orjson
from sqlalchemy import delete, select, update

from strangler.changes import ORIGIN, Position
from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import insert_new, upsert

_NOTHING: Final[Mapping[str, Position]] = {}


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """Everything up to `position` is applied, by a delivery that acts by the standings of `generation` or newer.

    `rows` were written from events since the start; `late_writes` are events that came from the side that isn't the
    owner (invariant 4): counted, not applied. `lag` is in seconds, None when unknown. `seen_at` in seconds since
    the epoch: when the partition that is silent for longest was last heard of, 0 when one never was. `error` is what keeps
    delivery from going on, None when all is well. `withheld` are the cohorts (`*`: the rest of the function) of which not everything up
    to `position` is applied, since legacy doesn't own them or may not by then, each with the position up to which it is.
    """

    function: str
    position: Position
    generation: int
    rows: int
    late_writes: int
    lag: float | None
    seen_at: float
    error: str | None
    withheld: Mapping[str, Position] = field(default_factory=dict)

    def reached(self, cohort: str) -> Position:
        """Up to where everything of a cohort, of the standing that it goes by, is applied."""
        return min(self.position, self.withheld.get(cohort, self.position))

    @property
    def complete(self) -> Position:
        """Up to where everything is applied, of all cohorts."""
        return min((self.position, *self.withheld.values()))


def get(control: Control, function: str) -> DeliveryRecord | None:
    """How far the store of a function is; None when nothing was ever delivered."""
    return _read(control, function).get(function)


def all_deliveries(control: Control) -> dict[str, DeliveryRecord]:
    """Function → how far its store is."""
    return _read(control)


def rows(control: Control, function: str, partition: int) -> int:
    """How many rows were written from events of the partition so far, for a delivery that goes on counting."""
    at = tables.delivery.c
    query = select(at.rows).where(at.function == function, at.partition == partition)
    with control.read() as connection:
        return connection.execute(query).scalar() or 0


def expect(control: Control, function: str, partitions: int) -> None:
    """Say how many partitions the function's stream has: as long as one of them wasn't heard of, nothing is delivered."""
    unheard = [
        _row(number, DeliveryRecord(function, ORIGIN, 0, 0, 0, None, 0.0, None))
        for number in range(partitions)
    ]
    at = tables.delivery.c
    with control.begin() as connection:
        connection.execute(delete(tables.delivery).where(at.function == function, at.partition >= partitions))
        insert_new(connection, tables.delivery, unheard)


def report(
    control: Control,
    function: str,
    *,
    position: Position,
    generation: int,
    rows: int,
    late_writes: int,
    lag: float | None,
    partition: int = 0,
    withheld: Mapping[str, Position] = _NOTHING,
) -> None:
    """Say how far delivery of a partition is now, with totals; whatever kept it from going on is over."""
    record = DeliveryRecord(
        function, position, generation, rows, late_writes, lag, time.time(), None, withheld
    )
    with control.begin() as connection:
        upsert(connection, tables.delivery, [_row(partition, record)])


def fail(control: Control, function: str, error: str) -> None:
    """Delivery can't go on; what is known of it stays. Who delivers a partition none the less says so with its next report."""
    unknown = DeliveryRecord(function, ORIGIN, 0, 0, 0, None, 0.0, error)
    of_function = tables.delivery.c.function == function
    with control.begin() as connection:
        changed = connection.execute(update(tables.delivery).where(of_function).values(error=error))
        if not changed.rowcount:
            insert_new(connection, tables.delivery, [_row(0, unknown)])


def forget(control: Control, function: str) -> None:
    """Nothing is delivered any more."""
    with control.begin() as connection:
        connection.execute(delete(tables.delivery).where(tables.delivery.c.function == function))


def _read(control: Control, function: str | None = None) -> dict[str, DeliveryRecord]:
    """The records of one function or of all, each with its partitions put together."""
    names = [each.name for each in fields(DeliveryRecord)]
    query = select(*(tables.delivery.c[name] for name in names)).order_by(tables.delivery.c.function)
    if function is not None:
        query = query.where(tables.delivery.c.function == function)
    with control.read() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    found = [DeliveryRecord(**row | {"withheld": orjson.loads(row["withheld"])}) for row in rows]
    return {name: _together(name, list(parts)) for name, parts in groupby(found, lambda each: each.function)}


def _together(function: str, parts: list[DeliveryRecord]) -> DeliveryRecord:
    """The function is as far as the partition that is least far."""
    lags = [part.lag for part in parts]
    return DeliveryRecord(
        function,
        position=min(part.position for part in parts),
        generation=min(part.generation for part in parts),
        rows=sum(part.rows for part in parts),
        late_writes=sum(part.late_writes for part in parts),
        lag=None if None in lags else max(lag for lag in lags if lag is not None),
        seen_at=min(part.seen_at for part in parts),
        error=next((part.error for part in parts if part.error), None),
        withheld={
            cohort: min(part.withheld[cohort] for part in parts if cohort in part.withheld)
            for cohort in sorted({cohort for part in parts for cohort in part.withheld})
        },
    )


def _row(partition: int, record: DeliveryRecord) -> dict[str, Any]:
    withheld = orjson.dumps(dict(record.withheld)).decode()
    return {"partition": partition, **asdict(record), "withheld": withheld}
