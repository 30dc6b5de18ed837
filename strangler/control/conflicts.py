"""Aggregates that couldn't be returned to legacy, or mustn't, each held until somebody has decided (invariant 4: never silently merged).

The reverse feed holds and releases; a person looks, and says which side's state is to stand. What is asked for is only marked here: the
feed carries it out, if both sides still are what was decided about. Later changes of a held key wait behind it, other keys go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

import orjson
from sqlalchemy import delete, func, select, update

from strangler.control import ledger, tables
from strangler.control.lock import lock_decisions
from strangler.control.store import Control
from strangler.control.upsert import upsert
from strangler.cutover.stages import Side
from strangler.errors import Refused

DECIDED: Final = "conflict decided"
"""The kind of an entry on the ledger."""


class Kind(StrEnum):
    """Why an aggregate is held."""

    CHANGED = "changed"
    """Legacy isn't what new last saw of it: somebody wrote there, too."""
    REFUSED = "refused"
    """It has no way back, or the legacy database doesn't take it."""
    STRAY = "stray"
    """New wrote it, and legacy owns it, or the cohort that new moved it to."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A held aggregate. `fields` says where the sides differ, each as field, legacy's value, new's; values of sensitive fields masked.
    `legacy` is the digest of legacy's state, `at` since when, `take` the side that somebody decided for."""

    function: str
    entity: str
    key: str
    kind: Kind
    reason: str
    fields: tuple[tuple[str, Any, Any], ...]
    legacy: str
    at: float
    take: Side | None = None


def hold(control: Control, conflicts: Sequence[Conflict]) -> None:
    """Hold these, each in the place of what was held of its key: what was decided about that doesn't count any more."""
    rows = [
        asdict(each) | {"fields": orjson.dumps(each.fields, default=str).decode(), "take": each.take}
        for each in conflicts
    ]
    with control.begin() as connection:
        upsert(connection, tables.conflict, rows)


def listed(control: Control, function: str | None = None) -> list[Conflict]:
    """What is held, oldest first."""
    query = select(tables.conflict).order_by("at", "function", "entity", "key")
    if function is not None:
        query = query.where(tables.conflict.c.function == function)
    with control.read() as connection:
        return [_conflict(dict(row)) for row in connection.execute(query).mappings()]


def counts(control: Control) -> dict[str, int]:
    """Function → how many are held."""
    at = tables.conflict.c
    query = select(at.function, func.count()).group_by(at.function)
    with control.read() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def decide(
    control: Control, function: str, entity: str, key: str, take: Side, *, actor: str, at: float
) -> Conflict:
    """Let one side's state stand, and note who wants it (invariant 8). Raises Refused where nothing is held under the key."""
    with control.begin() as connection:
        lock_decisions(connection)
        held = next(
            (
                each
                for each in listed(control, function)
                if each.entity == entity and key in (each.key, _written(each.key))
            ),
            None,
        )
        if held is None:
            raise Refused(
                f"nothing is held of {entity} {key} of {function}", do=f"strangler conflicts list {function}"
            )
        connection.execute(update(tables.conflict).where(*_is(held)).values(take=take))
        body = {"entity": entity, "key": held.key, "take": take, "legacy": held.legacy, "reason": held.reason}
        ledger.append(control, actor=actor, kind=DECIDED, function=function, body=body, at=at)
    return replace(held, take=take)


def release(control: Control, conflicts: Sequence[Conflict]) -> None:
    """Hold these no longer."""
    with control.begin() as connection:
        for each in conflicts:
            connection.execute(delete(tables.conflict).where(*_is(each)))


def _written(key: str) -> str:
    """A key as people write it: without brackets and quotes, where it has one field."""
    values = orjson.loads(key)
    return str(values[0]) if len(values) == 1 else key


def _is(held: Conflict) -> tuple[Any, ...]:
    at = tables.conflict.c
    return at.function == held.function, at.entity == held.entity, at.key == held.key


def _conflict(row: dict[str, Any]) -> Conflict:
    fields = tuple((field, legacy, new) for field, legacy, new in orjson.loads(row.pop("fields")))
    take = row.pop("take")
    return Conflict(**row | {"kind": Kind(row["kind"])}, fields=fields, take=Side(take) if take else None)
