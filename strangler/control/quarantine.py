"""Changes that couldn't be translated, and those of the same key that wait behind them (invariant 7).

The boundary holds and releases; a person looks and decides on a retry or a drop. What is decided is only marked here, and put on the
ledger: the worker, who alone writes to the log, carries it out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Connection, and_, delete, func, select, tuple_, update

from strangler.changes import Position
from strangler.control import ledger, tables
from strangler.control.lock import lock_decisions
from strangler.control.store import Control
from strangler.control.upsert import insert_new
from strangler.cutover.stages import EVERYONE
from strangler.errors import StoreError

RETRIED: Final = "quarantine retry"
DROPPED: Final = "quarantine drop"
"""What people decide, as it stands on the ledger."""

LISTED: Final = 100
"""Most keys that an entry of the ledger names."""


class State(StrEnum):
    """What is to become of a held change."""

    HELD = "held"
    RETRY = "retry"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Held:
    """A change that waits. `key` is the entity's key as text, `change` the change as JSON, `reason` why it waits,
    `at` since when (seconds since the epoch). `cohorts` are those that it is about, `*` for none; None where that can't be told."""

    function: str
    entity: str
    key: str
    position: Position
    reason: str
    change: str
    at: float
    state: State = State.HELD
    cohorts: tuple[str, ...] | None = None


class Concerned(NamedTuple):
    """How many keys in quarantine count for a cohort: its `own`, and those of which nobody can tell whose they are."""

    own: int = 0
    untold: int = 0


class Waiting(NamedTuple):
    """A key in quarantine: the first of what waits, and how many changes wait behind it."""

    first: Held
    behind: int


def hold(control: Control, changes: Sequence[Held]) -> None:
    """Put changes into quarantine. Holding one again leaves it as it is: a repeated batch holds nothing twice."""
    with control.begin() as connection:
        insert_new(connection, tables.quarantine, [_row(control, change) for change in changes])


def keys(control: Control, function: str, entity: str) -> set[str]:
    """The keys of an entity that have something waiting: later changes of theirs must wait too."""
    query = select(tables.quarantine.c.key).where(*_is(function, entity)).distinct()
    with control.read() as connection:
        return set(connection.execute(query).scalars())


def oldest(control: Control, function: str, entity: str) -> Position | None:
    """The earliest position that something of an entity waits with; None when nothing waits."""
    query = select(func.min(tables.quarantine.c.position)).where(*_is(function, entity))
    with control.read() as connection:
        found = connection.execute(query).scalar()
        return None if found is None else Position(found)


def counts(control: Control) -> dict[str, int]:
    """Function → how many of its keys wait."""
    table = tables.quarantine
    waiting = select(table.c.function, table.c.entity, table.c.key).distinct().subquery()
    query = select(waiting.c.function, func.count()).group_by(waiting.c.function)
    with control.read() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def concerning(control: Control, function: str, cohort: str, alone: Collection[str]) -> Concerned:
    """The keys of a function that count for a cohort, by all that waits of each; for `*` those of all cohorts that aren't `alone`. One of
    which it can't be told whose it is counts for everybody (invariant 7)."""
    table = tables.quarantine.c
    query = select(table.entity, table.key, table.cohorts).where(table.function == function).distinct()
    about: dict[tuple[str, str], set[str | None]] = defaultdict(set)
    with control.read() as connection:
        for entity, key, cohorts in connection.execute(query):
            about[entity, key] |= {None} if cohorts is None else set(orjson.loads(cohorts))
    others = {None, *alone}
    concerned = [bool(names - others) if cohort == EVERYONE else cohort in names for names in about.values()]
    untold = sum(None in names for names, own in zip(about.values(), concerned, strict=True) if not own)
    return Concerned(sum(concerned), untold)


def listed(control: Control, function: str | None = None, *, limit: int | None = None) -> list[Held]:
    """What waits, oldest first."""
    query = select(tables.quarantine).order_by("at", "function", "entity", "key").limit(limit)
    if function is not None:
        query = query.where(tables.quarantine.c.function == function)
    return _held(control, query)


def waiting(control: Control, function: str | None = None, *, limit: int | None = None) -> list[Waiting]:
    """The keys that have something waiting, the oldest first."""
    at = tables.quarantine.c
    name = (at.function, at.entity, at.key)
    first = select(*name, func.min(at.position).label("position"), (func.count() - 1).label("behind"))
    each = first.group_by(*name).subquery()
    same = [at[column] == each.c[column] for column in ("function", "entity", "key", "position")]
    query = select(tables.quarantine, each.c.behind).join(each, and_(*same))
    query = query.order_by(at.at, *name).limit(limit)
    if function is not None:
        query = query.where(at.function == function)
    with control.read() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    return [Waiting(behind=row.pop("behind"), first=_of(control, row)) for row in rows]


def show(control: Control, function: str, entity: str, key: str) -> list[Held]:
    """Everything that waits for one key, in the order of the source."""
    found = _held(control, select(tables.quarantine).where(*_is(function, entity, key)))
    return sorted(found, key=lambda held: held.position)


def decide(
    control: Control, function: str, keys: Collection[tuple[str, str]], state: State, *, actor: str, at: float
) -> int:
    """Let all that waits for these keys (entity, key) be tried again or dropped, and note who wants it (invariant 8), in one
    transaction; returns how many changes that are."""
    chosen = sorted(keys)
    with control.begin() as connection:
        lock_decisions(connection)
        count = sum(_mark(connection, function, entity, key, state) for entity, key in chosen)
        body = {"keys": len(chosen), "which": [list(key) for key in chosen[:LISTED]], "changes": count}
        kind = DROPPED if state is State.DROP else RETRIED
        ledger.append(control, actor=actor, kind=kind, function=function, body=body, at=at)
    return count


def retry_all(control: Control, function: str) -> None:
    """Ask for all that waits of a function to be tried again, but what somebody wants dropped."""
    at = tables.quarantine.c
    with control.begin() as connection:
        undecided = update(tables.quarantine).where(at.function == function, at.state == State.HELD)
        connection.execute(undecided.values(state=State.RETRY))


def take(control: Control) -> list[Held]:
    """What a person has decided on, to be carried out: by key, in the order of the source."""
    found = _held(control, select(tables.quarantine).where(tables.quarantine.c.state != State.HELD))
    return sorted(found, key=lambda held: (held.function, held.entity, held.key, held.position))


def remove(control: Control, changes: Sequence[Held]) -> None:
    """Forget changes that were released or dropped."""
    table = tables.quarantine
    identity = tuple_(table.c.function, table.c.entity, table.c.key, table.c.position)
    with control.begin() as connection:
        for start in range(0, len(changes), 200):
            part = [(c.function, c.entity, c.key, c.position) for c in changes[start : start + 200]]
            connection.execute(delete(table).where(identity.in_(part)))


def _mark(connection: Connection, function: str, entity: str, key: str, state: State) -> int:
    statement = update(tables.quarantine).where(*_is(function, entity, key)).values(state=state)
    return connection.execute(statement).rowcount


def _held(control: Control, query: Any) -> list[Held]:
    with control.read() as connection:
        return [_of(control, dict(row)) for row in connection.execute(query).mappings()]


def _row(control: Control, held: Held) -> dict[str, Any]:
    """As it is kept: the change, which a retry needs whole, encrypted where there is a cipher."""
    change = control.cipher.seal(held.change, _about(held)) if control.cipher else held.change
    cohorts = None if held.cohorts is None else orjson.dumps(held.cohorts).decode()
    return asdict(held) | {"change": change, "cohorts": cohorts}


def _of(control: Control, row: Mapping[str, Any]) -> Held:
    cohorts = None if row["cohorts"] is None else tuple(orjson.loads(row["cohorts"]))
    held = Held(**{**row, "state": State(row["state"]), "cohorts": cohorts})
    if held.change.startswith("{"):  # It was kept as it is.
        return held
    if control.cipher is None:
        raise StoreError(f"{_about(held)} is encrypted", do="add `encryption` to the configuration again")
    return replace(held, change=control.cipher.open(held.change, _about(held)))


def _about(held: Held) -> str:
    return f"what is held of {held.function}.{held.entity} {held.key} at {held.position}"


def _is(function: str, entity: str, key: str | None = None) -> list[Any]:
    table = tables.quarantine
    conditions: list[Any] = [table.c.function == function, table.c.entity == entity]
    return conditions if key is None else [*conditions, table.c.key == key]
