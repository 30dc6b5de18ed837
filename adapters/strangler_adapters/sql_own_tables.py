"""The tables of a store that no entity has: marks, tombstones, and partial events that wait for their row.

`each` is the session's FROM item that unfolds a JSON array, so that a whole batch is one statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from strangler.changes import ORIGIN, Position
from strangler.events import Effect, Event
from strangler.ports import Mark
from strangler_adapters.sql_session import Session, Transaction

_LAST: Final = "strangler_partial"
"""The table that is made last: when it is there, all are."""


def create(transaction: Transaction, position: str) -> None:
    """Make what isn't there. `position` is how the database declares a position."""
    if transaction.has_table(_LAST):
        return
    transaction.lock("store")
    transaction.script(
        [
            f"""CREATE TABLE IF NOT EXISTS strangler_mark (
                reader text PRIMARY KEY, at text NOT NULL, position {position} NOT NULL)""",
            f"""CREATE TABLE IF NOT EXISTS strangler_tombstone (
                entity text NOT NULL, key text NOT NULL, position {position} NOT NULL, PRIMARY KEY (entity, key))""",
            """CREATE INDEX IF NOT EXISTS strangler_tombstone_position ON strangler_tombstone (entity, position)""",
            f"""CREATE TABLE IF NOT EXISTS {_LAST} (
                entity text NOT NULL, key text NOT NULL, position {position} NOT NULL, data text NOT NULL,
                PRIMARY KEY (entity, key))""",
        ]
    )


def record(transaction: Transaction, mark: Mark) -> None:
    """Invariant 2: the mark is written in the transaction of its effect."""
    transaction.change(
        "INSERT INTO strangler_mark (reader, at, position) VALUES (?, ?, ?) ON CONFLICT (reader)"
        " DO UPDATE SET at = excluded.at, position = excluded.position",
        mark,
    )


def move(transaction: Transaction, known: Mark | None, mark: Mark) -> bool:
    """Record a mark whose reader stood at `known`; False when it doesn't any more. In one statement: between a look and a
    write somebody else's transaction could end."""
    if known is None:
        inserted = transaction.change(
            "INSERT INTO strangler_mark (reader, at, position) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", mark
        )
        return bool(inserted)
    changed = transaction.change(
        "UPDATE strangler_mark SET at = ?, position = ? WHERE reader = ? AND at = ? AND position = ?",
        (mark.at, mark.position, *known),
    )
    return bool(changed)


def hand_over(transaction: Transaction, entity: str, to: str) -> None:
    """The tombstones and waiting events of an entity become those of another one, whose own are forgotten."""
    for table in ("strangler_tombstone", _LAST):
        transaction.change(f"DELETE FROM {table} WHERE entity = ?", (to,))
        transaction.change(f"UPDATE {table} SET entity = ? WHERE entity = ?", (to, entity))


def forget_entity(transaction: Transaction, entity: str) -> None:
    """All that is kept of an entity is forgotten."""
    for table in ("strangler_tombstone", _LAST):
        transaction.change(f"DELETE FROM {table} WHERE entity = ?", (entity,))


def forget_mark(transaction: Transaction, reader: str) -> None:
    """The reader never was here."""
    transaction.change("DELETE FROM strangler_mark WHERE reader = ?", (reader,))


def mark(session: Session[Any] | Transaction, reader: str) -> Mark | None:
    """The last mark of the reader. To be read outside of any transaction where it must not wait for a writer."""
    rows = session.rows("SELECT at, position FROM strangler_mark WHERE reader = ?", (reader,))
    return Mark(reader, rows[0][0], Position(rows[0][1])) if rows else None


def removed_since(
    each: str, transaction: Transaction, entity: str, events: Sequence[Event]
) -> dict[str, Position]:
    """The tombstones that may be newer than one of the events: key → position.

    Usually one look at the newest tombstone shows that there is none, for a stream only moves forward.
    """
    [(newest,)] = transaction.rows(
        "SELECT max(position) FROM strangler_tombstone WHERE entity = ?", (entity,)
    )
    suspects = [event for event in events if event.position <= (newest or ORIGIN)]
    if not suspects:
        return {}
    rows = transaction.rows(
        f"SELECT key, position FROM strangler_tombstone WHERE entity = ? AND key IN (SELECT value ->> 0 FROM {each})",
        (entity, _keys(suspects)),
    )
    return {key: Position(position) for key, position in rows}


def tombstones(transaction: Transaction, entity: str, since: Position) -> dict[str, Position]:
    """The keys that were removed at or after a position."""
    rows = transaction.rows(
        "SELECT key, position FROM strangler_tombstone WHERE entity = ? AND position >= ?", (entity, since)
    )
    return {key: Position(position) for key, position in rows}


def bury(each: str, transaction: Transaction, entity: str, events: Sequence[Event]) -> None:
    """Invariant 3: leave a tombstone for each removed key."""
    rows = orjson.dumps([(event.key, event.position) for event in events]).decode()
    transaction.change(
        "INSERT INTO strangler_tombstone (entity, key, position)"
        f" SELECT ?, value ->> 0, value ->> 1 FROM {each} WHERE true ON CONFLICT (entity, key)"
        " DO UPDATE SET position = excluded.position WHERE strangler_tombstone.position < excluded.position",
        (entity, rows),
    )


def bury_own(transaction: Transaction, entity: str, key: str) -> None:
    """Leave a tombstone for a key that the service itself removed. It has no position until `date_own` gives it one."""
    transaction.change("DELETE FROM strangler_tombstone WHERE entity = ? AND key = ?", (entity, key))
    transaction.change(
        "INSERT INTO strangler_tombstone (entity, key, position) VALUES (?, ?, ?)", (entity, key, ORIGIN)
    )


def date_own(transaction: Transaction, entity: str, position: Position) -> None:
    """What the service itself removed counts as removed at a position from now on."""
    transaction.change(
        "UPDATE strangler_tombstone SET position = ? WHERE entity = ? AND position = ?",
        (position, entity, ORIGIN),
    )


def sweep(transaction: Transaction, entity: str, before: Position) -> int:
    """Forget tombstones before a position, but for those that have none yet; how many."""
    return transaction.change(
        "DELETE FROM strangler_tombstone WHERE entity = ? AND position < ? AND position > ?",
        (entity, before, ORIGIN),
    )


def partial(transaction: Transaction, entity: str) -> list[Event]:
    """All partial events that wait for their row."""
    rows = transaction.rows("SELECT key, position, data FROM strangler_partial WHERE entity = ?", (entity,))
    return [_waiting(entity, *row) for row in rows]


def partial_of(each: str, transaction: Transaction, entity: str, events: Sequence[Event]) -> list[Event]:
    """The partial events that wait for a row of the keys of `events`."""
    if not transaction.rows("SELECT 1 FROM strangler_partial WHERE entity = ? LIMIT 1", (entity,)):
        return []
    rows = transaction.rows(
        "SELECT key, position, data FROM strangler_partial"
        f" WHERE entity = ? AND key IN (SELECT value ->> 0 FROM {each})",
        (entity, _keys(events)),
    )
    return [_waiting(entity, *row) for row in rows]


def hold_partial(each: str, transaction: Transaction, entity: str, events: Sequence[Event]) -> None:
    """Let partial events wait for their rows, each together with those of its key that wait already."""
    if not events:
        return
    waiting = {event.key: event for event in partial_of(each, transaction, entity, events)}
    rows = []
    for event in events:
        before = waiting.get(event.key)
        if before is None or before.position < event.position:
            data = {**(before.data if before else {}), **event.data}
            rows.append((event.key, event.position, orjson.dumps(data).decode()))
    transaction.change(
        "INSERT INTO strangler_partial (entity, key, position, data)"
        f" SELECT ?, value ->> 0, value ->> 1, value ->> 2 FROM {each} WHERE true ON CONFLICT (entity, key)"
        " DO UPDATE SET position = excluded.position, data = excluded.data",
        (entity, orjson.dumps(rows).decode()),
    )


def forget(each: str, transaction: Transaction, entity: str, events: Sequence[Event]) -> None:
    """These partial events wait no longer."""
    if events:
        transaction.change(
            f"DELETE FROM strangler_partial WHERE entity = ? AND key IN (SELECT value ->> 0 FROM {each})",
            (entity, _keys(events)),
        )


def _keys(events: Sequence[Event]) -> str:
    return orjson.dumps([(event.key,) for event in events]).decode()


def _waiting(entity: str, key: str, position: str, data: str) -> Event:
    """A partial event as far as it matters here."""
    return Event("", "", entity, Effect.UPSERT, key, Position(position), 0.0, "", orjson.loads(data))
