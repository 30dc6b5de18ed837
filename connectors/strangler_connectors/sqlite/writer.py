"""The writer: what comes back from new into a SQLite file. Its transactions have the whole file to themselves."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from strangler.fencing import passing
from strangler.mapping.canonical import plain
from strangler.ports import Finding, LegacyTransaction
from strangler.returning import marks
from strangler.urls import sqlite_path
from strangler_connectors import returned
from strangler_connectors.sqlite.connection import immediate, open_connection, translated
from strangler_connectors.sqlite.reader import SqliteSide


def connect(name: str, url: str, function: str) -> SqliteWriter:
    return SqliteWriter(name, url, function)


class SqliteWriter:
    """See `LegacyWriter`."""

    def __init__(self, name: str, url: str, function: str) -> None:
        self._name, self._path, self._function = name, Path(sqlite_path(url)), function
        self._connection: sqlite3.Connection | None = None

    def examine(self, tables: Sequence[str]) -> list[Finding]:
        return [
            Finding(
                f"{path} can't be written by this user", f"chmod u+w {path}, or run as the user who owns it"
            )
            for path in (self._path, self._path.absolute().parent)
            if not os.access(path, os.W_OK)
        ]

    def prepare(self) -> None:
        with translated(self._name, "preparing the way back"):
            self._run(returned.CREATE.format(text="text"))
            self._run(f"{returned.ADD} ON CONFLICT DO NOTHING", self._function)

    def mark(self) -> str | None:
        return marks.TABLE

    def returned(self) -> frozenset[str]:
        with translated(self._name, "reading what was returned"):
            [(entries,)] = self._run(returned.READ, self._function)
            return returned.read(entries)

    @contextmanager
    def transaction(self) -> Iterator[LegacyTransaction]:
        with translated(self._name, "returning changes"):
            connection = self._connected()
            with immediate(connection):
                self._run(returned.OPEN, self._function)
                fenced = self._run("SELECT 1 FROM sqlite_master WHERE name = ?", passing.TABLE)
                for statement in passing.opened("sqlite", self._function) if fenced else ():
                    self._run(statement)
                transaction = _Transaction(self._name, connection)
                yield transaction
                for statement in passing.closed("sqlite") if fenced else ():
                    self._run(statement)
                self._run(
                    returned.CLOSE, returned.written(transaction.entries), self._function
                )  # Invariant 2

    def drop(self) -> None:
        with translated(self._name, "removing the way back"):
            if self._run("SELECT 1 FROM sqlite_master WHERE name = ?", marks.TABLE):
                self._run(returned.REMOVE, self._function)
                if not self._run(returned.OTHERS):
                    self._run(returned.DROP)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_connection(self._path, self._name)
            self._connection.execute("PRAGMA foreign_keys = ON")
        return self._connection

    def _run(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        return self._connected().execute(sql, values).fetchall()


class _Transaction(SqliteSide):
    """See `LegacyTransaction`."""

    entries: Collection[str] = ()

    def record(self, entries: Collection[str]) -> None:
        self.entries = entries

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with translated(self._name, "writing to the legacy tables"):
            return self._connection.execute(sql, [_stored(value) for value in values]).fetchall()


def _stored(value: Any) -> Any:
    """What SQLite has no type for as text; a column of numbers makes a number of it."""
    return plain(value) if isinstance(value, Decimal | date | time | datetime) else value
