"""A legacy database in memory, and the `ChangeSource` over it: the peer that shows what the port means.

Rows are plain dictionaries; a write takes the one lock there is until its transaction ends. The reader puts the rows into a
private SQLite database for each query, so that the SELECTs of a mapping run here too (dialect `sqlite`).
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from datetime import time as clock
from decimal import Decimal
from typing import Any, BinaryIO, Final, NamedTuple

from strangler.changes import ORIGIN, PART, Change, Operation, Position, Row, Transaction
from strangler.errors import SourceError, SourceLost, Unavailable
from strangler.ports import Finding, Pressure, SqlSide
from strangler.shapes import Table


class Committed(NamedTuple):
    """A transaction in the log of the database: (table, operation, old row, new row) each, whole rows; and the table that
    it altered."""

    number: int
    at: float
    writes: tuple[tuple[str, Operation, Row | None, Row | None], ...]
    altered: tuple[str, ...] = ()


@dataclass(slots=True)
class Capture:
    """What a source has made: an identity, where it began, and how far the log was let go."""

    identity: str
    start: int
    tables: frozenset[str]
    forgotten: int
    reading: threading.Lock = field(default_factory=threading.Lock)


class MemoryTransaction:
    """An open transaction. `where` names rows by the values of some of their columns; empty means all."""

    def __init__(self, tables: Mapping[str, Table], rows: dict[str, list[dict[str, Any]]]) -> None:
        self._tables, self._rows = tables, rows
        self.writes: list[tuple[str, Operation, Row | None, Row | None]] = []

    def insert(self, table: str, row: Row) -> None:
        whole = {column.name: row.get(column.name) for column in self._tables[table].columns}
        self._rows[table].append(whole)
        self.writes.append((table, Operation.INSERT, None, dict(whole)))

    def update(self, table: str, where: Row, values: Row) -> None:
        for row in self._found(table, where):
            old = dict(row)
            row.update(values)
            self.writes.append((table, Operation.UPDATE, old, dict(row)))

    def delete(self, table: str, where: Row) -> None:
        for row in self._found(table, where):
            self._rows[table].remove(row)
            self.writes.append((table, Operation.DELETE, row, None))

    def truncate(self, table: str) -> None:
        self._rows[table].clear()
        self.writes.append((table, Operation.TRUNCATE, None, None))

    def _found(self, table: str, where: Row) -> list[dict[str, Any]]:
        return [row for row in self._rows[table] if all(row[name] == value for name, value in where.items())]


class MemoryDatabase:
    """Tables in memory. Every column that a row leaves out is None."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self.tables = {table.name: table for table in tables}
        self.rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in tables}
        self.log: list[Committed] = []
        self.captures: dict[str, Capture] = {}
        self.number = 0
        self.writing = threading.Lock()
        self.changed = threading.Condition()

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        """Write in one transaction: committed at the end, undone on an exception."""
        with self.writing:
            rows = {name: [dict(row) for row in rows] for name, rows in self.rows.items()}
            transaction = MemoryTransaction(self.tables, rows)
            yield transaction
            self.rows = rows
            self.commit(transaction.writes)

    def alter(self, table: Table) -> None:
        """Give the table of this name another definition; its rows keep what they have in columns that are still there."""
        names = [column.name for column in table.columns]
        with self.writing:
            self.rows[table.name] = [{name: row.get(name) for name in names} for row in self.rows[table.name]]
            self.tables[table.name] = table
            self.commit((), (table.name,))

    def commit(
        self, writes: Sequence[tuple[str, Operation, Row | None, Row | None]], altered: tuple[str, ...] = ()
    ) -> int:
        """Put writes into the log, with the lock held; the number of the transaction. None is a heartbeat."""
        with self.changed:
            self.number += 1
            self.log.append(Committed(self.number, time.time(), tuple(writes), altered))
            self.changed.notify_all()
            return self.number


class MemorySource:
    """See `ChangeSource`."""

    def __init__(
        self,
        name: str,
        database: MemoryDatabase,
        tables: Mapping[str, Sequence[str]],
        heartbeat: float = 10.0,
    ) -> None:
        self._name, self._database, self._tables, self._heartbeat = name, database, tables, heartbeat

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        return {name: self._database.tables[name] for name in tables if name in self._database.tables}

    def prepare(self, anew: bool = False) -> str:
        findings = self.examine(0)
        if findings:
            why = "; ".join(finding.what for finding in findings)
            raise SourceError(f"source {self._name} can't be captured", why=why, do="mend the tables")
        with self._database.writing:
            capture = self._database.captures.get(self._name)
            if capture is None:
                start = self._database.number
                capture = Capture(secrets.token_hex(8), start, frozenset(), start)
                self._database.captures[self._name] = capture
            capture.tables = frozenset(self._tables)
            return capture.identity

    def examine(self, outage: float) -> list[Finding]:
        return [
            Finding(problem, "mend the tables")
            for name, asked in self._tables.items()
            for problem in self._problems(name, asked)
        ]

    def blind_spots(self) -> Sequence[str]:
        return ()

    def stream(self, after: Position, identity: str) -> MemoryStream:
        capture = self._database.captures.get(self._name)
        what = f"source {self._name}: changes may be missing"
        if capture is None or capture.identity != identity:
            raise SourceLost(what, why="the capture isn't the one that is remembered")
        number, index = place(after) if after != ORIGIN else (capture.start, LAST)
        if number < capture.forgotten:
            raise SourceLost(what, why="what is asked for was acknowledged and let go")
        if not capture.reading.acquire(blocking=False):
            raise Unavailable(f"source {self._name}: another stream is open")
        return MemoryStream(self._database, capture, self._asked(), (number, index), self._heartbeat)

    def safe_position(self, timeout: float) -> Position:
        if not self._database.writing.acquire(timeout=timeout):
            raise Unavailable(f"source {self._name}: an open transaction doesn't end")
        try:
            return position(self._database.commit(()))
        finally:
            self._database.writing.release()

    def reader(self) -> SqlSide:
        return MemorySide(self._name, self._database)

    def drop(self) -> None:
        with self._database.writing:
            self._database.captures.pop(self._name, None)

    def close(self) -> None:
        """Nothing to close."""

    def _asked(self) -> dict[str, frozenset[str]]:
        return {
            name: frozenset(asked) | set(self._database.tables[name].key)
            for name, asked in self._tables.items()
        }

    def _problems(self, name: str, asked: Sequence[str]) -> Iterator[str]:
        table = self._database.tables.get(name)
        if table is None:
            yield f"table {name} isn't there"
            return
        if missing := sorted(set(asked) - {column.name for column in table.columns}):
            yield f"table {name} has no column {', '.join(missing)}"
        if not table.key:
            yield f"table {name} has no key"


class MemoryStream:
    """See `ChangeStream`."""

    def __init__(
        self,
        database: MemoryDatabase,
        capture: Capture,
        asked: Mapping[str, frozenset[str]],
        after: tuple[int, int],
        heartbeat: float,
    ) -> None:
        self._database, self._capture, self._asked = database, capture, asked
        self._after, self._heartbeat = after, heartbeat
        self._heard = time.monotonic()
        self._open = True

    def read(self, wait: float) -> Transaction | None:
        deadline = time.monotonic() + wait
        while True:
            with self._database.changed:
                found = self._next()
                now = time.monotonic()
                if found is None and now - self._heard < self._heartbeat and now < deadline:
                    self._database.changed.wait(min(deadline - now, self._heartbeat))
            if found is not None:
                self._heard = now
                return self._transaction(found)
            if now >= deadline:
                return None
            if now - self._heard >= self._heartbeat and self._database.writing.acquire(blocking=False):
                try:
                    self._database.commit(())
                finally:
                    self._database.writing.release()

    def acknowledge(self, position: Position) -> None:
        number, index = place(position)
        self._capture.forgotten = max(self._capture.forgotten, number if index == LAST else number - 1)

    def behind(self) -> int:
        return self._database.number - self._after[0]

    def close(self) -> None:
        if self._open:
            self._open = False
            self._capture.reading.release()

    def __enter__(self) -> MemoryStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _next(self) -> Committed | None:
        # Transaction number n stands at index n - 1: the log is never cut.
        number, index = self._after
        at = number if index == LAST else number - 1
        return self._database.log[at] if at < len(self._database.log) else None

    def _transaction(self, found: Committed) -> Transaction:
        """The whole of it, or its next part."""
        begun = self._after[1] if self._after[0] == found.number else 0
        part = found.writes[begun : begun + PART]
        changes = [
            Change(
                position(found.number, index),
                table,
                operation,
                self._part(table, old),
                self._part(table, new),
            )
            for index, (table, operation, old, new) in enumerate(part, begun + 1)
            if table in self._asked
        ]
        altered = [table for table in found.altered if table in self._asked]
        done = begun + len(part)
        self._after = (found.number, LAST if done == len(found.writes) else done)
        return Transaction(position(*self._after), str(found.number), found.at, changes, altered)

    def _part(self, table: str, row: Row | None) -> Row | None:
        return None if row is None else {name: row[name] for name in row if name in self._asked[table]}


class MemorySide:
    """See `SqlSide`."""

    dialect = "sqlite"

    def __init__(self, name: str, database: MemoryDatabase) -> None:
        self._name, self._database = name, database

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        from strangler.mapping import sqlite_functions

        with closing(sqlite3.connect(":memory:")) as connection:
            sqlite_functions.register(connection)
            for table in self._database.tables.values():
                _fill(connection, table, self._database.rows[table.name])
            connection.execute("PRAGMA query_only = ON")
            try:
                yield from connection.execute(sql)
            except sqlite3.Error as error:
                raise SourceError(f"source {self._name}: a query failed", why=str(error)) from error

    def copy_out(self, sql: str, into: BinaryIO) -> bool:
        return False

    def pressure(self) -> Pressure:
        return Pressure()

    def close(self) -> None:
        """Nothing to close."""


LAST: Final = 9999_9999
"""The index of a whole transaction, behind all its changes."""


def position(number: int, index: int = LAST) -> Position:
    """The number of the transaction and of the change in it, as fixed-width decimals."""
    return Position(f"{number:016}/{index:08}")


def place(position: Position) -> tuple[int, int]:
    """The numbers of a position."""
    number, index = position.split("/")
    return int(number), int(index)


def _fill(connection: sqlite3.Connection, table: Table, rows: Sequence[Row]) -> None:
    names = [column.name for column in table.columns]
    columns = ", ".join(f'"{column.name}" {column.declared}' for column in table.columns)
    connection.execute(f'CREATE TABLE "{table.name}" ({columns})')
    marks = ", ".join("?" for _ in names)
    values = ([_stored(row.get(name)) for name in names] for row in rows)
    connection.executemany(f'INSERT INTO "{table.name}" VALUES ({marks})', values)


def _stored(value: Any) -> Any:
    """The value as the SQLite connector expects it in a file: decimals and all about time as text."""
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date | datetime | clock) else value
