"""Pipeline: legacy PostgreSQL → Kafka → store on PostgreSQL, against Debezium → Kafka → Debezium's JDBC sink.

    python -m benchmarks.pipeline [--updates 200000] [--rounds 3] [--only pipeline]

Both arms drain the same backlog of updates through the same broker into a table of another database of the same server, and are
counted there, from the first row to the last. `ours` is what `strangler worker` runs with the event log on Kafka: mapped, positioned,
appended in transactions, delivered exactly once; with the driver on confluent-kafka and one partition, as the peer's topic has,
everything else as it is by default. `peer` is Debezium's PostgreSQL connector, a topic, and its JDBC sink, which delivers at least
once (`benchmarks/jdbc_sink.py` says how they are set). JVMs live through all rounds, so that they are warm after the first.

`pipeline-freshness` then writes at half of the rate that ours reached in the first round, and says how long a commit in legacy takes to
be visible in the store: milliseconds at the 50th and the 99th percentile of all transactions (`benchmarks/freshness.py`).
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from pydantic import SecretStr

from benchmarks import arms, freshness, jdbc_sink, partners
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

PARTITIONS: Final = 1
"""Of our topic, as of the peer's: one worker runs here. More are for more workers, and each costs a transaction of its own."""

KAFKA_JVM: Final = ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")
"""What Kafka's start script gives it."""

PATIENCE: Final = 600.0
LOOK_AGAIN: Final = 0.2
"""Seconds between two counts at the sink: a count costs the server some milliseconds."""


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
        kafka.broker(home / "kafka", jvm=KAFKA_JVM) as broker,
        connect.worker(broker, home / "connect", settings=jdbc_sink.WORKER, jvm=jdbc_sink.JVM) as worker,
    ):
        yield Servers(postgres, broker, worker)


def prepare(home: Path, servers: Servers, updates: int) -> dict[str, arms.Arm]:
    pipeline = Pipeline(home, servers, updates)
    return {"ours": pipeline.ours, "peer": pipeline.peer}


class Pipeline:
    """The backlog, and the two ways that it takes."""

    def __init__(self, home: Path, servers: Servers, updates: int) -> None:
        self._servers, self._updates, self._home = servers, updates, home
        self._sink = jdbc_sink.JdbcSink(servers.connect.url)
        self._backlog = Backlog(home, servers.postgres.create_database("legacy"), updates)

    def ours(self, number: int) -> float:
        self._backlog.copy_slot(SLOT)
        settings = self.settings(f"ours_{number}")
        store = settings.stores["store"].url.get_secret_value()
        with closing(assembly.control(settings)) as control:
            let_flow(control)
            worker = Worker(settings, control, apart=True)
            worker.start()
            try:
                rate = self._updates / filling(store, partners.TABLE, self._updates)
                if number == 0:  # What is numbered stays in the legacy table.
                    self._report_freshness(store, rate / 2)
            finally:
                worker.stop()
        return rate

    def peer(self, number: int) -> float:
        slot = f"peer_{number}"
        self._backlog.copy_slot(slot)
        store = self._servers.postgres.create_database(f"sink_{number}")
        with self._sink.running(slot, slot, SLOT, self._backlog.legacy, store) as table:
            return self._updates / filling(store, table, self._updates, self._sink.require_running)

    def settings(self, name: str) -> Settings:
        """The migration called `name`, with control store, topics and store of its own."""
        home = self._home / name
        home.mkdir()
        url = self._servers.postgres.create_database(name)
        settings = partners.settings(self._backlog.legacy, url, home)
        options = {"prefix": name, "driver": "confluent", "partitions": PARTITIONS}
        place = SecretStr(f"kafka://{self._servers.kafka.bootstrap}")
        return settings.model_copy(update={"log": Log(kind="kafka", url=place, options=options)})

    def _report_freshness(self, store: str, rate: float) -> None:
        ages, written = freshness.measure(self._backlog.legacy, store, rate, self._updates)
        marks = [round(each * 1000, 1) for each in statistics.quantiles(ages, n=100)]
        line = {"benchmark": "pipeline-freshness", "unit": "ms", "rate": round(written)}
        line |= {"p50": marks[49], "p99": marks[98], "most": round(max(ages) * 1000, 1), "samples": len(ages)}
        print(json.dumps(line), flush=True)


def filling(url: str, table: str, rows: int, look: Callable[[], None] = lambda: None) -> float:
    """Seconds from the first row in the sink until there are all; `look` raises when they won't come. Raises SystemExit when they don't."""
    first, deadline = 0.0, time.monotonic() + PATIENCE
    with psycopg.connect(url, autocommit=True) as connection:
        while (count := _rows(connection, table)) < rows:
            now = time.monotonic()
            if count and not first:
                first = now
            if now > deadline:
                raise SystemExit(f"the sink has {count} rows, not {rows}")
            look()
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
