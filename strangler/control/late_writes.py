"""Late writes: what legacy did to rows that new owns, one by one, so that the job behind them can be found (invariant 4).

The newest are kept with key, table, transaction and author; all are counted by table and hour, for by that a batch job is known. While a
switch is under way it isn't decided whose a row is; what legacy does then is pending, and becomes late, or nothing, with the
decision. Somebody who knows where they come from accepts them, with a reason; they stay in sight, and don't hold up anything any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from strangler.changes import ORIGIN, Position
from strangler.control import ledger, tables
from strangler.control.lock import lock_decisions
from strangler.control.store import Control
from strangler.control.upsert import add_up, upsert

NEWEST: Final = 1000
"""Late writes of each function that are kept one by one."""

ACCEPTED: Final = "late writes accepted"
"""The kind of the decision on the ledger (invariant 8)."""

_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class LateWrite:
    """One change in legacy of a row that new owns, or may by then (`pending`).

    `standing` is the cohort by whose standing it is late, `cohort` that of the row, `cohort_before` the one that it was of before, if that
    is another. `table` is the legacy table, as configured, whose change it was. `committed_at` in seconds since the epoch, by the source's
    clock. `author` is who did it, in words, as far as the database tells; empty where it doesn't.
    """

    function: str
    standing: str
    entity: str
    key: str
    cohort: str | None
    cohort_before: str | None
    table: str
    operation: str
    position: Position
    transaction: str
    committed_at: float
    author: str
    pending: bool


@dataclass(frozen=True, slots=True)
class Hour:
    """The late writes of one hour in one legacy table: `writes` in all, `accepted` of them explained. `hour` counts since the epoch;
    `last_at` is when the last of them was committed."""

    function: str
    standing: str
    table: str
    hour: int
    writes: int
    accepted: int
    last_at: float

    @property
    def open(self) -> int:
        """Those that nobody has explained."""
        return self.writes - self.accepted


def seen(control: Control, source: str) -> Position:
    """Up to where the late writes of a source are recorded."""
    query = select(tables.late_write_seen.c.position).where(tables.late_write_seen.c.source == source)
    with control.read() as connection:
        return Position(connection.execute(query).scalar() or ORIGIN)


def record(control: Control, source: str, position: Position, found: Sequence[LateWrite]) -> None:
    """Keep and count what was found in the source up to a position, in one transaction with that."""
    with control.begin() as connection:
        upsert(connection, tables.late_write_seen, [{"source": source, "position": position}])
        _keep(connection, found)


def add(control: Control, found: Sequence[LateWrite]) -> None:
    """Keep and count late writes that were said anew, those that aren't there yet."""
    at = tables.late_write.c
    with control.begin() as connection:
        new = [
            each
            for each in found
            if not connection.execute(
                select(at.id).where(
                    at.function == each.function,
                    at.entity == each.entity,
                    at.key == each.key,
                    at.position == each.position,
                )
            ).first()
        ]
        _keep(connection, new)


def settle(control: Control, function: str, standing: str, *, until: Position | None) -> int:
    """The owner is decided: what is pending is late behind `until`, and nothing where that is None. How many are late by that."""
    at = tables.late_write.c
    pending = (at.function == function, at.standing == standing, at.pending.is_(True))
    with control.begin() as connection:
        rows = list(connection.execute(select(tables.late_write).where(*pending)).mappings())
        late = [_of(row) for row in rows if until is not None and row["position"] > until]
        if until is not None:
            connection.execute(
                update(tables.late_write).where(*pending, at.position > until).values(pending=False)
            )
        connection.execute(delete(tables.late_write).where(*pending))
        _count(connection, late)
        _prune(connection, {function} if late else ())
    return len(late)


def made_up(control: Control, function: str, standing: str) -> None:
    """Legacy owns these rows again, and so the store gets what was late: it needs no explanation any more."""
    table = tables.late_write_hour
    mine = (table.c.function == function, table.c.standing == standing)
    with control.begin() as connection:
        connection.execute(update(table).where(*mine).values(accepted=table.c.writes))


def accept(control: Control, function: str, *, table: str | None, reason: str, actor: str, at: float) -> int:
    """Take all that is open for explained, of one legacy table or of all; how many that were."""
    hour = tables.late_write_hour
    mine = [hour.c.function == function, *([hour.c.table == table] if table else [])]
    with control.begin() as connection:
        lock_decisions(connection)
        [(count,)] = connection.execute(select(_open_writes()).where(*mine))
        if count:
            body = {"writes": int(count), "table": table, "reason": reason}
            ledger.append(control, actor=actor, kind=ACCEPTED, function=function, body=body, at=at)
            connection.execute(update(hour).where(*mine).values(accepted=hour.c.writes))
        return int(count or 0)


def unexplained(
    control: Control, function: str, *, since: float | None = None, standing: str | None = None
) -> int:
    """How many late writes nobody has explained. `since` (seconds since the epoch): of the hours in which one came at or after that,
    counted whole. `standing`: those of one cohort."""
    at = tables.late_write_hour.c
    conditions = [at.function == function]
    conditions += [at.last_at >= since] if since is not None else []
    conditions += [at.standing == standing] if standing is not None else []
    with control.read() as connection:
        return int(connection.execute(select(_open_writes()).where(*conditions)).scalar() or 0)


def all_unexplained(control: Control) -> dict[str, int]:
    """Function → how many of its late writes nobody has explained; those without any aren't there."""
    at = tables.late_write_hour.c
    query = select(at.function, _open_writes()).group_by(at.function).having(_open_writes() > 0)
    with control.read() as connection:
        return {function: int(count) for function, count in connection.execute(query)}


def hours(control: Control, function: str | None = None) -> list[Hour]:
    """What was counted, the newest hour first."""
    table = tables.late_write_hour
    query = select(table).order_by(table.c.hour.desc(), table.c.function, table.c.table, table.c.standing)
    if function is not None:
        query = query.where(table.c.function == function)
    with control.read() as connection:
        return [Hour(**row) for row in connection.execute(query).mappings()]


def newest(control: Control, function: str | None = None, *, limit: int = NEWEST) -> list[LateWrite]:
    """The late writes that are kept one by one, the newest first; pending ones too."""
    table = tables.late_write
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    if function is not None:
        query = query.where(table.c.function == function)
    with control.read() as connection:
        return [_of(row) for row in connection.execute(query).mappings()]


def authors(control: Control, function: str) -> list[str]:
    """Who made those that nobody has explained, as far as they are kept one by one and the database tells; the most frequent first."""
    places = {(each.standing, each.table, each.hour) for each in hours(control, function) if each.open}
    counts = Counter(
        each.author
        for each in (newest(control, function) if places else ())
        if each.author and (each.standing, each.table, int(each.committed_at // _HOUR)) in places
    )
    return sorted(counts, key=lambda author: (-counts[author], author))


def pending(control: Control, function: str) -> set[str]:
    """The cohorts of whose standings something is pending."""
    at = tables.late_write.c
    query = select(at.standing).distinct().where(at.function == function, at.pending.is_(True))
    with control.read() as connection:
        return set(connection.execute(query).scalars())


def cohorts(control: Control, function: str) -> set[str]:
    """The cohorts by whose standings there are late writes that nobody has explained."""
    at = tables.late_write_hour.c
    query = select(at.standing).distinct().where(at.function == function, at.writes > at.accepted)
    with control.read() as connection:
        return set(connection.execute(query).scalars())


def _keep(connection: Connection, found: Sequence[LateWrite]) -> None:
    if not found:
        return
    connection.execute(insert(tables.late_write), [asdict(each) for each in found])
    late = [each for each in found if not each.pending]
    _count(connection, late)
    _prune(connection, {each.function for each in late})


def _count(connection: Connection, late: Iterable[LateWrite]) -> None:
    counts: Counter[tuple[str, str, str, int]] = Counter()
    last: dict[tuple[str, str, str, int], float] = {}
    for each in late:
        place = (each.function, each.standing, each.table, int(each.committed_at // _HOUR))
        counts[place] += 1
        last[place] = max(each.committed_at, last.get(place, 0.0))
    names = ("function", "standing", "table", "hour", "writes", "accepted", "last_at")
    rows = [(*place, count, 0, last[place]) for place, count in counts.items()]
    add_up(connection, tables.late_write_hour, names, rows, ("writes", "accepted"))


def _prune(connection: Connection, functions: Collection[str]) -> None:
    """Forget all but the newest that are decided."""
    at = tables.late_write.c
    for function in functions:
        mine = (at.function == function, at.pending.is_(False))
        oldest = select(at.id).where(*mine).order_by(at.id.desc()).offset(NEWEST - 1).limit(1)
        last = connection.execute(oldest).scalar()
        if last is not None:
            connection.execute(delete(tables.late_write).where(*mine, at.id < last))


def _open_writes() -> ColumnElement[Any]:
    at = tables.late_write_hour.c
    return func.sum(at.writes - at.accepted)


def _of(row: Any) -> LateWrite:
    return LateWrite(**{name: row[name] for name in LateWrite.__dataclass_fields__})
