"""A private Kafka for tests, demos and benchmarks: one node that is broker and controller, from jars that Maven fetches.

Kafka comes as a distribution with shell scripts, which no package registry has; its classes are started directly here.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from strangler.errors import Unavailable
from strangler.testing import java
from strangler.testing.kafka_jars import resolve
from strangler.testing.shared import Run

SETTINGS: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    # One node holds everything once; a topic of Kafka's own has one partition, each of which would cost files and time.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # A consumer gets its partitions at once instead of after three seconds in which others might join,
    # and those of one that was killed after as short a time as it asks for.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # After a kill its controller waits until the broker that was counts as gone.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Half of a small heap would go to a cleaner that has little to clean.
    "log.cleaner.dedupe.buffer.size": "4194304",
}
"""What differs from the defaults. Topics are created when they are first written to, which is a default."""


class Listening(Protocol):
    """A Kafka that answers, private or standing. `bootstrap` is what its clients are given: host:port, or several."""

    @property
    def bootstrap(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """A Kafka that somebody else started and that others use too: not to be stopped."""

    bootstrap: str


class Broker(java.Process):
    """One private Kafka, at the same address and with the same data after each start."""

    def __init__(self, home: Path, port: int, settings: Mapping[str, str], jvm: Sequence[str]) -> None:
        self.bootstrap = f"127.0.0.1:{port}"
        self._data = home / "data"
        self._jars = resolve()
        controller = f"127.0.0.1:{java.free_port()}"
        addresses = {
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(self._data),
        }
        home.mkdir(parents=True, exist_ok=True)
        self._config = java.write_properties(home / "kafka.properties", SETTINGS | addresses | dict(settings))
        super().__init__(
            "Kafka", java.command("kafka.Kafka", str(self._config), classpath=self._jars.server, flags=jvm),
            home=home, log=home / "kafka.log", answers=lambda: _has_broker(port),
        )  # fmt: skip

    def start(self) -> None:
        """Start and wait until topics can be created; nothing happens when it runs already."""
        if not (self._data / "meta.properties").exists():
            self._format()
        super().start()

    def _format(self) -> None:
        arguments = ("format", "--cluster-id", "stranglerKafkaTesting0", "--config", str(self._config))
        result = subprocess.run(
            java.command("kafka.tools.StorageTool", *arguments, classpath=self._jars.server),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if result.returncode:
            raise Unavailable(f"Kafka can't prepare {self._data}", why=result.stdout.strip()[-3000:])


@contextmanager
def broker(
    path: Path | str | None = None, *, port: int = 0, settings: Mapping[str, str] | None = None,
    jvm: Sequence[str] = java.QUICK,
) -> Iterator[Broker]:  # fmt: skip
    """Start a private Kafka and stop it at the end.

    With `path` its data stays there for the next time, otherwise it is removed; `port` 0 takes a free one. `settings`
    are Kafka's, on top of `SETTINGS`; `jvm` are flags for Java. Raises Unavailable with the end of Kafka's log when
    it can't start.
    """
    home = Path(path) if path is not None else Path(tempfile.mkdtemp(prefix="strangler-kafka-"))
    try:
        running = Broker(home.absolute(), port or java.free_port(), settings or {}, jvm)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        if path is None:
            shutil.rmtree(home, ignore_errors=True)


def standing_or_shared(run: Run) -> Standing:
    """The Kafka that `STRANGLER_TEST_KAFKA` names (host:port), or else one that all processes of a run share."""
    return Standing(os.environ.get("STRANGLER_TEST_KAFKA") or run.server("kafka"))


METADATA: Final = struct.pack(">hhihi", 3, 1, 0, -1, 0)
"""A request of the Kafka protocol: Metadata, version 1, correlation 0, no client id, of no topics."""


def _has_broker(port: int) -> bool:
    # It accepts connections some time before it is part of its cluster of one and can hold a topic.
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(METADATA)) + METADATA)
            with connection.makefile("rb") as answer:
                _size, _correlation, brokers = struct.unpack(">iii", answer.read(12))
                return bool(brokers)
    except (OSError, struct.error):
        return False
