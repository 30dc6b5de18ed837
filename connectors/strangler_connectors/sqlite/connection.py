"""Connections to a SQLite source, and its errors in Strangler's words.

How the file is journalled and synchronised is the ERP's affair and isn't touched.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from strangler.errors import SourceError, Unavailable

BUSY: Final = 30.0
"""Seconds to wait for the ERP's writers before giving up."""


def open_connection(
    path: Path, name: str, mode: Literal["ro", "rw"] = "rw", wait: float = BUSY
) -> sqlite3.Connection:
    """Connect in autocommit to a file that exists. Raises SourceError when it can't be opened."""
    with translated(name, f"opening {path}"):
        if not path.is_file():
            raise SourceError(
                f"source {name}: there is no file {path}",
                do="correct the source's url: sqlite:///relative/path.db or sqlite:////absolute/path.db",
            )
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=wait,
            isolation_level=None,
            check_same_thread=False,
        )


@contextmanager
def immediate(connection: sqlite3.Connection) -> Iterator[None]:
    """A write transaction that holds the lock from its beginning; undone on an exception.

    Also when it can't be committed because somebody reads: left open it would keep all others out, for good.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def translated(name: str, doing: str) -> Iterator[None]:
    """Turn the driver's errors into Strangler's: `doing` says what was tried."""
    try:
        yield
    except sqlite3.Error as error:
        what = f"source {name}: {doing} failed"
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            why = "another connection keeps the file locked for writing"
            raise Unavailable(what, why=why, do="wait for it, or end it; then try again") from error
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            cure = "capture writes a journal into the file: allow writing to it and to its folder"
            raise SourceError(what, why=str(error), do=cure) from error
        raise SourceError(what, why=str(error)) from error
