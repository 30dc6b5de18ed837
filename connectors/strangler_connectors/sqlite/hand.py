"""The hand: a SQLite file changed beside its rows; see `strangler.ports.Hand`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from strangler_connectors.crowded import crowded
from strangler_connectors.sqlite.connection import immediate, translated

_PATIENCE: Final = 3.0
"""Seconds."""


class SqliteHand:
    """See `Hand` and `Exclusive`. `beside`: a file of its own beside the ERP's, in which nothing is written."""

    dialect = "sqlite"

    def __init__(self, name: str, connection: sqlite3.Connection, beside: Path) -> None:
        self._name, self._connection, self._beside = name, connection, beside

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with translated(self._name, "asking the legacy database"):
            return self._connection.execute(sql).fetchall()

    def do(self, statements: Sequence[str]) -> None:
        with translated(self._name, "changing the legacy database"), immediate(self._connection):
            for statement in statements:
                self._connection.execute(statement)

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        # An exclusive transaction on a file of its own is a lock on every system; one for all names is enough here.
        with closing(sqlite3.connect(self._beside, timeout=_PATIENCE, isolation_level=None)) as held:
            try:
                held.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                raise crowded(self._name, why=f"it holds {self._beside}: {error}") from None
            yield

    def close(self) -> None:
        self._connection.close()
