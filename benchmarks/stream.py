"""Stream: PostgreSQL → mapping of 12 fields → event log on SQLite → store on SQLite, against Debezium and the raw rate.

    python -m benchmarks.stream [--updates 500000] [--rounds 3]

Every arm drains the same backlog: the replication slot is copied before the updates are made, once per arm and round.
`ours` is what `strangler worker` runs, until the store has everything. `peer` is Debezium's embedded engine consuming to
nowhere. `limit` is psycopg2 receiving the same pgoutput messages and dropping them.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks import arms
from benchmarks.backlog import SLOT, Backlog
from strangler import assembly
from strangler.control import backfills, deliveries, standings
from strangler.control.store import Control
from strangler.cutover.stages import Stage
from strangler.testing.postgres import Server
from strangler.worker import Worker

MEANING: Final = {
    "ours": "translated, logged, stored",
    "peer": "Debezium embedded, to nowhere",
    "limit": "psycopg2 raw messages",
}


def main() -> None:
    arms.run(__doc__, ("updates", 500_000), arms.Benchmark("stream", MEANING, arms.postgresql, prepare))


def prepare(home: Path, server: Server, updates: int) -> dict[str, arms.Arm]:
    backlog = Backlog(home, server.create_database("legacy"), updates)
    return {"ours": lambda number: ours(backlog, number), "peer": backlog.peer, "limit": backlog.limit}


def ours(backlog: Backlog, number: int) -> float:
    settings = backlog.settings(number)
    backlog.copy_slot(SLOT)
    with closing(assembly.control(settings)) as control:
        let_flow(control)
        worker = Worker(settings, control, apart=True)
        began = time.monotonic()
        worker.start()
        try:
            while delivered(control) < backlog.target:
                time.sleep(0.02)
            seconds = time.monotonic() - began
        finally:
            worker.stop()
    with closing(assembly.store(settings, "store")) as store, closing(store.reader()) as reader:
        rows = next(iter(reader.rows("SELECT count(*) FROM partner WHERE discount IS NOT NULL")))[0]
    if rows != backlog.updates:
        raise SystemExit(f"the store has {rows} rows, not {backlog.updates}")
    return backlog.updates / seconds


def let_flow(control: Control) -> None:
    """Put the function into `syncing` with nothing to backfill, so that only the stream is measured."""
    standing = standings.of(control, "partners")
    standings.change(control, standing, replace(standing, stage=Stage.SYNCING), at=time.time())
    backfills.request(control, "partners", "partner")
    backfills.finish(control, "partners", "partner", run=1)


def delivered(control: Control) -> str:
    """Up to where the store is complete."""
    record = deliveries.get(control, "partners")
    return record.position if record else ""


if __name__ == "__main__":
    main()
