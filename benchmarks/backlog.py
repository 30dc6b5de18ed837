"""The backlog: updates of business partners that wait in a replication slot, and two arms that drain it.

The slot is copied before the updates are made, once per arm and round, so that all of them drain the same bytes.
"""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg2
from psycopg2.extras import LogicalReplicationConnection

from benchmarks import debezium, partners
from strangler.changes import Position
from strangler.ports import ChangeSource
from strangler.settings import Settings

SLOT: Final = "strangler_bench_legacy"
TRANSACTION: Final = 100
"""Rows in one transaction: between a dialogue's few and a batch job's thousands."""

_TEMPLATE: Final = "template_slot"


class Backlog:
    """`updates` updates of as many partners in the PostgreSQL database `legacy`, behind the slot of the source of `settings`."""

    def __init__(self, home: Path, legacy: str, updates: int) -> None:
        self.home, self.legacy, self.updates = home, legacy, updates
        self.identity, self.target = self._make()

    def settings(self, number: int) -> Settings:
        """The migration of round `number`, with control store, log and store of its own."""
        home = self.home / f"round_{number}"
        home.mkdir(exist_ok=True)
        return partners.settings(self.legacy, f"sqlite:///{home}/store.db", home)

    def source(self) -> ChangeSource:
        """The source that captures what the mapping needs."""
        return partners.source(self.settings(0))

    def peer(self, number: int) -> float:
        """Debezium's embedded engine, to nowhere."""
        slot = f"peer_{number}"
        self.copy_slot(slot)
        settings = {
            "slot.name": slot,
            "publication.name": SLOT,
            "publication.autocreate.mode": "disabled",
            "snapshot.mode": "configuration_based",
            "snapshot.mode.configuration.based.start.stream": "true",
        }
        try:
            return debezium.rate(self.home / slot, self.legacy, partners.TABLE, self.updates, settings)
        finally:
            self._drop_slot(slot)

    def limit(self, number: int) -> float:
        """psycopg2 receives the same messages and drops them."""
        slot = f"limit_{number}"
        self.copy_slot(slot)
        connection = psycopg2.connect(self.legacy, connection_factory=LogicalReplicationConnection)
        try:
            cursor = connection.cursor()
            options = {"proto_version": "1", "publication_names": SLOT}
            cursor.start_replication(slot_name=slot, decode=False, options=options)
            began, seen = time.monotonic(), 0
            while seen < self.updates:
                message = cursor.read_message()
                if message is not None and message.payload[:1] == b"U":
                    seen += 1
            return self.updates / (time.monotonic() - began)
        finally:
            connection.close()
            self._drop_slot(slot)

    def copy_slot(self, name: str) -> None:
        """Make the slot `name` stand before the backlog."""
        self._drop_slot(name)
        partners.execute(self.legacy, f"SELECT pg_copy_logical_replication_slot('{_TEMPLATE}', '{name}')")

    def _make(self) -> tuple[str, Position]:
        fill = partners.FILL.format(rows=self.updates)
        partners.execute(self.legacy, partners.CREATE, fill, "VACUUM ANALYZE partner")
        with closing(self.source()) as source:
            identity = source.prepare()
            partners.execute(self.legacy, f"SELECT pg_copy_logical_replication_slot('{SLOT}', '{_TEMPLATE}')")
            partners.execute(
                self.legacy,
                *(
                    partners.UPDATE.format(low=low, high=min(low + TRANSACTION, self.updates))
                    for low in range(0, self.updates, TRANSACTION)
                ),
            )
            return identity, source.safe_position(60.0)

    def _drop_slot(self, name: str) -> None:
        partners.execute(
            self.legacy,
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots"
            f" WHERE slot_name = '{name}' AND active",
            f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{name}'",
        )
