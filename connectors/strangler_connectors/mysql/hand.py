"""The hand: MySQL or MariaDB changed beside its rows; see `strangler.ports.Hand`. Each statement is a transaction of its own there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import pymysql
from pymysql.connections import Connection
from pymysql.constants import ER

from strangler.errors import Unavailable
from strangler.mapping.canonical import quoted_text
from strangler_connectors.crowded import crowded
from strangler_connectors.mysql.connection import ask, reason, translated

_PATIENCE: Final = 3
"""Seconds: who waits for a table lets all who come later wait behind it, readers too."""

_OLDEST: Final = """
SELECT CONCAT('connection ', trx_mysql_thread_id, ' since ', trx_started), COALESCE(trx_query, 'none'), trx_mysql_thread_id
FROM information_schema.INNODB_TRX ORDER BY trx_started LIMIT 1
"""


class MySQLHand:
    """See `Hand` and `Exclusive`."""

    dialect = "mysql"

    def __init__(self, name: str, connection: Connection[Any]) -> None:
        self._name, self._connection = name, connection
        ask(
            connection, f"SET SESSION lock_wait_timeout = {_PATIENCE}, innodb_lock_wait_timeout = {_PATIENCE}"
        )

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with translated(self._name, "asking the legacy database"):
            return list(ask(self._connection, sql))

    def do(self, statements: Sequence[str]) -> None:
        with translated(self._name, "changing the legacy database"):
            try:
                for statement in statements:
                    ask(self._connection, statement)
            except pymysql.OperationalError as error:
                if reason(error)[0] != ER.LOCK_WAIT_TIMEOUT:
                    raise
                raise self._blocked() from None

    def _blocked(self) -> Unavailable:
        what = f"source {self._name}: an open transaction in the legacy database doesn't end"
        for who, query, thread in ask(self._connection, _OLDEST):
            why = f"that of {who}, its statement now: {query}"
            return Unavailable(what, why=why, do=f"wait for it to end, or end it: KILL {thread}")
        return Unavailable(what, why="a table was in use for too long", do="see SHOW PROCESSLIST")

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        lock = _lock(name)
        with translated(self._name, "waiting to be alone"):
            if ask(self._connection, f"SELECT GET_LOCK({lock}, {_PATIENCE})")[0][0] != "1":
                raise self._in_the_way(lock)
        try:
            yield
        finally:
            with suppress(pymysql.Error):  # With a connection that was lost it is given back already.
                ask(self._connection, f"SELECT RELEASE_LOCK({lock})")

    def _in_the_way(self, lock: str) -> Unavailable:
        session = ask(self._connection, f"SELECT IS_USED_LOCK({lock})")[0][0]
        why = f"connection {session or 'unknown'} holds the lock {lock}"
        return crowded(self._name, why=why, ends=f"KILL {session}" if session else "")

    def close(self) -> None:
        self._connection.close()


def _lock(name: str) -> str:
    """The lock of this name as SQL: locks are the server's, so the database is part of it, and 64 characters are the most."""
    return f"CONCAT('strangler ', MD5(CONCAT(DATABASE(), ' ', {quoted_text(name)})))"
