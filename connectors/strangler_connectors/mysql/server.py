"""The server: which of the two databases it is, what it is set to, and where its binlog ends."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

import pymysql
from pymysql.connections import Connection

from strangler.changes import Position
from strangler.errors import SourceError, Unavailable
from strangler_connectors.mysql.connection import ask
from strangler_connectors.mysql.decoder import Origin
from strangler_connectors.mysql.gtids import GtidSet, last_of, parse_gtids, parse_set
from strangler_connectors.mysql.positions import BEHIND, Place, position

_PAUSE: Final = 0.005
_IDLE: Final = 0.12
"""Seconds that nobody may have looked at the open transactions before: for 100 ms the server gives the same list again."""

OPEN: Final = """
SELECT CONCAT(trx_mysql_thread_id, ' since ', trx_started), COALESCE(trx_query, '')
FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 0 ORDER BY trx_started
"""
"""The transactions that have written and aren't committed, the oldest first. Needs the privilege PROCESS."""


@dataclass(frozen=True, slots=True)
class End:
    """The end of the binlog: the last transaction in it, and what other servers had written before (MySQL)."""

    origin: Origin
    sequence: int
    server: int
    others: GtidSet

    def place(self, place: int) -> Place:
        return Place(self.sequence, self.server, place)


def is_mariadb(connection: Connection[Any]) -> bool:
    return "MariaDB" in connection.get_server_info()


def version(connection: Connection[Any]) -> tuple[int, int]:
    """Major and minor version."""
    text = str(ask(connection, "SELECT VERSION()")[0][0])
    major, minor, *_ = text.split(".")
    return int(major), int(minor)


def end(connection: Connection[Any]) -> End:
    """Where the binlog ends now. A MySQL counts a transaction once it can be seen, a MariaDB once it is logged."""
    if not is_mariadb(connection):
        text, uuid = ask(connection, "SELECT @@global.gtid_executed, @@global.server_uuid")[0]
        executed, own = parse_set(text or ""), (uuid or "").lower()
        others = {key: value for key, value in executed.items() if key != own}
        return End(Origin(False, 0, own.replace("-", "")), last_of(executed, own), int(own[:8], 16), others)
    text, domain = ask(connection, "SELECT @@global.gtid_binlog_pos, @@global.gtid_domain_id")[0]
    last = parse_gtids(text or "")
    if len(last) > 1:
        raise SourceError(
            f"the binlog has several replication domains: {text}",
            do="let all write in one domain (gtid_domain_id); once the binlogs with the other are purged: "
            "FLUSH BINARY LOGS DELETE_DOMAIN_ID=(…)",
        )
    if not last:
        return End(Origin(True, int(domain or 0), ""), 0, 0, {})
    return End(Origin(True, last[0].domain, ""), last[0].sequence, last[0].server, {})


def now(connection: Connection[Any]) -> int:
    """The server's clock, in seconds since the epoch."""
    return int(float(str(ask(connection, "SELECT UNIX_TIMESTAMP()")[0][0])))


def safe_position(connection: Connection[Any], name: str, timeout: float) -> Position:
    """See `ChangeSource.safe_position`: what has its number before this is visible, what gets one later is greater.

    First those are waited for that have written and are open, as far as the user may see them.

    A transaction gets its number when it is written to the binlog, in the order of the binlog, and becomes visible a
    moment later, in the same order. MySQL counts it as executed only then. A MariaDB shows how far a snapshot sees: a consistent
    snapshot is taken between two commits and has the place in the binlog that belongs to it.
    """
    deadline = time.monotonic() + timeout
    _wait_for_open(connection, name, deadline)
    last = end(connection)
    if last.origin.mariadb:
        written = ask(connection, "SHOW MASTER STATUS")
        if not written:
            raise SourceError(
                f"source {name}: the server writes no binlog",
                do="set log_bin in the server's configuration, and restart it",
            )
        logged = _place(written[0])
        while _visible(connection) < logged:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"source {name}: what was committed in the legacy database doesn't become visible",
                    why=f"a snapshot sees the binlog up to {_visible(connection)}, it was written up to {logged}",
                    do="see what the server's commits wait for (SHOW PROCESSLIST)",
                )
            time.sleep(_PAUSE)
    return position(last.sequence, last.server, BEHIND)


def _wait_for_open(connection: Connection[Any], name: str, deadline: float) -> None:
    time.sleep(_IDLE)
    try:
        waiting = _open(connection)
    except pymysql.OperationalError:
        return  # Who may not see them is told by `examine`.
    while waiting:
        time.sleep(_IDLE)
        now_open = _open(connection)
        waiting = {key: query for key, query in now_open.items() if key in waiting}
        if waiting and time.monotonic() > deadline:
            oldest, query = next(iter(waiting.items()))
            thread = oldest.split(" ")[0]
            raise Unavailable(
                f"source {name}: an open transaction in the legacy database doesn't end",
                why=f"that of connection {oldest}, its statement now: {query or 'none'}",
                do=f"wait for it to end, or end it: KILL {thread}",
            )


def _open(connection: Connection[Any]) -> dict[str, str]:
    """Who has an open transaction since when → what it does now."""
    return {str(who): str(query) for who, query in ask(connection, OPEN)}


def _visible(connection: Connection[Any]) -> tuple[int, int]:
    """Up to where in the binlog a snapshot that is taken now sees."""
    ask(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
    try:
        rows = ask(connection, "SHOW STATUS LIKE 'binlog\\_snapshot\\_%'")
        status = {str(row[0]).lower(): row[1] for row in rows}
        return _place((status["binlog_snapshot_file"], status["binlog_snapshot_position"]))
    finally:
        ask(connection, "COMMIT")


def _place(row: tuple[str | None, ...]) -> tuple[int, int]:
    """The number of a binlog file, and the place in it."""
    file, offset = str(row[0]), row[1]
    return int(file.rsplit(".", 1)[1]), int(offset or 0)
