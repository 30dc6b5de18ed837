"""Pipeline: legacy PostgreSQL → Kafka → store on PostgreSQL, against Debezium → Kafka → Debezium's JDBC sink.

    python -m benchmarks.pipeline [--updates 200000] [--rounds 3] [--only pipeline]

Both arms drain the same backlog of updates through the same broker into a table of another database of the same server, and are counted
there. `ours` is what `strangler worker` runs with the event log on Kafka: mapped, positioned, in transactions. `peer` is Debezium's
PostgreSQL connector, a topic, and its JDBC sink with upserts by key, both on one Kafka Connect worker.

`pipeline-freshness` then writes at half of the rate that ours reached, and says how long a commit in legacy takes to be visible in
the store: milliseconds at the 50th and the 99th percentile.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from benchmarks import arms, partners
from benchmarks.backlog import SLOT, Backlog
from benchmarks.stream import let_flow
from strangler import assembly
from strangler.settings import Log, Settings
from strangler.testing import connect, kafka
from strangler.testing.postgres import Server
from strangler.worker import Worker

MEANING: Final = {
    "ours": "mapped, through Kafka, into the store",
    "peer": "Debezium, Kafka, JDBC sink",
}
JVM: Final = ("-Xmx1g", "-XX:+UseG1GC")
WITH_TYPES: Final = {
    f"{part}.converter{more}": value
    for part in ("key", "value")
    for more, value in (("", "org.apache.kafka.connect.json.JsonConverter"), (".schemas.enable", "true"))
}
"""The sink needs the types of its columns."""
PATIENCE: Final = 600.0
LOOK_AGAIN: Final = 0.1
SAMPLES: Final = 600
"""Commits whose way is timed."""
FIRST: Final = 1000
"""What partner 1 is numbered from: no update of the backlog gives it such a number."""


class Servers(NamedTuple):
    """Everything that both arms share."""

    postgres: Server
    kafka: kafka.Broker
    connect: connect.Worker


def main() -> None:
    arms.run(__doc__, ("updates", 200_000), arms.Benchmark("pipeline", MEANING, serve, prepare))


@contextmanager
def serve(home: Path) -> Iterator[Servers]:
    with (
        arms.postgresql(home) as postgres,
        kafka.broker(home / "kafka", jvm=JVM) as broker,
        connect.worker(broker, home / "connect", jvm=JVM) as worker,
    ):
        yield Servers(postgres, broker, worker)


def prepare(home: Path, servers: Servers, updates: int) -> dict[str, arms.Arm]:
    bench = Bench(home, servers, updates)
    return {"ours": bench.ours, "peer": bench.peer}


class Bench:
    """The backlog, and the two ways that it takes."""

    def __init__(self, home: Path, servers: Servers, updates: int) -> None:
        self._servers, self._updates, self._home = servers, updates, home
        self._backlog = Backlog(home, servers.postgres.create_database("legacy"), updates)

    def ours(self, number: int) -> float:
        self._backlog.copy_slot(SLOT)
        settings = self._settings(f"ours_{number}")
        store = settings.stores["store"].url.get_secret_value()
        with closing(assembly.control(settings)) as control:
            let_flow(control)
            worker = Worker(settings, control, apart=True)
            worker.start()
            try:
                seconds = _filling(store, partners.TABLE, self._updates)
                if number == 0:
                    self._report_freshness(store, self._updates / seconds / 2)
            finally:
                worker.stop()
        return self._updates / seconds

    def peer(self, number: int) -> float:
        name, slot = f"peer{number}", f"peer_{number}"
        self._backlog.copy_slot(slot)
        sink = self._servers.postgres.create_database(f"sink_{number}")
        self._register(f"{name}-sink", self._sink(name, sink))
        self._register(name, self._source(name, slot))
        try:
            seconds = _filling(sink, f"{name}_public_{partners.TABLE}", self._updates)
        finally:
            for each in (name, f"{name}-sink"):
                self._call("DELETE", f"/connectors/{each}")
        return self._updates / seconds

    def _settings(self, store: str) -> Settings:
        home = self._home / store
        home.mkdir()
        url = self._servers.postgres.create_database(store)
        settings = partners.settings(self._backlog.legacy, url, home)
        log = Log(
            kind="kafka",
            url=SecretStr(f"kafka://{self._servers.kafka.bootstrap}"),
            options={"prefix": store + os.path.basename(str(self._home))},
        )
        return settings.model_copy(update={"log": log})

    def _source(self, name: str, slot: str) -> dict[str, str]:
        database = make_url(self._backlog.legacy)
        return {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "database.hostname": str(database.host),
            "database.port": str(database.port),
            "database.user": str(database.username),
            "database.password": str(database.password),
            "database.dbname": str(database.database),
            "topic.prefix": name,
            "plugin.name": "pgoutput",
            "slot.name": slot,
            "publication.name": SLOT,
            "publication.autocreate.mode": "disabled",
            "snapshot.mode": "configuration_based",
            "snapshot.mode.configuration.based.start.stream": "true",
            "table.include.list": f"public.{partners.TABLE}",
            "tombstones.on.delete": "false",
            "max.batch.size": "8192",
            "max.queue.size": "32768",
            "producer.override.linger.ms": "20",
            "producer.override.batch.size": "524288",
        } | WITH_TYPES

    def _sink(self, name: str, url: str) -> dict[str, str]:
        database = make_url(url)
        return {
            "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
            "topics": f"{name}.public.partner",
            "connection.url": f"jdbc:postgresql://{database.host}:{database.port}/{database.database}?reWriteBatchedInserts=true",
            "connection.username": str(database.username),
            "connection.password": str(database.password),
            "insert.mode": "upsert",
            "primary.key.mode": "record_key",
            "schema.evolution": "basic",
            "batch.size": "5000",
            "use.reduction.buffer": "true",
            "dialect.postgres.unnest.insert.enabled": "true",
            "consumer.override.max.poll.records": "5000",
            "consumer.override.fetch.min.bytes": "262144",
        } | WITH_TYPES

    def _register(self, name: str, config: dict[str, str]) -> None:
        self._call("PUT", f"/connectors/{name}/config", config)

    def _call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            self._servers.connect.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def _report_freshness(self, settings: Settings, rate: float) -> None:
        store = settings.stores["store"].url.get_secret_value()
        ages = freshness(self._backlog.legacy, store, rate, self._updates)
        marks = statistics.quantiles(ages, n=100)
        line = {
            "benchmark": "pipeline-freshness",
            "unit": "ms",
            "rate": round(rate),
            "p50": round(marks[49] * 1000, 1),
            "p99": round(marks[98] * 1000, 1),
            "most": round(max(ages) * 1000, 1),
            "samples": len(ages),
        }
        print(json.dumps(line), file=sys.stderr, flush=True)


def freshness(legacy: str, store: str, rate: float, rows: int) -> list[float]:
    """Seconds from each of `SAMPLES` commits in legacy until it is visible in the store, while `rate` updates a second are written.

    A commit counts from when it was acknowledged. Partner 1 carries its number.
    """
    stop, committed = threading.Event(), dict[int, float]()
    writer = threading.Thread(target=_write, args=(legacy, rate, rows, committed, stop))
    with psycopg.connect(store, autocommit=True) as connection:
        writer.start()
        try:
            return _watch(connection, committed)
        finally:
            stop.set()
            writer.join()


def _write(legacy: str, rate: float, rows: int, committed: dict[int, float], stop: threading.Event) -> None:
    """Transactions of twenty rows at an even pace; each also numbers partner 1."""
    size, number, low = 20, FIRST, 1
    pause, due = size / rate, time.monotonic()
    with psycopg.connect(legacy, autocommit=True) as connection:
        while not stop.is_set():
            number += 1
            with connection.transaction():
                connection.execute(partners.UPDATE.format(low=low, high=low + size - 1).encode())
                connection.execute("UPDATE partner SET discount = %s WHERE id = 1", [number])
            committed[number] = time.monotonic()
            low = low + size if low + 2 * size < rows else 1
            due += pause
            stop.wait(max(0.0, due - time.monotonic()))


def _watch(connection: psycopg.Connection[Any], committed: dict[int, float]) -> list[float]:
    """Follow partner 1 in the store: whatever number stands there now, that commit and all before it are visible."""
    ages: list[float] = []
    seen, warm, deadline = FIRST, time.monotonic() + 3.0, time.monotonic() + 120.0
    while len(ages) < SAMPLES:
        row = connection.execute("SELECT discount FROM partner WHERE id = 1").fetchone()
        now = time.monotonic()
        if now > deadline:
            raise SystemExit("the store doesn't keep up with half of the rate that it reached")
        if row and row[0] in committed and row[0] != seen:
            # Between two looks only the oldest that became visible is the honest one: it waited longest.
            oldest = committed.get(seen + 1, committed[row[0]])
            seen = row[0]
            if now > warm:
                ages.append(max(0.0, now - oldest))
        time.sleep(0.002)
    return ages


def _filling(url: str, table: str, rows: int) -> float:
    """Seconds from the first row in the sink until there are all. Raises SystemExit when they don't come."""
    first, deadline = 0.0, time.monotonic() + PATIENCE
    with psycopg.connect(url, autocommit=True) as connection:
        while (count := _rows(connection, table)) < rows:
            now = time.monotonic()
            if count and not first:
                first = now
            if now > deadline:
                raise SystemExit(f"the sink has {count} rows, not {rows}")
            time.sleep(LOOK_AGAIN)
    return time.monotonic() - first


def _rows(connection: psycopg.Connection[Any], table: str) -> int:
    """How many rows the table has; none while it isn't there."""
    there = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone()
    if not there or not there[0]:
        return 0
    counted = connection.execute(f'SELECT count(*) FROM "{table}"'.encode()).fetchone()
    return int(counted[0]) if counted else 0


if __name__ == "__main__":
    main()
