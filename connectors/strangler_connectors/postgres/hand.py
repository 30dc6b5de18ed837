"""The hand: PostgreSQL changed beside its rows; see `strangler.ports.Hand`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg

from strangler.errors import Unavailable
from strangler_connectors.crowded import crowded
from strangler_connectors.postgres import barrier
from strangler_connectors.postgres.connection import translated

SESSION: Final = {"lock_timeout": "3s"}
"""Who waits for a table lets all who come later wait behind it."""

_TAKE: Final = "SELECT pg_advisory_lock(hashtextextended(%s, 0))"
_GIVE: Final = "SELECT pg_advisory_unlock(hashtextextended(%s, 0))"
_TAKER: Final = """
SELECT l.pid FROM pg_locks l, hashtextextended(%s, 0) AS k
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND (l.classid::bigint << 32 | l.objid::bigint) = k
"""


class PostgresHand:
    """See `Hand` and `Exclusive`."""

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

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        with translated(self._name, "waiting to be alone"):
            try:
                self._connection.execute(_TAKE, [name])
            except psycopg.errors.LockNotAvailable:
                raise self._in_the_way(name) from None
        try:
            yield
        finally:
            with suppress(psycopg.Error):  # With a connection that was lost it is given back already.
                self._connection.execute(_GIVE, [name])

    def _in_the_way(self, name: str) -> Unavailable:
        sessions = [str(pid) for (pid,) in self._connection.execute(_TAKER, [name]).fetchall()]
        return crowded(
            self._name,
            why=f"session {', '.join(sessions) or 'unknown'} holds the lock {name!r}",
            ends="; ".join(f"SELECT pg_terminate_backend({pid})" for pid in sessions),
        )

    def close(self) -> None:
        self._connection.close()
