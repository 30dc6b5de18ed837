"""A replica of the legacy database, which is read in its place.

A position is safe for it once it has applied what the server had logged by then.
"""

from __future__ import annotations

import time
from typing import Any, Final

import pymysql
from pymysql.connections import Connection

from strangler.errors import SourceError, Unavailable
from strangler.urls import display
from strangler_connectors.mysql.connection import Address, ask, open_connection, reason, translated
from strangler_connectors.mysql.pressure import replication_lag
from strangler_connectors.mysql.server import is_mariadb

_LOGGED: Final = {True: "SELECT @@global.gtid_binlog_pos", False: "SELECT @@global.gtid_executed"}
"""What a server has logged, as its replicas are asked for it, by whether it is a MariaDB."""

_WAIT: Final = {
    True: "SELECT MASTER_GTID_WAIT(%s, %s)",
    False: "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)",
}
"""0 once it is applied; another number when the time is up."""


class Replica:
    """The replica at `address` of the source called `name`."""

    def __init__(self, name: str, address: Address) -> None:
        self._name, self._address = name, address

    def connect(self) -> Connection[Any]:
        """A connection for reading."""
        return open_connection(self._address, self._name)

    def reach(self, server: Connection[Any], connection: Connection[Any], deadline: float) -> None:
        """Wait, over a `connection` to it, until it has applied all that `server` has logged by now. Raises Unavailable after the deadline
        (monotonic seconds)."""
        [(logged,)] = ask(server, _LOGGED[is_mariadb(server)])
        if not logged:
            return
        with translated(self._name, "waiting for the replica"):
            left = max(0.001, deadline - time.monotonic())
            if self._wait(connection, logged, left) != 0:
                raise self._behind(connection, logged)

    def _wait(self, connection: Connection[Any], logged: str, seconds: float) -> int:
        try:
            [(answer,)] = ask(connection, _WAIT[is_mariadb(connection)], (logged, round(seconds, 3)))
        except pymysql.Error as error:
            code, said = reason(error)
            if code in _NO_GTIDS:
                raise SourceError(
                    f"source {self._name}: the replica {display(self._address.url)} doesn't number transactions",
                    why=said,
                    do="set gtid_mode = ON there, or remove `replica`",
                ) from error
            raise
        return int(answer or 0) if answer is not None else -1

    def _behind(self, connection: Connection[Any], logged: str) -> Unavailable:
        lag = replication_lag(connection)
        if lag is None:
            behind = "it follows no server, or its user may not see what it follows"
        elif lag == float("inf"):
            behind = "its replication has stopped"
        else:
            behind = f"it is {lag:,.0f} s behind"
        return Unavailable(
            f"source {self._name}: the replica {display(self._address.url)} doesn't come to what is to be read from it",
            why=f"{behind}; {logged} is wanted",
            do="see what its replication waits for (SHOW REPLICA STATUS there)",
        )


_NO_GTIDS: Final = frozenset({3111, 1835})
"""GTID_MODE is off; the set isn't one of this server's kind."""
