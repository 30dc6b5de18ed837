"""The hand: a SQLite file changed beside its rows; see `strangler.ports.Hand`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from strangler_connectors.sqlite.connection import immediate, translated


class SqliteHand:
    """See `Hand`."""

    dialect = "sqlite"

    def __init__(self, name: str, connection: sqlite3.Connection) -> None:
        self._name, self._connection = name, connection

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with translated(self._name, "asking the legacy database"):
            return self._connection.execute(sql).fetchall()

    def do(self, statements: Sequence[str]) -> None:
        with translated(self._name, "changing the legacy database"), immediate(self._connection):
            for statement in statements:
                self._connection.execute(statement)

    def close(self) -> None:
        self._connection.close()
