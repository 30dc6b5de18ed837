"""PostgreSQL as a `ChangeSource`: what the other modules of this package do, put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg
from psycopg import pq, sql

from strangler.changes import Position
from strangler.errors import SourceError
from strangler.ports import Finding
from strangler.settings import Source
from strangler.shapes import Table
from strangler_connectors.postgres import barrier, hand
from strangler_connectors.postgres.barrier import PostgresBarrier
from strangler_connectors.postgres.capture import Capture, capture_name, require_unbroken
from strangler_connectors.postgres.catalog import Relation, domains, relations
from strangler_connectors.postgres.connection import open_connection, translated
from strangler_connectors.postgres.decoder import Decoder
from strangler_connectors.postgres.examination import examine
from strangler_connectors.postgres.hand import PostgresHand
from strangler_connectors.postgres.layouts import wanted
from strangler_connectors.postgres.positions import confirmed, format_lsn
from strangler_connectors.postgres.reader import SESSION, PostgresSide
from strangler_connectors.postgres.replica import Replica
from strangler_connectors.postgres.requirements import Server, server_needs, table_needs
from strangler_connectors.postgres.stream import PostgresStream

_SERVER: Final = """
SELECT current_setting('server_version_num')::int, current_setting('wal_level'),
    current_setting('server_encoding'), current_user::text, current_database()::text,
    r.rolreplication OR r.rolsuper
        OR coalesce(pg_has_role(to_regrole('rds_replication'), 'MEMBER'), false),
    has_database_privilege(current_database(), 'CREATE'), r.rolsuper, pg_is_in_recovery()
FROM pg_roles r WHERE r.rolname = current_user
"""

_PATIENCE: Final = "60s"
"""A slot is complete once all transactions that were open at its making are done; longest wait for them."""

_RELEASE: Final = 1.0
"""Seconds that the server may take to notice that the last stream of the slot is closed."""


class PostgresSource:
    """See `ChangeSource`. Every call but those that give one opens a connection of its own and closes it."""

    def __init__(self, name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> None:
        unknown = set(settings.options) - {"slot"}
        if unknown:
            raise SourceError(
                f"source {name}: unknown option {', '.join(sorted(unknown))}",
                do="a postgres source has one: `slot`, the name of its slot and publication",
            )
        self._name, self._tables = name, tables
        self._url = settings.url.get_secret_value()
        self._admin = (settings.admin or settings.url).get_secret_value()
        self._replica = Replica(name, settings.replica.get_secret_value()) if settings.replica else None
        self._heartbeat = settings.heartbeat.total_seconds()
        self._capture = settings.options.get("slot") or capture_name(name)

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        with self._connected("reading the catalog") as connection:
            return {r.asked: r.table() for r in relations(connection, tables) if r.root}

    def prepare(self, anew: bool = False) -> str:
        with self._connected("preparing the capture") as connection:
            # Two processes that start at once make one capture.
            connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [self._capture])
            found = relations(connection, list(self._tables))
            self._require(connection, found)
            connection.execute(sql.SQL("SET statement_timeout = {}").format(sql.Literal(_PATIENCE)))
            try:
                return Capture(connection, self._capture).create(found)
            except psycopg.errors.QueryCanceled:
                raise barrier.blocked(connection, self._name, barrier.open_transactions(connection)) from None

    def examine(self, outage: float) -> list[Finding]:
        with self._connected("examining the server") as connection:
            found = relations(connection, list(self._tables))
            return [
                *self._needs(connection, found),
                *Capture(connection, self._capture).broken(self._tables, found),
                *examine(connection, self._capture, outage),
                *(self._replica.needs(self._url) if self._replica else ()),
            ]

    def blind_spots(self) -> Sequence[str]:
        return ()

    def stream(self, after: Position, identity: str) -> PostgresStream:
        with self._connected("opening the stream") as connection:
            capture = Capture(connection, self._capture)
            require_unbroken(self._name, capture.slot(), capture.identity(), identity, after)
            found = relations(connection, list(self._tables))
            capture.require_whole(self._name, self._tables, found)
            decoder = Decoder(wanted(connection, found, self._tables), domains(connection))
        replication = open_connection(self._url, self._name, replication=True)
        try:
            self._start(replication, after)
        except BaseException:
            replication.close()
            raise
        return PostgresStream(self._name, replication, decoder, after, self._heartbeat, self._look)

    def safe_position(self, timeout: float) -> Position:
        with closing(self.barrier()) as asked:
            return asked.safe_position(timeout)

    def barrier(self) -> PostgresBarrier:
        return PostgresBarrier(self._name, self._url, self._replica)

    def reader(self) -> PostgresSide:
        if self._replica:
            return PostgresSide(self._name, self._replica.connect())
        return PostgresSide(self._name, open_connection(self._url, self._name, session=SESSION))

    def hand(self) -> PostgresHand:
        return PostgresHand(self._name, open_connection(self._admin, self._name, session=hand.SESSION))

    def drop(self) -> None:
        with self._connected("removing the capture") as connection:
            _until_released(Capture(connection, self._capture).drop)

    def close(self) -> None:
        """Nothing to close: streams and readers are closed by whoever opened them."""

    @contextmanager
    def _connected(self, doing: str) -> Iterator[psycopg.Connection[Any]]:
        with (
            closing(open_connection(self._url, self._name)) as connection,
            translated(self._name, doing),
        ):
            yield connection

    def _needs(self, connection: psycopg.Connection[Any], found: Sequence[Relation]) -> list[Finding]:
        row = connection.execute(_SERVER).fetchone()
        assert row is not None
        server = Server(*row)
        return server_needs(server) + table_needs(server, self._tables, found)

    def _require(self, connection: psycopg.Connection[Any], found: Sequence[Relation]) -> None:
        if not self._tables:
            raise SourceError(f"source {self._name}: no mapping names one of its tables")
        needs = self._needs(connection, found)
        if needs:
            raise SourceError(
                f"source {self._name} can't be captured yet; nothing was created",
                why="; ".join(need.what for need in needs),
                do="; ".join(dict.fromkeys(need.do for need in needs if need.do)),
            )

    def _start(self, replication: psycopg.Connection[Any], after: Position) -> None:
        command = sql.SQL(
            "START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names {}, messages 'true')"
        ).format(
            sql.Identifier(self._capture),
            sql.SQL(format_lsn(confirmed(after))),
            sql.Literal(sql.Identifier(self._capture).as_string()),
        )
        with translated(self._name, "opening the stream"):
            _until_released(lambda: _copy_both(replication, command.as_bytes()))

    def _look(self, silent: bool) -> None:
        with self._connected("looking after the capture") as connection:
            found = relations(connection, list(self._tables))
            Capture(connection, self._capture).require_whole(self._name, self._tables, found)
            if silent:
                barrier.beat(connection)


def _copy_both(replication: psycopg.Connection[Any], command: bytes) -> None:
    result = replication.pgconn.exec_(command)
    if result.status != pq.ExecStatus.COPY_BOTH:
        raise psycopg.errors.error_from_result(result)


def _until_released(act: Callable[[], None]) -> None:
    """Do `act`, again for a moment when the slot is still held by a stream that was just closed."""
    deadline = time.monotonic() + _RELEASE
    while True:
        try:
            return act()
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
