"""MySQL and MariaDB as a `ChangeSource`: what the other modules of this package do, put together."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import Any, Final

import pymysql
from pymysql.connections import Connection

from strangler.changes import ORIGIN, Position
from strangler.errors import SourceError, SourceLost
from strangler.ports import Finding
from strangler.settings import Source
from strangler.shapes import Table
from strangler_connectors.mysql import binary, server
from strangler_connectors.mysql.barrier import MySQLBarrier
from strangler_connectors.mysql.catalog import Names, Relation, names, relations
from strangler_connectors.mysql.charsets import Charsets, collations, letters
from strangler_connectors.mysql.connection import (
    ask,
    open_connection,
    parse_url,
    reason,
    translated,
    variables,
)
from strangler_connectors.mysql.decoder import Decoder, Wanted
from strangler_connectors.mysql.dump import Dump
from strangler_connectors.mysql.gtids import parse_gtids
from strangler_connectors.mysql.hand import MySQLHand
from strangler_connectors.mysql.identity import Capture, require_same
from strangler_connectors.mysql.identity import parse as parse_identity
from strangler_connectors.mysql.positions import Place, parse, position
from strangler_connectors.mysql.reader import MySQLSide
from strangler_connectors.mysql.replica import Replica
from strangler_connectors.mysql.requirements import (
    VARIABLES,
    Server,
    retention_needs,
    server_needs,
    table_needs,
)
from strangler_connectors.mysql.server import End
from strangler_connectors.mysql.starting import Start, starts
from strangler_connectors.mysql.stream import MySQLStream

_PROBE: Final = 5.0
"""Seconds within which a server answers who asks for its binlog."""


class MySQLSource:
    """See `ChangeSource`. Every call but those that give one opens a connection of its own and closes it.

    Nothing is created in the legacy database. So `prepare` begins a capture anew each time it is called, and
    an identity that was remembered stays good as long as the binlog reaches back to it.
    """

    def __init__(
        self,
        name: str,
        settings: Source,
        tables: Mapping[str, Sequence[str]],
        keyed: Collection[str] = (),
    ) -> None:
        """`keyed`: the tables that need no primary key to be examined well, for this source isn't the one that streams them."""
        if settings.options:
            raise SourceError(
                f"source {name}: unknown option {', '.join(sorted(settings.options))}",
                do="a mysql source has none: all it needs is in its url",
            )
        self._name, self._tables, self._keyed = name, tables, keyed
        self._address = parse_url(settings.url.get_secret_value(), name)
        self._admin = parse_url((settings.admin or settings.url).get_secret_value(), name)
        replica = settings.replica and parse_url(settings.replica.get_secret_value(), name)
        self._replica = Replica(name, replica) if replica else None
        self._heartbeat = settings.heartbeat.total_seconds()
        # Sources of other databases of the server may have the same name.
        self._lock = (
            f"strangler {sha256(f'{name}/{self._address.database}'.encode()).hexdigest()[:16]} {name}"[:64]
        )
        self._server_id = _replica_id(self._lock)

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        with self._connected("reading the catalog") as connection:
            found = relations(connection, self._naming(connection), tables)
            return {r.asked: r.table() for r in found if "VIEW" not in r.kind}

    def prepare(self, anew: bool = False) -> str:
        if not self._tables:
            raise SourceError(f"source {self._name}: no mapping names one of its tables")
        with self._connected("preparing the capture") as connection:
            needs = [each for each in self._examine(connection, 0.0) if each.blocks]
            if needs:
                raise SourceError(
                    f"source {self._name} can't be captured yet",
                    why="; ".join(need.what for need in needs),
                    do="; ".join(dict.fromkeys(need.do for need in needs if need.do)),
                )
            end = server.end(connection)
            start = position(*end.place(server.now(connection)))
            return Capture(end.origin, start, end.others).identity()

    def examine(self, outage: float) -> list[Finding]:
        with self._connected("examining the server") as connection:
            return self._examine(connection, outage)

    def blind_spots(self) -> Sequence[str]:
        return ()

    def stream(self, after: Position, identity: str) -> MySQLStream:
        capture = parse_identity(identity)
        place = parse(capture.start if after == ORIGIN else after)
        with self._connected("opening the stream") as connection:
            self._require_reached(capture, place, server.end(connection))
            naming = self._naming(connection)
            found = relations(connection, naming, list(self._tables))
            self._require_there(found)
            wanted = _wanted(found, naming, self._tables)
            charsets = Charsets(collations(connection), self._letters)
            ways = starts(connection, capture, place)
        lost: SourceLost | None = None
        for begin in ways:
            try:
                decoder = Decoder(wanted, naming.fold, charsets, capture.origin, place)
                return self._opened(begin, decoder, after)
            except SourceLost as error:
                lost = lost or error
        assert lost is not None
        raise lost

    def safe_position(self, timeout: float) -> Position:
        with closing(self.barrier()) as asked:
            return asked.safe_position(timeout)

    def barrier(self) -> MySQLBarrier:
        return MySQLBarrier(self._name, self._address, self._replica)

    def reader(self) -> MySQLSide:
        if self._replica:
            return MySQLSide(self._name, self._replica.connect())
        return MySQLSide(self._name, open_connection(self._address, self._name))

    def hand(self) -> MySQLHand:
        return MySQLHand(self._name, open_connection(self._admin, self._name))

    def drop(self) -> None:
        """Nothing to do: nothing was created."""

    def close(self) -> None:
        """Nothing to close: streams and readers are closed by whoever opened them."""

    @contextmanager
    def _connected(self, doing: str) -> Iterator[Connection[Any]]:
        with (
            closing(open_connection(self._address, self._name)) as connection,
            translated(self._name, doing),
        ):
            yield connection

    def _naming(self, connection: Connection[Any]) -> Names:
        return names(connection, self._address.database)

    def _letters(self, charset: str) -> str:
        with self._connected("reading a charset") as connection:
            return letters(connection, charset)

    def _examine(self, connection: Connection[Any], outage: float) -> list[Finding]:
        facts = self._facts(connection)
        found = relations(connection, self._naming(connection), list(self._tables))
        unreadable = {
            each.asked: said
            for each in found
            if (said := _refusal(connection, f"SELECT * FROM {each.quoted} LIMIT 0"))
        }
        return (
            server_needs(facts)
            + table_needs(facts, self._tables, found, unreadable, self._keyed)
            + retention_needs(facts, outage)
        )

    def _facts(self, connection: Connection[Any]) -> Server:
        mariadb = server.is_mariadb(connection)
        settings = variables(connection, *VARIABLES)
        user, host = str(ask(connection, "SELECT CURRENT_USER()")[0][0]).rsplit("@", 1)
        positions = ask(connection, "SELECT @@global.gtid_binlog_pos")[0][0] if mariadb else ""
        domains = [gtid.domain for gtid in parse_gtids(positions or "")]
        logs = settings.get("log_bin") == "ON" and settings.get("server_id") != "0"
        numbered = len(domains) < 2 if mariadb else settings.get("gtid_mode") == "ON"
        return Server(
            mariadb,
            server.version(connection),
            f"'{user}'@'{host}'",
            settings,
            domains,
            dump=self._dump_refusal(connection) if logs and numbered else "",
            status=_refusal(connection, "SHOW MASTER STATUS") if logs and mariadb else "",
            open=_refusal(connection, server.OPEN),
        )

    def _dump_refusal(self, connection: Connection[Any]) -> str:
        """The server's words when it doesn't let this user read the binlog; it says so only when it is asked for it."""
        end = server.end(connection)
        capture = Capture(end.origin, position(*end.place(0)), end.others)
        # Behind the end: nothing is to be sent. Another replica than that of the stream, which would be thrown out.
        (begin, *_) = starts(connection, capture, Place(end.sequence + 1, end.server, 0))
        with closing(Dump(self._address, self._name, _replica_id(secrets.token_hex(8)))) as dump:
            try:
                begin(dump)
                dump.take(_PROBE)
            except SourceLost:
                return ""
            except SourceError as error:
                return error.why
        return ""

    def _require_reached(self, capture: Capture, place: Place, end: End) -> None:
        require_same(capture, end)
        if place.sequence > end.sequence:
            raise SourceLost(
                f"source {self._name}: the binlog ends before the last position that is remembered",
                why=f"it is at transaction {end.sequence}, remembered is {place.sequence}: it was begun anew, or put back from a copy",
            )

    def _require_there(self, found: Sequence[Relation]) -> None:
        gone = sorted(set(self._tables) - {relation.asked for relation in found})
        if gone:
            raise SourceLost(
                f"source {self._name}: table {', '.join(gone)} is no longer there",
                why="it was dropped or renamed, or the user of the source may not see it any more",
            )

    def _opened(self, begin: Start, decoder: Decoder, after: Position) -> MySQLStream:
        dump = Dump(self._address, self._name, self._server_id, self._lock)
        stream = MySQLStream(self._name, dump, decoder, after, self._heartbeat)
        try:
            begin(dump)
            stream.reach()
        except BaseException:
            stream.close()
            raise
        return stream


def _wanted(
    found: Sequence[Relation], naming: Names, asked: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str], Wanted]:
    return {
        (naming.fold(r.schema), naming.fold(r.name)): Wanted(
            r.asked,
            frozenset(asked[r.asked]) | set(r.key),
            {column.name: column.declared for column in r.columns if column.declared in binary.TEXTS},
        )
        for r in found
    }


def _refusal(connection: Connection[Any], query: str) -> str:
    """The server's words when it refuses a query, empty when it answers."""
    try:
        ask(connection, query)
    except pymysql.Error as error:
        return reason(error)[1]
    return ""


def _replica_id(text: str) -> int:
    """A server id for a replica: from the upper half of the numbers, where people don't choose."""
    return 0x80000000 | zlib.crc32(text.encode())
