"""The barrier: a position before which no transaction is still to come, and what stands in its way.

A commit first writes its record and only then becomes visible to others. So a position is taken from the WAL
first and the list of open transactions after it: every transaction with a commit record before the position is
either visible or in that list. Once those in the list are done, a new snapshot sees all that was
committed before the position.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import Any, Final

from psycopg import Connection

from strangler.changes import Position
from strangler.errors import Unavailable
from strangler_connectors.postgres.connection import open_connection, translated
from strangler_connectors.postgres.positions import parse_lsn, position
from strangler_connectors.postgres.replica import Replica

_WHERE: Final = "SELECT pg_current_wal_insert_lsn()::text"
_OPEN: Final = "SELECT ARRAY(SELECT x::text FROM pg_snapshot_xip(pg_current_snapshot()) AS x)"

# Other databases of the cluster don't matter: their transactions never touch these tables.
_STILL_OPEN: Final = """
SELECT x FROM unnest(%s::text[]) AS x
WHERE pg_xact_status(x::xid8) = 'in progress'
    AND NOT EXISTS (SELECT FROM pg_stat_activity a
                    WHERE a.backend_xid = x::xid8::xid AND a.datname <> current_database())
    AND NOT EXISTS (SELECT FROM pg_prepared_xacts p
                    WHERE p.transaction = x::xid8::xid AND p.database <> current_database())
"""
_BLOCKERS: Final = """
SELECT a.pid, a.usename, a.application_name, extract(epoch FROM clock_timestamp() - a.xact_start)::int, left(a.query, 200)
FROM pg_stat_activity a WHERE a.backend_xid = ANY(SELECT x::xid8::xid FROM unnest(%s::text[]) AS x)
UNION ALL
SELECT NULL, p.owner, p.gid, extract(epoch FROM clock_timestamp() - p.prepared)::int, 'PREPARE TRANSACTION'
FROM pg_prepared_xacts p WHERE p.transaction = ANY(SELECT x::xid8::xid FROM unnest(%s::text[]) AS x)
ORDER BY 4 DESC NULLS LAST LIMIT 1
"""

PREFIX: Final = "strangler"
"""The prefix of the messages in the WAL that make an idle source be heard; no table of the ERP is written."""


class PostgresBarrier:
    """See `Barrier`: a connection to the server at `url`, and one to its `replica` where that is read."""

    def __init__(self, name: str, url: str, replica: Replica | None) -> None:
        self._name, self._replica = name, replica
        with ExitStack() as opened:
            self._server = opened.enter_context(closing(open_connection(url, name)))
            if replica:
                replica.require_follows(url)
                self._standby = opened.enter_context(closing(replica.connect()))
            self._opened = opened.pop_all()

    def safe_position(self, timeout: float) -> Position:
        deadline = time.monotonic() + timeout
        with translated(self._name, "waiting for open transactions"):
            position = safe_position(self._server, self._name, timeout)
        if self._replica:
            self._replica.reach(self._standby, position, deadline)
        return position

    def close(self) -> None:
        self._opened.close()


def beat(connection: Connection[Any]) -> None:
    """Write a transaction into the WAL that changes nothing; a stream gives it as a heartbeat."""
    connection.execute("SELECT pg_logical_emit_message(true, %s, '')", [PREFIX])


def safe_position(connection: Connection[Any], name: str, timeout: float) -> Position:
    """See `ChangeSource.safe_position`."""
    deadline = time.monotonic() + timeout
    here = parse_lsn(_value(connection, _WHERE))
    waiting = open_transactions(connection)
    pause = 0.002
    while waiting := [row[0] for row in connection.execute(_STILL_OPEN, [waiting]).fetchall()]:
        if time.monotonic() > deadline:
            raise blocked(connection, name, waiting)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return position(here, 0)


def open_transactions(connection: Connection[Any]) -> list[str]:
    """The ids of the transactions that were writing when this was called.

    A snapshot lists only those that are older than the newest finished one; so one of our own is finished first.
    """
    beat(connection)
    ids: list[str] = _value(connection, _OPEN)
    return ids


def _value(connection: Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def blocked(connection: Connection[Any], name: str, waiting: list[str]) -> Unavailable:
    """The error that names the oldest of the transactions `waiting`, and how to end it."""
    what = f"source {name}: an open transaction in the legacy database doesn't end"
    row = connection.execute(_BLOCKERS, [waiting, waiting]).fetchone()
    if row is None:
        why = f"transaction {', '.join(waiting)}; GRANT pg_read_all_stats shows whose it is"
        return Unavailable(what, why=why, do="wait for it to end, then try again")
    pid, user, application, age, query = row
    who = f"process {pid}" if pid else f"the prepared transaction {application!r}"
    why = f"{who} of {user} ({application or 'unnamed'}) is open for {age} s, its last statement: {query}"
    cure = f"SELECT pg_terminate_backend({pid})" if pid else f"ROLLBACK PREPARED '{application}'"
    return Unavailable(what, why=why, do=f"wait for it to end, or end it: {cure}")
