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

import psycopg2
from psycopg2.extras import LogicalReplicationConnection

from benchmarks import arms, debezium, partners
from strangler import assembly
from strangler.control import backfills, deliveries, standings
from strangler.control.store import Control
from strangler.cutover.stages import Stage
from strangler.settings import Settings
from strangler.testing.postgres import Server
from strangler.worker import Worker

SLOT: Final = "strangler_bench_legacy"
TEMPLATE: Final = "template_slot"
TRANSACTION: Final = 100
"""Rows in one transaction: between a dialogue's few and a batch job's thousands."""


MEANING: Final = {
    "ours": "translated, logged, stored",
    "peer": "Debezium embedded, to nowhere",
    "limit": "psycopg2 raw messages",
}


def main() -> None:
    arms.run("stream", __doc__, ("updates", 500_000), MEANING, prepare)


def prepare(home: Path, server: Server, updates: int) -> dict[str, arms.Arm]:
    bench = Bench(home, server.create_database("legacy"), updates)
    bench.make_backlog()
    return {"ours": bench.ours, "peer": bench.peer, "limit": bench.limit}


class Bench:
    """The backlog and the arms that drain it."""

    def __init__(self, home: Path, legacy: str, updates: int) -> None:
        self._home, self._legacy, self._updates = home, legacy, updates

    def make_backlog(self) -> None:
        partners.execute(
            self._legacy, partners.CREATE, partners.FILL.format(rows=self._updates), "VACUUM ANALYZE partner"
        )
        settings = self._settings(0)
        with closing(assembly.source(settings, "legacy")) as plain:
            mappings = assembly.mappings(settings, "partners", plain)
        with closing(assembly.source(settings, "legacy", assembly.captured(mappings))) as source:
            source.prepare()
            partners.execute(self._legacy, f"SELECT pg_copy_logical_replication_slot('{SLOT}', '{TEMPLATE}')")
            partners.execute(
                self._legacy,
                *(
                    partners.UPDATE.format(low=low, high=min(low + TRANSACTION, self._updates))
                    for low in range(0, self._updates, TRANSACTION)
                ),
            )
            self._target = source.safe_position(60.0)

    def ours(self, number: int) -> float:
        settings = self._settings(number)
        self._copy_slot(SLOT)
        with closing(assembly.control(settings)) as control:
            _let_flow(control)
            worker = Worker(settings, control, apart=True)
            began = time.monotonic()
            worker.start()
            try:
                while _delivered(control) < self._target:
                    time.sleep(0.02)
                seconds = time.monotonic() - began
            finally:
                worker.stop()
        with closing(assembly.store(settings, "store")) as store, closing(store.reader()) as reader:
            rows = next(iter(reader.rows("SELECT count(*) FROM partner WHERE discount IS NOT NULL")))[0]
        if rows != self._updates:
            raise SystemExit(f"the store has {rows} rows, not {self._updates}")
        return self._updates / seconds

    def peer(self, number: int) -> float:
        slot = f"peer_{number}"
        self._copy_slot(slot)
        settings = {
            "slot.name": slot,
            "publication.name": SLOT,
            "publication.autocreate.mode": "disabled",
            "snapshot.mode": "configuration_based",
            "snapshot.mode.configuration.based.start.stream": "true",
        }
        try:
            work = self._home / slot
            return debezium.rate(work, self._legacy, partners.TABLE, self._updates, settings)
        finally:
            self._drop_slot(slot)

    def limit(self, number: int) -> float:
        slot = f"limit_{number}"
        self._copy_slot(slot)
        connection = psycopg2.connect(self._legacy, connection_factory=LogicalReplicationConnection)
        try:
            cursor = connection.cursor()
            options = {"proto_version": "1", "publication_names": SLOT}
            cursor.start_replication(slot_name=slot, decode=False, options=options)
            began, seen = time.monotonic(), 0
            while seen < self._updates:
                message = cursor.read_message()
                if message is not None and message.payload[:1] == b"U":
                    seen += 1
            return self._updates / (time.monotonic() - began)
        finally:
            connection.close()
            self._drop_slot(slot)

    def _settings(self, number: int) -> Settings:
        home = self._home / f"round_{number}"
        home.mkdir(exist_ok=True)
        return partners.settings(self._legacy, f"sqlite:///{home}/store.db", home)

    def _copy_slot(self, name: str) -> None:
        self._drop_slot(name)
        partners.execute(self._legacy, f"SELECT pg_copy_logical_replication_slot('{TEMPLATE}', '{name}')")

    def _drop_slot(self, name: str) -> None:
        gone = (
            f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{name}'"
        )
        partners.execute(self._legacy, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots "
                         f"WHERE slot_name = '{name}' AND active", gone)  # fmt: skip


def _let_flow(control: Control) -> None:
    """Put the function into `syncing` with nothing to backfill, so that only the stream is measured."""
    standing = standings.of(control, "partners")
    standings.change(control, standing, replace(standing, stage=Stage.SYNCING), at=time.time())
    backfills.request(control, "partners", "partner")
    backfills.finish(control, "partners", "partner", run=1)


def _delivered(control: Control) -> str:
    record = deliveries.get(control, "partners")
    return record.position if record else ""


if __name__ == "__main__":
    main()
