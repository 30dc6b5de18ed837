"""Repairs: keys whose legacy state is to be said anew, since both sides differ in them.

A person asks, after a reconciliation; what is asked for is only marked here. The worker, who alone writes to the log, carries it out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from strangler.changes import Position
from strangler.control import tables
from strangler.control.store import Control


class State(StrEnum):
    """What has become of a key: `emitted` is said anew in the log as legacy has it, `removed` that legacy has it no more, `left` wasn't to
    be repaired after all."""

    ASKED = "asked"
    EMITTED = "emitted"
    REMOVED = "removed"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Repair:
    """A key that `actor` wants repaired, after the run `reconciliation`. `kind` is how the aggregate differed: missing, extra,
    different. `cohort` is that of the row in the store, `*` of one that is of none; None: the store has no row. Emitted or removed, it is
    an event of `type` at `position`; `words` say why it was left, or what it waits for. Times in seconds since the epoch.
    """

    id: int
    function: str
    entity: str
    key: str
    kind: str
    cohort: str | None
    reconciliation: int
    actor: str
    asked_at: float
    state: State
    done_at: float | None = None
    type: str | None = None
    position: Position | None = None
    words: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of the repair `id`: see `Repair`."""

    id: int
    state: State
    type: str | None = None
    position: Position | None = None
    words: str | None = None


def ask(
    control: Control,
    function: str,
    keys: Iterable[tuple[str, str, str, str | None]],
    *,
    reconciliation: int,
    actor: str,
    at: float,
) -> list[int]:
    """Ask for keys (entity, key, kind, cohort) to be repaired; the numbers of the repairs, in the same order."""
    fixed = {"function": function, "reconciliation": reconciliation, "actor": actor, "asked_at": at}
    table = tables.repair
    numbers: list[int] = []
    with control.begin() as connection:
        for entity, key, kind, cohort in keys:
            which = {"entity": entity, "key": key, "kind": kind, "cohort": cohort}
            values = {**fixed, **which, "state": State.ASKED}
            statement = insert(table).values(values).returning(table.c.id)
            numbers.append(connection.execute(statement).scalar_one())
    return numbers


def asked(control: Control, functions: Collection[str], *, limit: int) -> list[Repair]:
    """What is still to be done of these functions, the oldest first."""
    at = tables.repair.c
    query = select(tables.repair).where(at.state == State.ASKED, at.function.in_(functions))
    return _found(control, query.order_by(at.id).limit(limit))


def of(control: Control, numbers: Sequence[int]) -> list[Repair]:
    """The repairs of these numbers."""
    at = tables.repair.c
    return _found(control, select(tables.repair).where(at.id.in_(numbers)).order_by(at.id))


def wait(control: Control, numbers: Sequence[int], words: str) -> None:
    """Note what repairs wait for that are still to be done."""
    at = tables.repair.c
    with control.begin() as connection:
        connection.execute(update(tables.repair).where(at.id.in_(numbers)).values(words=words))


def finish(control: Control, done: Sequence[Done], *, at: float) -> None:
    """Note what became of repairs."""
    table = tables.repair
    statement = update(table).where(table.c.id == bindparam("of"))
    statement = statement.values(
        {name: bindparam(f"new_{name}") for name in ("state", "type", "position", "words")} | {"done_at": at}
    )
    rows: list[dict[str, Any]] = [
        {
            "of": each.id,
            "new_state": each.state,
            "new_type": each.type,
            "new_position": each.position,
            "new_words": each.words,
        }
        for each in done
    ]
    if rows:
        with control.begin() as connection:
            connection.execute(statement, rows)


def _found(control: Control, query: Any) -> list[Repair]:
    with control.read() as connection:
        return [
            Repair(**{**row, "state": State(row["state"])}) for row in connection.execute(query).mappings()
        ]
