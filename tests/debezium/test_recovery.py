"""Brokers and workers that die, slots and binlogs that vanish: what is read stays whole and in order, or the loss is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from strangler.changes import ORIGIN, Position
from strangler.errors import SourceLost, StranglerError, Unavailable
from strangler.ports import ChangeSource, ChangeStream
from strangler.testing import connect as kafka_connect
from strangler.testing import kafka as kafka_broker
from strangler.testing import mariadb as mariadb_server
from strangler.testing.change_source import commit, insert, read_until
from strangler_connectors.debezium import echo
from tests.debezium.landscape import Landscape, MariadbLandscape, PostgresLandscape
from tests.sources.slots import drop_slot

TABLES = {"customer": ["name"]}
PATIENCE = 90.0


class Reader:
    """Reads as the core does: what was read counts from its position on, and whatever is down is waited for."""

    def __init__(self, source: ChangeSource, identity: str, after: Position = ORIGIN) -> None:
        self._source, self._identity = source, identity
        self.after = after
        self.ids: list[int] = []
        self.interruptions = 0

    def read_until(self, enough: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not enough():
            try:
                self._read(enough, deadline)
            except Unavailable:
                self.interruptions += 1
            assert time.monotonic() < deadline, (
                f"{len(self.ids)} rows were read, {self.interruptions} interruptions"
            )

    def _read(self, enough: Callable[[], bool], deadline: float) -> None:
        with self._source.stream(self.after, self._identity) as stream:
            while not enough() and time.monotonic() < deadline:
                transaction = stream.read(0.2)
                if transaction is not None:
                    assert transaction.position > self.after
                    self.ids += [change.after["id"] for change in transaction.changes if change.after]
                    self.after = transaction.position
                    stream.acknowledge(self.after)


def read_on(stream: ChangeStream, through: type[Exception] | None = None) -> None:
    """Read until an error comes, other than one that is to be waited `through`."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            stream.read(0.5)
        except StranglerError as error:
            if through is None or not isinstance(error, through):
                raise


def read_on_after_reset(legacy: Landscape, source: ChangeSource, lost: str, log_at: Position) -> None:
    """Begin as the core does after a reset, where the log has the source up to `log_at`; `lost` is the capture that was remembered."""
    identity = source.prepare(anew=True)
    assert identity != lost
    safe = source.safe_position(30)
    assert safe > log_at
    commit(legacy, insert("customer", id=90))
    reader = Reader(source, identity, safe)
    reader.read_until(lambda: bool(reader.ids))
    commit(legacy, insert("customer", id=91))
    reader.read_until(lambda: len(reader.ids) > 1)
    assert reader.ids == [90, 91]
    assert source.prepare() == identity
    with pytest.raises(SourceLost, match="made anew"):
        source.stream(log_at, lost)


class Writer:
    """An ERP that goes on writing, whatever happens to Kafka."""

    def __init__(self, legacy: Landscape) -> None:
        self._legacy, self._stop, self.written = legacy, threading.Event(), 0
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._stop.wait(0.01):
            rows = [insert("customer", id=self.written + i, name="n") for i in range(3)]
            commit(self._legacy, *rows)
            self.written += 3


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[kafka_broker.Broker]:
    with kafka_broker.broker() as broker:
        yield broker


@pytest.fixture(scope="module")
def own_connect(own_kafka: kafka_broker.Broker) -> Iterator[kafka_connect.Worker]:
    with kafka_connect.worker(own_kafka) as worker:
        yield worker


@pytest.fixture
def fragile(
    postgres_url: str, own_kafka: kafka_broker.Broker, own_connect: kafka_connect.Worker, prefix: str
) -> Iterator[PostgresLandscape]:
    landscape = PostgresLandscape(postgres_url, own_kafka.bootstrap, own_connect.url, prefix)
    yield landscape
    landscape.source(TABLES).drop()


@pytest.fixture
def legacy(
    postgres_url: str, kafka: kafka_broker.Standing, connect: kafka_connect.Standing, prefix: str
) -> Iterator[PostgresLandscape]:
    landscape = PostgresLandscape(postgres_url, kafka.bootstrap, connect.url, prefix)
    yield landscape
    landscape.source(TABLES).drop()


@pytest.mark.slow
def test_broker_and_connect_are_killed_in_mid_stream_and_nothing_is_lost_or_doubled(
    fragile: PostgresLandscape, own_kafka: kafka_broker.Broker, own_connect: kafka_connect.Worker
) -> None:
    with closing(fragile.source(TABLES, heartbeat=1.0)) as source:
        reader = Reader(source, source.prepare())
        with Writer(fragile) as writer:
            for victim in (own_connect, own_kafka):
                reached = len(reader.ids)
                reader.read_until(lambda reached=reached: len(reader.ids) > reached + 100)
                victim.kill()
                reviving = threading.Thread(target=victim.start)
                reviving.start()
                reader.read_until(lambda thread=reviving: not thread.is_alive())
            reached = writer.written
            reader.read_until(lambda: len(reader.ids) > reached)
        reader.read_until(lambda: len(reader.ids) >= writer.written)
    assert reader.ids == list(range(writer.written))


def test_a_broker_that_is_gone_is_said_and_waited_for(
    fragile: PostgresLandscape, own_kafka: kafka_broker.Broker
) -> None:
    with closing(fragile.source(TABLES, heartbeat=1.0)) as source:
        identity = source.prepare()
        with source.stream(ORIGIN, identity) as stream:
            own_kafka.kill()
            try:
                with pytest.raises(Unavailable, match="Kafka") as gone:
                    read_on(stream)
                assert gone.value.do
                with pytest.raises(Unavailable):
                    source.safe_position(1)
            finally:
                own_kafka.start()
        reader = Reader(source, identity)
        commit(fragile, insert("customer", id=1, name="after"))
        reader.read_until(lambda: reader.ids == [1])


def test_a_slot_that_was_dropped_is_noticed_by_an_open_stream(legacy: PostgresLandscape) -> None:
    with closing(legacy.source(TABLES, heartbeat=1.0)) as source:
        identity = source.prepare()
        with source.stream(ORIGIN, identity) as stream:
            commit(legacy, insert("customer", id=1))
            read_until(stream, lambda so_far: any(t.changes for t in so_far))
            legacy.stop_connector()
            with legacy.cursor() as execute:
                drop_slot(execute, legacy.slot)
            commit(legacy, insert("customer", id=2))
            with pytest.raises(SourceLost, match="no longer there"):
                read_on(stream)
        with pytest.raises(SourceLost):
            source.stream(ORIGIN, identity)


def test_after_a_dropped_slot_a_reset_reads_on(legacy: PostgresLandscape) -> None:
    with closing(legacy.source(TABLES, heartbeat=1.0)) as source:
        identity = source.prepare()
        at = read_one(legacy, source, identity)
        legacy.stop_connector()
        with legacy.cursor() as execute:
            drop_slot(execute, legacy.slot)
        legacy.resume_connector()
        with pytest.raises(SourceLost):
            source.stream(at, identity)
        read_on_after_reset(legacy, source, identity, at)


def test_a_slot_that_debezium_made_anew_is_noticed(legacy: PostgresLandscape) -> None:
    with closing(legacy.source(TABLES, heartbeat=1.0)) as source:
        identity = source.prepare()
        with source.stream(ORIGIN, identity) as stream:
            commit(legacy, insert("customer", id=1))
            after = read_until(stream, lambda so_far: any(t.changes for t in so_far))[-1].position
        legacy.stop_connector()
        with legacy.cursor() as execute:
            drop_slot(execute, legacy.slot)
        commit(legacy, insert("customer", id=2))
        legacy.resume_connector()
        legacy.until_task("FAILED")
        with pytest.raises(SourceLost):
            source.stream(after, identity)


def test_a_topic_whose_unread_records_were_removed_is_noticed(legacy: PostgresLandscape) -> None:
    with closing(legacy.source(TABLES, heartbeat=1.0)) as source:
        identity = source.prepare()
        with source.stream(ORIGIN, identity) as stream:
            commit(legacy, insert("customer", id=1))
            read_until(stream, lambda so_far: any(t.changes for t in so_far))
        legacy.remove_records(f"{legacy.prefix}.changes")
        with pytest.raises(SourceLost, match="retention"):
            source.stream(ORIGIN, identity)


@pytest.mark.parametrize("kind", [PostgresLandscape, MariadbLandscape])
def test_after_records_were_removed_from_the_topic_a_reset_reads_on(
    kind: type[PostgresLandscape | MariadbLandscape], postgres_url: str, mariadb_url: str,
    kafka: kafka_broker.Standing, connect: kafka_connect.Standing, prefix: str,
) -> None:  # fmt: skip
    url = postgres_url if kind is PostgresLandscape else mariadb_url
    legacy = kind(url, kafka.bootstrap, connect.url, prefix)
    with closing(legacy.source(TABLES, heartbeat=1.0)) as source:
        try:
            identity = source.prepare()
            at = read_one(legacy, source, identity)
            commit(legacy, insert("customer", id=2))
            source.safe_position(30)
            legacy.remove_records(f"{legacy.prefix}.changes")
            with pytest.raises(SourceLost, match="retention"):
                source.stream(at, identity)
            read_on_after_reset(legacy, source, identity, at)
        finally:
            source.drop()


def test_after_a_heartbeat_that_never_came_a_reset_reads_on(legacy: PostgresLandscape) -> None:
    with closing(legacy.source(TABLES, heartbeat=30.0)) as source:
        identity = source.prepare()
        at = read_one(legacy, source, identity)
        with legacy.cursor() as execute:
            execute("UPDATE strangler_heartbeat SET beat = beat + 5", [])
        with source.stream(at, identity) as stream, pytest.raises(SourceLost, match="never came"):
            read_on(stream)
        read_on_after_reset(legacy, source, identity, at)


def test_a_reset_replaces_no_capture_that_is_being_read(legacy: PostgresLandscape) -> None:
    with closing(legacy.source(TABLES)) as source:
        identity = source.prepare()
        with source.stream(ORIGIN, identity) as stream:
            with pytest.raises(Unavailable, match="in use"):
                source.prepare(anew=True)
            commit(legacy, insert("customer", id=1))
            read_until(stream, lambda so_far: any(t.changes for t in so_far))


def test_a_capture_whose_making_was_interrupted_begins_with_the_next_try(
    legacy: PostgresLandscape, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It begins behind what the topic has of an earlier one, for that may have a gap."""
    with closing(legacy.source(TABLES)) as source:
        at = read_one(legacy, source, source.prepare())
        with monkeypatch.context() as patch:
            patch.setattr(echo, "echo", fail_to_come_back)
            with pytest.raises(Unavailable, match="doesn't come back"):
                source.prepare(anew=True)
        identity = source.prepare()
        commit(legacy, insert("customer", id=2))
        reader = Reader(source, identity)
        reader.read_until(lambda: bool(reader.ids))
        assert reader.ids == [2]
        assert reader.after > at


def fail_to_come_back(*_: object) -> Position:
    raise Unavailable("what is written doesn't come back")


def read_one(legacy: Landscape, source: ChangeSource, identity: str) -> Position:
    """Write a row and read up to it; its position."""
    commit(legacy, insert("customer", id=1))
    reader = Reader(source, identity)
    reader.read_until(lambda: reader.ids == [1])
    return reader.after


def purge(execute: Callable[[str, list[Any]], Any]) -> None:
    """Purge all but the newest binlog. The server keeps one as long as it believes that somebody reads it."""
    execute("FLUSH BINARY LOGS", [])
    deadline = time.monotonic() + 30
    while len(logs := execute("SHOW BINARY LOGS", [])) > 1:
        assert time.monotonic() < deadline, f"not purged: {logs}"
        execute(f"PURGE BINARY LOGS TO '{logs[-1][0]}'", [])


def test_a_purged_binlog_is_noticed_and_a_reset_reads_on(
    kafka: kafka_broker.Standing, connect: kafka_connect.Standing, prefix: str
) -> None:
    with mariadb_server.server() as server:
        url = server.create_database("erp")
        legacy = MariadbLandscape(url, kafka.bootstrap, connect.url, prefix)
        with closing(legacy.source(TABLES, heartbeat=1.0)) as source:
            identity = source.prepare()
            try:
                with source.stream(ORIGIN, identity) as stream:
                    commit(legacy, insert("customer", id=1))
                    read = read_until(stream, lambda so_far: any(t.changes for t in so_far))
                    legacy.stop_connector()
                    commit(legacy, insert("customer", id=2))
                    with legacy.cursor() as execute:
                        purge(execute)
                    legacy.resume_connector()
                    with pytest.raises(SourceLost, match="binlog"):
                        read_on(stream, through=Unavailable)
                read_on_after_reset(legacy, source, identity, read[-1].position)
            finally:
                source.drop()


def test_writes_that_are_numbered_otherwise_are_a_loss_and_never_a_safe_position(
    mariadb_url: str, kafka: kafka_broker.Standing, connect: kafka_connect.Standing, prefix: str
) -> None:
    """As after a failover to a server outside the replication domain that was read."""
    legacy = MariadbLandscape(mariadb_url, kafka.bootstrap, connect.url, prefix)
    with closing(legacy.source(TABLES)) as source:
        try:
            identity = source.prepare()
            at = read_one(legacy, source, identity)
            legacy.alter_notes("domain00000000", "domain00000007")
            with pytest.raises(SourceLost) as lost:
                source.safe_position(30)
            assert "another server's binlog" in str(lost.value.why)
            elsewhere = Position(at.replace("domain00000000", "domain00000007"))
            with (
                source.stream(elsewhere, identity) as stream,
                pytest.raises(SourceLost, match="another server"),
            ):
                read_on(stream)
        finally:
            source.drop()
