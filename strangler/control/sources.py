"""What is remembered of each source: which capture it is, how far the log has it, when it was last heard of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, select, update

from strangler.changes import ORIGIN, Position
from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import insert_new
from strangler.errors import StoreError


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """`identity` names the capture (see `ChangeSource.prepare`); everything up to `position` is in the log.

    `seen_at` is when the source was last heard of, by our clock; `committed_at` when the last transaction from it was
    committed, by its clock; seconds since the epoch, 0 for never. `error` is what went wrong last, None when all is well.
    """

    name: str
    identity: str
    position: Position
    seen_at: float
    committed_at: float
    error: str | None


def get(control: Control, name: str) -> SourceRecord | None:
    """What is remembered of one source; None when it never was prepared."""
    with control.read() as connection:
        row = connection.execute(select(tables.source).where(tables.source.c.name == name)).first()
        return SourceRecord(*row) if row else None


def all_sources(control: Control) -> list[SourceRecord]:
    """Every source that was ever prepared, by name."""
    with control.read() as connection:
        return [SourceRecord(*row) for row in connection.execute(select(tables.source).order_by("name"))]


def remember(control: Control, name: str, identity: str) -> SourceRecord:
    """Remember a source whose capture was just made; one that is remembered already stays as it is."""
    fresh = SourceRecord(name, identity, ORIGIN, 0.0, 0.0, None)
    with control.begin() as connection:
        insert_new(connection, tables.source, [asdict(fresh)])
        return SourceRecord(*connection.execute(select(tables.source).where(_is(name))).one())


def advance(control: Control, name: str, position: Position, *, committed_at: float, at: float) -> None:
    """The log has the source up to `position`; a heartbeat comes here too. Whatever was wrong is over."""
    _update(control, name, position=position, committed_at=committed_at, seen_at=at, error=None)


def failed(control: Control, name: str, error: str) -> None:
    """The source can't be read now; what is known of it stays."""
    _update(control, name, error=error)


def forget(control: Control, name: str) -> None:
    """The capture was removed on purpose; the next one begins anew."""
    with control.begin() as connection:
        connection.execute(delete(tables.source).where(_is(name)))


def _update(control: Control, name: str, **values: Any) -> None:
    with control.begin() as connection:
        if connection.execute(update(tables.source).where(_is(name)).values(values)).rowcount == 0:
            raise StoreError(
                f"source {name} isn't remembered in the control store",
                why="its capture was never prepared, or it was removed meanwhile",
                do="start the worker again",
            )


def _is(name: str) -> Any:
    return tables.source.c.name == name
