"""The consumer group: one member has everything, the others nothing, and who comes or goes costs no record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import InconsistentGroupProtocolError
from kafka.structs import TopicPartition

from strangler.errors import SourceLost, StranglerError, Unavailable
from strangler.testing.kafka import Standing
from strangler_connectors.debezium import consumer as consuming
from strangler_connectors.debezium.consumer import Consumer, require_free
from strangler_connectors.debezium.options import Options

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

PARTITIONS = 3


class Bench:
    """A topic of several partitions, and who writes into it and reads it."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self.topic = name
        self.options = Options(
            source="erp", url="postgresql://h/d", outage=1, kafka=bootstrap, connector=name, topic_prefix=name,
            group=name, connect_to="h:1",
        )  # fmt: skip
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        self.admin.create_topics([NewTopic(name, PARTITIONS, 1)])
        self._producer = KafkaProducer(bootstrap_servers=bootstrap)
        self.written = 0

    def write(self, count: int, topic: str = "") -> None:
        for _ in range(count):
            partition = self.written % (2 if topic else PARTITIONS)
            self._producer.send(topic or self.topic, b"%d" % self.written, partition=partition)
            self.written += 1
        self._producer.flush()

    def consumer(self) -> Consumer:
        return Consumer(
            self.options, [self.topic], {TopicPartition(self.topic, i): 0 for i in range(PARTITIONS)}
        )

    def members(self) -> list[Any]:
        found: list[Any] = self.admin.describe_groups([self.topic])[self.topic]["members"]
        return found

    def committed(self) -> dict[int, tuple[int, str]]:
        kept = self.admin.list_group_offsets({self.topic: None})[self.topic]
        return {at.partition: (offset.offset, offset.metadata) for at, offset in kept.items()}

    def close(self) -> None:
        self._producer.close()
        self.admin.close()


@pytest.fixture
def bench(kafka: Standing, prefix: str) -> Iterator[Bench]:
    bench = Bench(kafka.bootstrap, prefix)
    yield bench
    bench.close()


def values(records: list[Any]) -> list[int]:
    return [int(record.value) for record in records]


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't come about"


def read(consumer: Consumer, count: int) -> list[int]:
    got: list[int] = []
    until(lambda: got.extend(values(consumer.poll(0.1))) or len(got) >= count)
    return got


def test_one_member_has_every_partition(bench: Bench) -> None:
    bench.write(30)
    consumer = bench.consumer()
    try:
        assert sorted(read(consumer, 30)) == list(range(30))
        assert consumer.behind() == 0
    finally:
        consumer.close()
    assert bench.members() == []


def test_the_group_is_free_again_once_the_consumer_is_closed(bench: Bench) -> None:
    consumer = bench.consumer()
    with pytest.raises(Unavailable, match="in use"):
        require_free(bench.options)
    consumer.close()
    require_free(bench.options)


def test_a_second_member_comes_and_goes_without_loss_or_doubling(bench: Bench) -> None:
    bench.write(30)
    first = bench.consumer()
    got = read(first, 30)
    outcome: list[Consumer | StranglerError] = []

    def second() -> None:
        try:
            outcome.append(bench.consumer())
        except StranglerError as error:
            outcome.append(error)

    other = threading.Thread(target=second)
    other.start()
    while other.is_alive():
        bench.write(3)
        got += values(first.poll(0.05))
    other.join()
    until(lambda: len(bench.members()) == 1)
    bench.write(30)
    until(lambda: got.extend(values(first.poll(0.1))) or len(got) >= bench.written)
    first.close()
    (error,) = outcome
    assert isinstance(error, Unavailable)
    assert sorted(got) == list(range(bench.written))


def test_a_topic_that_is_made_later_is_read_from_its_beginning(bench: Bench) -> None:
    bench.write(9)
    later = f"{bench.topic}.later"
    consumer = Consumer(bench.options, [bench.topic, later], {})
    try:
        got = read(consumer, 9)
        bench.admin.create_topics([NewTopic(later, 2, 1)])
        bench.write(9, later)
        got += read(consumer, 9)
        bench.write(9)
        got += read(consumer, 9)
    finally:
        consumer.close()
    assert sorted(got) == list(range(27))


def test_a_member_that_divides_otherwise_is_refused_by_kafka(bench: Bench) -> None:
    ours = bench.consumer()
    theirs = KafkaConsumer(bench.topic, bootstrap_servers=bench.options.kafka, group_id=bench.topic)
    try:
        with pytest.raises(InconsistentGroupProtocolError):
            until(lambda: theirs.poll(timeout_ms=200))
        bench.write(9)
        assert sorted(read(ours, 9)) == list(range(9))
    finally:
        theirs.close()
        ours.close()


def test_who_is_busy_for_longer_than_a_session_keeps_the_group(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "SESSION", 1.5)
    bench.write(9)
    consumer = bench.consumer()
    got = read(consumer, 9)
    busy = time.monotonic() + 3 * 1.5
    while time.monotonic() < busy:
        assert len(bench.members()) == 1
    bench.write(9)
    got += read(consumer, 9)
    consumer.close()
    assert sorted(got) == list(range(18))


def test_offsets_are_committed_with_their_note_and_only_when_told(bench: Bench) -> None:
    bench.write(30)
    consumer = bench.consumer()
    read(consumer, 30)
    assert bench.committed() == {}
    consumer.commit({TopicPartition(bench.topic, 1): 4}, "first")
    until(lambda: bench.committed() == {1: (4, "first")})
    consumer.commit({TopicPartition(bench.topic, 1): 5, TopicPartition(bench.topic, 2): 2}, "second")
    consumer.close()
    assert bench.committed() == {1: (5, "second"), 2: (2, "second")}


def test_what_kafka_no_longer_has_is_a_loss(bench: Bench) -> None:
    bench.write(30)
    bench.admin.delete_records({TopicPartition(bench.topic, 0): 5})
    # Said at the first fetch, which joining the group may come to already.
    with pytest.raises(SourceLost, match="no longer has"), closing(bench.consumer()) as consumer:
        until(lambda: consumer.poll(0.2) and False)


def test_nothing_answers() -> None:
    options = Options(
        source="erp", url="postgresql://h/d", outage=1, kafka="127.0.0.1:1", connector="c", topic_prefix="c",
        group="c", connect_to="h:1", client={"bootstrap_timeout_ms": 500},
    )  # fmt: skip
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1") as refused:
        require_free(options)
    assert refused.value.do
