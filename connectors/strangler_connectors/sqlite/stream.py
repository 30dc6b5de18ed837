"""The stream of a SQLite source: polls the journal and prunes what was acknowledged.

A trigger can't see where a transaction ends. But a reader sees only what is committed, so what one poll finds is
whole legacy transactions, and it is given as one. Only a backlog of more than `PART` rows is cut, perhaps within a transaction.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from strangler.changes import ORIGIN, PART, Change, Operation, Position, Row, Transaction
from strangler.errors import SourceLost
from strangler.mapping.bad_value import BadValue
from strangler.mapping.sqlite_values import decode
from strangler.shapes import FieldType
from strangler_connectors.sqlite.catalog import describe, quoted
from strangler_connectors.sqlite.connection import immediate, translated
from strangler_connectors.sqlite.journal import BEAT, Journal, read_values

POLL: Final = 0.02
"""Seconds between two looks into the journal."""

PRUNE_INTERVAL: Final = 1.0
"""Least seconds between two prunings: each takes the ERP's write lock for a moment."""


def position(seq: int) -> Position:
    """The number of a journal row as fixed-width hex."""
    return Position(f"{seq:016X}")


def sequence(at: Position, start: int) -> int:
    """The number of the journal row at a position; `start` for the origin."""
    return start if at == ORIGIN else int(at, 16)


class SqliteStream:
    """See `ChangeStream`. `wanted`: table → the type of each column that was asked for. `release` ends the claim to
    be the only stream."""

    def __init__(
        self,
        name: str,
        connection: sqlite3.Connection,
        journal: Journal,
        wanted: Mapping[str, Mapping[str, FieldType]],
        after: int,
        heartbeat: float,
        release: Callable[[], None],
    ) -> None:
        self._name, self._connection, self._journal = name, connection, journal
        self._wanted, self._after, self._heartbeat, self._release = wanted, after, heartbeat, release
        self._layouts = journal.layouts()
        self._schema, self._tables = self._version(), describe(connection, list(wanted))
        self._altered: tuple[str, ...] = ()
        self._acknowledged = self._pruned = 0
        self._heard = self._pruned_at = time.monotonic()
        self._closed = False

    def read(self, wait: float) -> Transaction | None:
        deadline = time.monotonic() + wait
        with translated(self._name, "reading the journal"):
            while True:
                transaction = self._poll()
                now = time.monotonic()
                if transaction is not None:
                    self._heard = now
                    return transaction
                if now - self._pruned_at >= PRUNE_INTERVAL:
                    self._prune()
                if now >= deadline:
                    return None
                if now - self._heard >= self._heartbeat:
                    self._beat()
                else:
                    time.sleep(min(POLL, deadline - now))

    def acknowledge(self, position: Position) -> None:
        # Invariant 1: nothing else ever prunes the journal.
        self._acknowledged = max(self._acknowledged, int(position, 16))

    def behind(self) -> int:
        return self._journal.last() - self._after

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._prune()
        self._connection.close()
        self._release()

    def __enter__(self) -> SqliteStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _look(self) -> None:
        """See whether the file's schema was altered."""
        version = self._version()
        if version == self._schema:
            return
        tables = describe(self._connection, list(self._tables))
        for table in self._tables:
            if table not in tables or not self._journal.covers(table):
                raise SourceLost(
                    f"source {self._name}: changes may be missing since the last position that is remembered",
                    why=f"the table {table} was dropped, renamed or made anew, and its triggers went with it",
                )
        altered = (table for table in tables if tables[table] != self._tables[table])
        self._altered = tuple(dict.fromkeys((*self._altered, *altered)))
        self._schema, self._tables = version, tables

    def _version(self) -> int:
        """A number that grows with every change of the file's schema."""
        return int(self._connection.execute("PRAGMA schema_version").fetchone()[0])

    def _poll(self) -> Transaction | None:
        query = (
            f"SELECT seq, at, op, layout, before, after FROM {self._journal.table}"
            " WHERE seq > ? ORDER BY seq LIMIT ?"
        )
        rows = self._connection.execute(query, [self._after, PART]).fetchall()
        self._look()  # After the journal was read: what it has in a new shape is named.
        if not rows:
            return None
        changes = list(self._changes(rows))
        self._after, at = rows[-1][:2]
        altered, self._altered = self._altered, ()
        return Transaction(position(self._after), str(self._after), at, changes, altered)

    def _changes(self, rows: list[tuple[Any, ...]]) -> Iterator[Change]:
        for seq, _, op, layout, before, after in rows:
            if op == BEAT:
                continue
            if layout not in self._layouts:
                self._layouts = self._journal.layouts()
            table, columns = self._layouts[layout]
            types = self._wanted.get(table)
            if types is not None:
                old, new = (_values(columns, text) for text in (before, after))
                if new is not None and len(types.keys() & new.keys()) < len(types):
                    new = self._completed(table, types, new)
                yield Change(position(seq), table, Operation(op), _row(types, old), _row(types, new))

    def _completed(self, table: str, types: Mapping[str, FieldType], row: dict[str, Any]) -> dict[str, Any]:
        """A row that was journalled before all these columns were asked for, with what the others have by now: newer than the
        row, and what comes after it brings the same again. A row that is gone by now has nothing in them."""
        missing, key = sorted(types.keys() - row.keys()), self._tables[table].key
        query = (
            f"SELECT {', '.join(map(quoted, missing))} FROM {quoted(table)}"
            f" WHERE {' AND '.join(f'{quoted(name)} = ?' for name in key)}"
        )
        found = self._connection.execute(query, [row.get(name) for name in key]).fetchone()
        return row | dict(zip(missing, found or [None] * len(missing), strict=True))

    def _beat(self) -> None:
        self._heard = time.monotonic()
        # Busy: then somebody is writing, and the source isn't idle.
        with suppress(sqlite3.OperationalError), immediate(self._connection):
            self._journal.beat()

    def _prune(self) -> None:
        self._pruned_at = time.monotonic()
        if self._acknowledged <= self._pruned:
            return
        with suppress(sqlite3.OperationalError), immediate(self._connection):
            self._journal.prune(self._acknowledged)
            self._pruned = self._acknowledged


def _values(columns: Sequence[str], text: str | None) -> dict[str, Any] | None:
    return None if text is None else dict(zip(columns, read_values(text), strict=True))


def _row(types: Mapping[str, FieldType], values: Mapping[str, Any] | None) -> Row | None:
    if values is None:
        return None
    return {name: _decoded(type, values[name]) for name, type in types.items() if name in values}


def _decoded(type: FieldType, value: Any) -> Any:
    try:
        return decode(type, value)
    except BadValue:
        return value
