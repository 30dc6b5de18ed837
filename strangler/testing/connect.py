"""A private Kafka Connect for tests, demos and benchmarks, with Debezium's connectors for PostgreSQL, MySQL and MariaDB
and its JDBC sink: one distributed worker, so that what is registered outlives a kill."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strangler.testing import java
from strangler.testing.kafka import Listening
from strangler.testing.kafka_jars import resolve
from strangler.testing.shared import Run

SETTINGS: Final = {
    "config.storage.replication.factor": "1",
    "offset.storage.replication.factor": "1",
    "status.storage.replication.factor": "1",
    "offset.storage.partitions": "1",
    "status.storage.partitions": "1",
    "key.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter.schemas.enable": "false",
    # What a kill makes it read twice stays little.
    "offset.flush.interval.ms": "500",
    # A worker that was killed counts as gone after six seconds instead of ten, and what it ran
    # is taken up at once instead of after five minutes in which it might come back.
    "session.timeout.ms": "6000",
    "heartbeat.interval.ms": "1000",
    "scheduled.rebalance.max.delay.ms": "0",
    # Every plugin here says in a file what it has; reading those is quicker than searching each class.
    "plugin.discovery": "service_load",
}
"""What differs from the defaults. Records are JSON without schemas unless a connector says otherwise."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A Kafka Connect that somebody else started and that others use too: not to be stopped."""

    url: str


class Worker(java.Process):
    """One private Kafka Connect. `url` is the base of its REST interface, without a slash at the end."""

    def __init__(
        self, broker: Listening, home: Path, port: int, group: str,
        settings: Mapping[str, str], jvm: Sequence[str],
    ) -> None:  # fmt: skip
        self.url = f"http://127.0.0.1:{port}"
        jars = resolve()
        own = {
            "bootstrap.servers": broker.bootstrap,
            "group.id": group,
            "config.storage.topic": f"{group}-config",
            "offset.storage.topic": f"{group}-offsets",
            "status.storage.topic": f"{group}-status",
            "listeners": self.url,
            "plugin.path": str(jars.plugins),
        }
        home.mkdir(parents=True, exist_ok=True)
        config = java.write_properties(home / "connect.properties", SETTINGS | own | dict(settings))
        main = "org.apache.kafka.connect.cli.ConnectDistributed"
        super().__init__(
            "Kafka Connect", java.command(main, str(config), classpath=jars.server, flags=jvm),
            home=home, log=home / "connect.log", answers=lambda: _is_healthy(self.url),
        )  # fmt: skip


@contextmanager
def worker(
    broker: Listening, path: Path | str | None = None, *, port: int = 0, group: str | None = None,
    settings: Mapping[str, str] | None = None, jvm: Sequence[str] = java.QUICK,
) -> Iterator[Worker]:  # fmt: skip
    """Start a private Kafka Connect on a broker and stop it at the end.

    What is registered lives in topics of the broker that are named after `group`; without one it is fresh. `port` 0
    takes a free one. `settings` are those of a worker, on top of `SETTINGS`; `jvm` are flags for Java. With `path` its
    log stays there. Raises Unavailable with the end of its log when it can't start.
    """
    home = Path(path) if path is not None else Path(tempfile.mkdtemp(prefix="strangler-connect-"))
    group = group or f"connect-{secrets.token_hex(4)}"
    try:
        running = Worker(broker, home.absolute(), port or java.free_port(), group, settings or {}, jvm)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        if path is None:
            shutil.rmtree(home, ignore_errors=True)


def standing_or_shared(run: Run, broker: Listening) -> Standing:
    """The Kafka Connect that `STRANGLER_TEST_CONNECT` names (a URL), or else one that all processes of a run share."""
    standing = os.environ.get("STRANGLER_TEST_CONNECT", "").rstrip("/")
    return Standing(standing or run.server("connect", "--bootstrap", broker.bootstrap))


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
