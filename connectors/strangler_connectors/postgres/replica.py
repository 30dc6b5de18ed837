"""A standby of the legacy database, which is read in its place.

A read there sees what has been replayed, so a position is safe for it once the standby has replayed the WAL up to there: a commit
becomes visible as it is replayed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg

from strangler.changes import Position
from strangler.errors import SourceError, Unavailable
from strangler.ports import Finding
from strangler.pressure import POSTGRES, of_postgres
from strangler.urls import display
from strangler_connectors.postgres.connection import open_connection, translated
from strangler_connectors.postgres.positions import confirmed, format_lsn, parse_lsn
from strangler_connectors.postgres.reader import SESSION

_REPLAYED: Final = "SELECT pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn()::text, '0/0')"

_PAUSES: Final = (0.002, 0.1)
"""Seconds between two looks at how far it is, from the first to the longest."""


class Replica:
    """The standby at `url` of the source called `name`."""

    def __init__(self, name: str, url: str) -> None:
        self._name, self._url = name, url
        self._follows = ""

    def connect(self) -> psycopg.Connection[Any]:
        """A connection for reading."""
        return open_connection(self._url, self._name, session=SESSION)

    def reach(self, connection: psycopg.Connection[Any], position: Position, deadline: float) -> None:
        """Wait until it has replayed all up to a position of the server that it follows. Raises Unavailable after the deadline (monotonic
        seconds), SourceError where it is no standby any more."""
        wanted = confirmed(position)
        with translated(self._name, "waiting for the replica"):
            pause, longest = _PAUSES
            while (reached := self._replayed(connection)) < wanted:
                if time.monotonic() > deadline:
                    raise self._behind(connection, wanted, reached)
                time.sleep(pause)
                pause = min(pause * 1.5, longest)

    def needs(self, primary: str) -> list[Finding]:
        """What is missing to read it."""
        try:
            self.require_follows(primary)
            with self._connected("examining the replica") as connection:
                self._replayed(connection)
        except SourceError as error:
            return [Finding(error.what, error.do)]
        return []

    def require_follows(self, primary: str) -> None:
        """Raise SourceError unless it and the server at `primary` are one cluster, looked at once: positions of another one would be
        compared in vain."""
        if self._follows:
            return
        theirs = self._system(self._url)
        if theirs != self._system(primary):
            raise SourceError(
                f"source {self._name}: {display(self._url)} is no replica of its database",
                why="it belongs to another PostgreSQL cluster",
                do="let `replica` name a standby of the server in `url`, or remove it",
            )
        self._follows = theirs

    def _system(self, url: str) -> str:
        with (
            closing(open_connection(url, self._name, replication=True)) as connection,
            translated(self._name, "asking which server it is"),
        ):
            result = connection.pgconn.exec_(b"IDENTIFY_SYSTEM")
            value = result.get_value(0, 0)
            assert value is not None
            return value.decode()

    def _replayed(self, connection: psycopg.Connection[Any]) -> int:
        row = connection.execute(_REPLAYED).fetchone()
        assert row is not None
        in_recovery, replayed = row
        if not in_recovery:
            raise SourceError(
                f"source {self._name}: {display(self._url)} is no replica any more",
                why="it isn't in recovery: it was promoted, or never was a standby",
                do="let `replica` name a standby of the server in `url`, or remove it",
            )
        return parse_lsn(replayed)

    def _behind(self, connection: psycopg.Connection[Any], wanted: int, reached: int) -> Unavailable:
        row = connection.execute(POSTGRES).fetchone()
        assert row is not None
        lag = of_postgres(row).lag or 0.0
        return Unavailable(
            f"source {self._name}: the replica {display(self._url)} doesn't come to what is to be read from it",
            why=f"it is {lag:,.0f} s behind: it has replayed up to {format_lsn(reached)}, and {format_lsn(wanted)} is wanted",
            do="see whether it follows (pg_stat_wal_receiver there), and what its replay waits for",
        )

    @contextmanager
    def _connected(self, doing: str) -> Iterator[psycopg.Connection[Any]]:
        with closing(self.connect()) as connection, translated(self._name, doing):
            yield connection
