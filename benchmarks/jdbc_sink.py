"""The peer of the pipeline: Debezium's PostgreSQL connector, a topic, and Debezium's JDBC sink, on one Kafka Connect worker.

They are set for throughput as their documentation has it: large batches and queues at the source, and at the sink large polls,
upserts by key, a buffer that keeps only the last change of a key, and batched inserts that the driver rewrites into one
statement. Rows travel flat (`ExtractNewRecordState`): that halved the work of the sink, which otherwise reads the old row,
the place in the source and the schema of all that with every change. What was tried and was not faster: arrays instead of rows
in an insert (`dialect.postgres.unnest.insert.enabled`, which also fails on dates unless `time.precision.mode` is `connect`),
and three partitions with three tasks.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy.engine import make_url

from benchmarks import partners
from strangler.errors import StranglerError

JVM: Final = ("-Xms256m", "-Xmx2g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")
"""What the start script of Kafka Connect gives it."""

WORKER: Final = {"offset.flush.interval.ms": "60000"}
"""Kafka Connect's default; tests have it commit more often."""

TYPED: Final = {
    # A connector's own converter: what a worker says of schemas counts for the worker's converter only.
    f"{part}.converter{more}": value
    for part in ("key", "value")
    for more, value in (("", "org.apache.kafka.connect.json.JsonConverter"), (".schemas.enable", "true"))
}
"""The sink needs the types of the columns."""


class JdbcSink:
    """Registers both connectors with the Kafka Connect at `connect`, and takes them away again."""

    def __init__(self, connect: str) -> None:
        self._connect = connect

    @contextmanager
    def running(self, name: str, slot: str, publication: str, legacy: str, store: str) -> Iterator[str]:
        """From the slot of `legacy` to the database `store` while the context lasts; gives the name of the table there."""
        connectors = {
            f"{name}-sink": _sink(name, store),
            f"{name}-source": _source(name, slot, publication, legacy),
        }
        for each, config in connectors.items():
            self._call("PUT", f"/connectors/{each}/config", config)
        try:
            yield f"{name}_public_{partners.TABLE}"
        finally:
            for each in connectors:
                self._call("DELETE", f"/connectors/{each}")

    def require_running(self) -> None:
        """Raise StranglerError with the words of a task that has failed."""
        told = self._call("GET", "/connectors?expand=status")
        for name, each in told.items():
            for task in each["status"]["tasks"]:
                if task["state"] == "FAILED":
                    raise StranglerError(f"the peer's {name} failed", why=task["trace"][-2000:])

    def _call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            self._connect + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = answer.read()
        return json.loads(said) if said else None


def _source(name: str, slot: str, publication: str, legacy: str) -> dict[str, str]:
    database = make_url(legacy)
    return TYPED | {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": str(database.host),
        "database.port": str(database.port),
        "database.user": str(database.username),
        "database.password": str(database.password),
        "database.dbname": str(database.database),
        "topic.prefix": name,
        "plugin.name": "pgoutput",
        "slot.name": slot,
        "publication.name": publication,
        "publication.autocreate.mode": "disabled",
        # No snapshot: it begins where the slot stands.
        "snapshot.mode": "configuration_based",
        "snapshot.mode.configuration.based.start.stream": "true",
        "table.include.list": f"public.{partners.TABLE}",
        "tombstones.on.delete": "false",
        "transforms": "flat",
        "transforms.flat.type": "io.debezium.transforms.ExtractNewRecordState",
        "transforms.flat.delete.tombstone.handling.mode": "rewrite",
        "max.batch.size": "8192",
        "max.queue.size": "32768",
        "producer.override.linger.ms": "20",
        "producer.override.batch.size": "524288",
    }


def _sink(name: str, store: str) -> dict[str, str]:
    database = make_url(store)
    place = f"{database.host}:{database.port}/{database.database}"
    return TYPED | {
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "topics": f"{name}.public.{partners.TABLE}",
        "connection.url": f"jdbc:postgresql://{place}?reWriteBatchedInserts=true",
        "connection.username": str(database.username),
        "connection.password": str(database.password),
        "insert.mode": "upsert",
        "primary.key.mode": "record_key",
        "schema.evolution": "basic",
        "use.reduction.buffer": "true",
        "batch.size": "5000",
        "consumer.override.max.poll.records": "5000",
        "consumer.override.fetch.min.bytes": "262144",
    }
