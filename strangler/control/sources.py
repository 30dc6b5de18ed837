"""What is remembered of each source: which capture it is, how far the log has it, when it was last heard of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from strangler.changes import ORIGIN, Position
from strangler.control import tables
from strangler.control.store import Control
from strangler.control.upsert import insert_new


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """`identity` names the capture (see `ChangeSource.prepare`), empty before the first one; everything up to
    `position` is in the log.

    `seen_at` is when the source was last heard of, by our clock; `committed_at` when the last transaction from it was
    committed, by its clock, or `seen_at` when it had nothing more to tell; seconds since the epoch, 0 for never. `error` is what is
    wrong now, None when all is well. `behind` is how many records wait to be read, None where the source can't tell. `changed_at` is when
    the last transaction was committed that changed something, by its clock.
    """

    name: str
    identity: str
    position: Position
    seen_at: float
    committed_at: float
    error: str | None
    behind: int | None = None
    changed_at: float = 0.0


SILENCE: Final = 10.0
"""Seconds after which the silence of a source that doesn't say how much waits there means that there is nothing."""

CLOCKS: Final = 5.0
"""Seconds by which the clocks of the source and of a host may differ."""


def covered(source: SourceRecord) -> float:
    """Until when (seconds since the epoch) all that was committed in the source is surely in the log up to its position."""
    told = min(source.seen_at, source.committed_at)
    if source.committed_at >= source.seen_at and source.behind != 0:
        # It had nothing more to tell. That may be since it was busy with what doesn't concern us; but it tells in the order of commits.
        changed = min(source.seen_at, source.changed_at)
        told = max(changed, told - SILENCE) if source.behind is None else changed
    return told - CLOCKS


def get(control: Control, name: str) -> SourceRecord | None:
    """What is remembered of one source; None when nothing is."""
    with control.read() as connection:
        row = connection.execute(select(tables.source).where(_is(name))).first()
        return SourceRecord(*row) if row else None


def all_sources(control: Control) -> dict[str, SourceRecord]:
    """Name → what is remembered of the source."""
    with control.read() as connection:
        return {row.name: SourceRecord(*row) for row in connection.execute(select(tables.source))}


def identity(control: Control, name: str) -> str | None:
    """Which capture the source's positions belong to; None before its first."""
    record = get(control, name)
    return (record.identity or None) if record else None


def remember(control: Control, name: str, identity: str) -> None:
    """A source's first capture was just made. One that has a capture keeps it: a silent change would hide a gap."""
    with control.begin() as connection:
        _make(connection, name)
        connection.execute(
            update(tables.source).where(_is(name), tables.source.c.identity == "").values(identity=identity)
        )


def seen(
    control: Control,
    name: str,
    position: Position,
    *,
    seen_at: float,
    committed_at: float,
    behind: int | None = None,
    changed_at: float = 0.0,
) -> None:
    """The source was heard of, and the log has it up to `position`; whatever was wrong is over."""
    values = {"position": position, "committed_at": committed_at, "seen_at": seen_at}
    _update(control, name, **values, behind=behind, changed_at=changed_at, error=None)


def fail(control: Control, name: str, error: str) -> None:
    """The source can't be read now; what is known of it stays."""
    with control.begin() as connection:
        _make(connection, name)
        connection.execute(update(tables.source).where(_is(name)).values(error=error))


def forget(control: Control, name: str) -> None:
    """The capture was removed on purpose; the next one begins anew, with the tables as they are then."""
    with control.begin() as connection:
        connection.execute(delete(tables.source).where(_is(name)))
        connection.execute(delete(tables.legacy_table).where(tables.legacy_table.c.source == name))


def _update(control: Control, name: str, **values: Any) -> None:
    with control.begin() as connection:
        _make(connection, name)
        connection.execute(update(tables.source).where(_is(name)).values(values))


def _make(connection: Connection, name: str) -> None:
    insert_new(connection, tables.source, [asdict(SourceRecord(name, "", ORIGIN, 0.0, 0.0, None))])


def _is(name: str) -> Any:
    return tables.source.c.name == name
