"""Sources: what a connector alone reads, decoded to changes, against Debezium and the raw rate of the driver.

    python -m benchmarks.sources [--updates 300000] [--rounds 3] [--only sources-postgres]

Every arm drains the same backlog. `ours` is the connector as the worker opens it, its changes dropped. `peer` is Debezium's embedded
engine, consuming to nowhere. `limit` is a driver that receives the same bytes and drops them: psycopg2's replication cursor for
PostgreSQL, PyMySQL's packets for MariaDB. PostgreSQL sends a message for each row, MariaDB a packet for some eight kilobytes of them:
so its limit is further away. `library` is mysql-replication, the Python library that decodes a binlog's rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Final

from benchmarks import arms
from benchmarks.backlog import SLOT, Backlog
from benchmarks.binlog import Binlog
from strangler.changes import ORIGIN
from strangler.ports import ChangeSource
from strangler.testing import mariadb as mariadb_server
from strangler.testing.postgres import Server

POSTGRES: Final = {
    "ours": "decoded to changes",
    "peer": "Debezium embedded, to nowhere",
    "limit": "psycopg2 raw messages",
}

MARIADB: Final = {
    "ours": "decoded to changes",
    "peer": "Debezium embedded, to nowhere",
    "limit": "PyMySQL raw packets",
    "library": "mysql-replication decoded rows",
}


def main() -> None:
    arms.run(
        __doc__,
        ("updates", 300_000),
        arms.Benchmark("sources-postgres", POSTGRES, arms.postgresql, postgres),
        arms.Benchmark("sources-mariadb", MARIADB, serve_mariadb, mariadb),
    )


def postgres(home: Path, server: Server, updates: int) -> dict[str, arms.Arm]:
    backlog = Backlog(home, server.create_database("legacy"), updates)

    def ours(number: int) -> float:
        backlog.copy_slot(SLOT)
        return drain(backlog.source, backlog.identity, updates)

    return {"ours": ours, "peer": backlog.peer, "limit": backlog.limit}


def serve_mariadb(home: Path) -> AbstractContextManager[mariadb_server.Server]:
    """A private MariaDB, as the tests have it but with room for a backlog."""
    room = {"innodb_buffer_pool_size": "512M", "innodb_log_file_size": "256M", "max_binlog_size": "1G"}
    return mariadb_server.server(home / "mariadb", **room)


def mariadb(home: Path, server: mariadb_server.Server, updates: int) -> dict[str, arms.Arm]:
    backlog = Binlog(home, server.create_database("legacy"), updates)

    def ours(number: int) -> float:
        return drain(backlog.source, backlog.identity, updates)

    return {"ours": ours, "peer": backlog.peer, "limit": backlog.limit, "library": backlog.library}


def drain(source: Callable[[], ChangeSource], identity: str, updates: int) -> float:
    """Changes per second of a connector until it has given `updates` of them."""
    with closing(source()) as opened:
        began, seen = time.monotonic(), 0
        with opened.stream(ORIGIN, identity) as stream:
            while seen < updates:
                transaction = stream.read(1.0)
                if transaction is not None:
                    seen += len(transaction.changes)
            return updates / (time.monotonic() - began)


if __name__ == "__main__":
    main()
