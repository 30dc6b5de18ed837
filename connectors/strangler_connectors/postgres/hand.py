"""The hand: PostgreSQL changed beside its rows; see `strangler.ports.Hand`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg

from strangler_connectors.postgres import barrier
from strangler_connectors.postgres.connection import translated

SESSION: Final = {"lock_timeout": "3s"}
"""Who waits for a table lets all who come later wait behind it."""


class PostgresHand:
    """See `Hand`."""

    dialect = "postgres"

    def __init__(self, name: str, connection: psycopg.Connection[Any]) -> None:
        self._name, self._connection = name, connection

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with translated(self._name, "asking the legacy database"):
            return self._connection.execute(sql.encode()).fetchall()

    def do(self, statements: Sequence[str]) -> None:
        with translated(self._name, "changing the legacy database"):
            try:
                with self._connection.transaction():
                    for statement in statements:
                        self._connection.execute(statement.encode())
            except psycopg.errors.LockNotAvailable:
                waiting = barrier.open_transactions(self._connection)
                raise barrier.blocked(self._connection, self._name, waiting) from None

    def close(self) -> None:
        self._connection.close()
