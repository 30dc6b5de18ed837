"""How busy a MySQL or MariaDB is, and how far it is behind where it is a replica."""

from __future__ import annotations

import math
from typing import Any, Final

import pymysql
from pymysql.connections import Connection
from pymysql.constants import ER
from pymysql.cursors import DictCursor

from strangler.ports import Pressure
from strangler_connectors.mysql.connection import ask, reason
from strangler_connectors.mysql.server import is_mariadb

_RUNNING: Final = "SHOW GLOBAL STATUS LIKE 'Threads_running'"
_OWN: Final = """
SELECT COUNT(*) FROM information_schema.PROCESSLIST
WHERE USER = SUBSTRING_INDEX(USER(), '@', 1) AND COMMAND <> 'Sleep'
"""
"""What runs under the user of the source's url is taken for Strangler's; everybody may see that much."""

_UNKNOWN: Final = frozenset({ER.SPECIFIC_ACCESS_DENIED_ERROR, ER.PARSE_ERROR})
_BEHIND: Final = ("Seconds_Behind_Source", "Seconds_Behind_Master")


def pressure(connection: Connection[Any]) -> Pressure:
    """See `SqlSide.pressure`. A server doesn't tell how far its own replicas are."""
    [(_, running)] = ask(connection, _RUNNING)
    [(own,)] = ask(connection, _OWN)
    return Pressure(replication_lag(connection), max(0, int(running or 0) - int(own or 0)))


def replication_lag(connection: Connection[Any]) -> float | None:
    """The longest of all that the server follows. Without a privilege (REPLICATION CLIENT, on MariaDB REPLICA MONITOR) it says nothing."""
    rows = _followed(connection)
    return max((_seconds(row) for row in rows), default=None)


def _followed(connection: Connection[Any]) -> list[dict[str, Any]]:
    """What the server says of the servers that it follows; empty where it follows none, or this user may not know."""
    # The word changed in MySQL 8.0.22, and 8.4 no longer knows the old one. MariaDB has one row only without ALL.
    asked = (
        ("SHOW ALL SLAVES STATUS",)
        if is_mariadb(connection)
        else ("SHOW REPLICA STATUS", "SHOW SLAVE STATUS")
    )
    for query in asked:
        try:
            with connection.cursor(DictCursor) as cursor:
                cursor.execute(query)
                return list(cursor.fetchall())
        except pymysql.Error as error:
            if reason(error)[0] not in _UNKNOWN:
                raise
    return []


def _seconds(row: dict[str, Any]) -> float:
    """NULL: replication doesn't run there, and nobody knows how far behind that will be."""
    behind = next((row[name] for name in _BEHIND if name in row), None)
    return math.inf if behind is None else float(behind)
