"""Sources: what a connector alone reads, decoded to changes, against Debezium and the raw rate of the driver.

    python -m benchmarks.sources [--updates 500000] [--rounds 3] [--only sources-postgres]

Every arm drains the same backlog. `ours` is the connector as the worker opens it, its changes dropped. `peer` is Debezium's embedded
engine, consuming to nowhere. `limit` is a driver that receives the same messages and drops them: psycopg2's replication cursor for
PostgreSQL, mysql-replication's packets without their rows for MariaDB.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from benchmarks import arms
from benchmarks.backlog import SLOT, Backlog
from strangler.changes import ORIGIN
from strangler.ports import ChangeSource
from strangler.testing.postgres import Server

POSTGRES: Final = {
    "ours": "decoded to changes",
    "peer": "Debezium embedded, to nowhere",
    "limit": "psycopg2 raw messages",
}


def main() -> None:
    arms.run(
        __doc__,
        ("updates", 500_000),
        arms.Benchmark("sources-postgres", POSTGRES, arms.postgresql, postgres),
    )


def postgres(home: Path, server: Server, updates: int) -> dict[str, arms.Arm]:
    backlog = Backlog(home, server.create_database("legacy"), updates)

    def ours(number: int) -> float:
        backlog.copy_slot(SLOT)
        return drain(backlog.source, backlog.identity, updates)

    return {"ours": ours, "peer": backlog.peer, "limit": backlog.limit}


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
