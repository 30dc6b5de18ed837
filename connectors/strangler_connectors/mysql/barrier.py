"""A connection to a MySQL or MariaDB source that stays open for positions; see `strangler.ports.Barrier`."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing

from strangler.changes import Position
from strangler_connectors.mysql import server
from strangler_connectors.mysql.connection import Address, open_connection, translated
from strangler_connectors.mysql.replica import Replica


class MySQLBarrier:
    """See `Barrier`: a connection to the server, and one to its `replica` where that is read."""

    def __init__(self, name: str, address: Address, replica: Replica | None) -> None:
        self._name, self._replica = name, replica
        with ExitStack() as opened:
            self._server = opened.enter_context(closing(open_connection(address, name)))
            if replica:
                self._standby = opened.enter_context(closing(replica.connect()))
            self._opened = opened.pop_all()

    def safe_position(self, timeout: float) -> Position:
        with translated(self._name, "reading where the binlog ends"):
            deadline = time.monotonic() + timeout
            position = server.safe_position(self._server, self._name, timeout)
            if self._replica:
                self._replica.reach(self._server, self._standby, deadline)
            return position

    def close(self) -> None:
        self._opened.close()
