"""Sessions with SQLite: WAL, one writer at a time, durable when a commit returns.

The driver of the standard library is used as it is: in the hot paths every layer between costs more than SQLite itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from strangler import urls
from strangler.errors import StoreError, StranglerError, Unavailable
from strangler.ports import Pressure

BUSY_SECONDS: Final = 30.0
"""How long a writer waits for another one before it gives up."""

PAGE_BYTES: Final = 16384
"""Page size of a new file: rows are written and read in batches, and larger pages halve the work of both."""

DELIVERY: Final = "strangler_delivery"
"""The table of a store that has a row only within a transaction that delivers into it."""

_STREAMED: Final = 1000
"""Rows fetched at once by a reader: memory stays constant and each row costs little."""

_PASSING: Final = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}


def file_of(what: str, url: str) -> Path:
    """The file of a `sqlite:///` URL. Raises StoreError for a database in memory, which no second connection can see."""
    path = urls.sqlite_path(url)
    if path == urls.MEMORY:
        raise StoreError(
            f"{what} can't be kept in memory",
            why="readers open connections of their own",
            do="name a file: sqlite:///path/to/file.db",
        )
    return Path(path)


def translated(what: str, error: sqlite3.Error) -> StranglerError:
    """SQLite's error in Strangler's words: Unavailable when trying again may help."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _PASSING:
        return Unavailable(f"{what} can't be used now", why=str(error))
    return StoreError(f"{what} refused", why=str(error))


@contextmanager
def translating(what: str) -> Iterator[None]:
    """SQLite's errors leave the block in Strangler's words."""
    try:
        yield
    except sqlite3.Error as error:
        raise translated(what, error) from error


def open_reader(what: str, path: Path) -> sqlite3.Connection:
    """A connection that can't write. Raises Unavailable when there is no file yet."""
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise Unavailable(
            f"{what} can't be read", why=f"{error}: {path}", do="has it been filled yet?"
        ) from error
    return connection


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A session is handed from the thread that makes it to the thread that uses it, never shared.
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    # WAL's usual NORMAL may lose the last commits when the power fails; invariant 1 allows none to be lost.
    connection.execute("PRAGMA synchronous = FULL")
    return connection


class SqliteTransaction:
    """A `Transaction` of SQLite. `connection` is for statements in bulk."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, parameters).fetchall()

    def change(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        return self.connection.execute(sql, parameters).rowcount

    def many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> int:
        """One statement for many rows; says how many it wrote."""
        return max(0, self.connection.executemany(sql, parameters).rowcount)

    def script(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self.connection.execute(statement)

    def lock(self, name: str) -> None:
        """Nothing to do: a writing transaction has the whole file to itself."""

    def has_table(self, name: str) -> bool:
        return bool(self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)))

    def begin_delivery(self) -> None:
        # A row that nobody else ever sees: SQLite has no setting that a trigger could ask for.
        self.connection.execute(f"CREATE TABLE IF NOT EXISTS {DELIVERY} (one INTEGER NOT NULL)")
        self.connection.execute(f"INSERT INTO {DELIVERY} VALUES (1)")

    def end_delivery(self) -> None:
        self.connection.execute(f"DELETE FROM {DELIVERY}")


class SqliteSession:
    """A `Session` with a SQLite file, made with its folder when it isn't there. `what` names it in errors."""

    each: Final = "json_each(?)"
    identity: Final = "INTEGER PRIMARY KEY"
    binary_text: Final = "TEXT"
    double: Final = "REAL"

    def __init__(self, what: str, url: str) -> None:
        self._what = what
        self._path = file_of(what, url)
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[SqliteTransaction]:
        with self._translating():
            connection = self._connected()
            # IMMEDIATE: a transaction that reads first and writes later could otherwise be refused in between.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield SqliteTransaction(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._translating():
            return self._connected().execute(sql, parameters).fetchall()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _open(self._path)
        return self._connection

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            with translating(self._what):
                yield
        except OSError as error:
            raise StoreError(f"{self._what} can't be made", why=str(error)) from error


class SqliteSide:
    """A store for reading: a `SqlSide`, with the functions that the mapping's SELECTs use."""

    dialect: Final = "sqlite"

    def __init__(self, what: str, path: Path) -> None:
        from strangler.mapping import sqlite_functions

        self._what = what
        self._connection = open_reader(what, path)
        sqlite_functions.register(self._connection)

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        with translating(self._what):
            cursor = self._connection.execute(sql)
            while batch := cursor.fetchmany(_STREAMED):
                yield from batch

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        with translating(self._what):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def copy_out(self, sql: str, into: BinaryIO) -> bool:
        return False

    def pressure(self) -> Pressure:
        return Pressure()

    def close(self) -> None:
        self._connection.close()
