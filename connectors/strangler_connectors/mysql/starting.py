"""Where a dump has to begin so that the transaction that was read last is the first to come again.

Seen again it shows that the binlog is still the one that it was, and what of it wasn't read yet can be. The server is asked
for everything behind the transaction before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from pymysql.connections import Connection

from strangler_connectors.mysql.connection import ask
from strangler_connectors.mysql.dump import Dump
from strangler_connectors.mysql.gtids import Gtid, parse_gtids, parse_set, up_to
from strangler_connectors.mysql.identity import Capture
from strangler_connectors.mysql.positions import Place

Start = Callable[[Dump], None]


def starts(connection: Connection[Any], capture: Capture, place: Place) -> list[Start]:
    """The ways to begin, the likeliest first: SourceLost by one of them isn't final before all were tried."""
    if not capture.origin.mariadb:
        executed = ask(connection, "SELECT @@global.gtid_executed")[0][0] or ""
        known = up_to(parse_set(executed), str(UUID(capture.origin.uuid)), place.sequence - 1)
        return [lambda dump: dump.begin_without(known)]
    return [_behind(gtid) for gtid in _before(connection, capture, place)]


def _behind(gtid: str) -> Start:
    return lambda dump: dump.begin_after(gtid)


def _before(connection: Connection[Any], capture: Capture, place: Place) -> Iterator[str]:
    """The GTID of the transaction before. It bears the name of the server that wrote it, which is another one only when
    the server of the transaction itself had just taken over."""
    sequence = place.sequence - 1
    if sequence <= 0:
        yield ""
        return
    domain = capture.origin.domain
    state = parse_gtids(ask(connection, "SELECT @@global.gtid_binlog_state")[0][0] or "")
    servers = [place.server, *(gtid.server for gtid in state if gtid.domain == domain)]
    for server in dict.fromkeys(servers):
        yield str(Gtid(domain, server, sequence))
