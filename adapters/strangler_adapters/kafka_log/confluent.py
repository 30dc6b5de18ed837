"""The driver on confluent-kafka: librdkafka in C, several times as fast, for those who can install it.

See docs/decisions for what was measured. It is told the same as the other driver, in its own words.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import admin as _admin

from strangler.errors import StoreError, StranglerError
from strangler_adapters.kafka_log.driver import Arrival, Fetched, Headers, Place, Topic
from strangler_adapters.kafka_log.limits import (
    AHEAD,
    DIVIDE_WITHIN,
    FETCH_WAIT,
    HEARTBEAT_EVERY,
    LARGEST_REQUEST,
    SILENCE,
    TRANSACTION_WITHIN,
    WINDOW,
)
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.wording import fenced, refused, unanswered

logger = logging.getLogger("strangler.log.kafka.client")

admin: Final[Any] = _admin
"""Its hints leave out what it exports."""

FETCH: Final = 5000
"""Most records taken from the client at once."""

LINGER: Final = 5
"""Milliseconds that a record waits for others to share its batch; a flush doesn't wait for it."""

LOOK_AGAIN: Final = 0.02
"""Seconds between two questions for a partition that has no leader."""

_FENCED: Final = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
_LEADERLESS: Final = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._TIMED_OUT,
    KafkaError.REQUEST_TIMED_OUT,
}
"""A partition was only just made, or its leader has changed."""
_REFUSED: Final = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError._AUTHENTICATION,
    KafkaError._INVALID_ARG,
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.POLICY_VIOLATION,
}


class ConfluentDriver:
    """See `driver.Driver`."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def writer(self, id: str) -> _Writer:
        with _translated(self._options):
            return _Writer(self._options, id)

    def reader(self) -> _Reader:
        with _translated(self._options):
            return _Reader(self._options)

    def admin(self) -> _Admin:
        with _translated(self._options):
            return _Admin(self._options)

    def member(self, group: str, topic: str) -> _Member:
        with _translated(self._options):
            return _Member(self._options, group, topic)


@contextmanager
def _translated(options: Options) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise _translation(options, error.args[0]) from error


def _translation(options: Options, error: KafkaError) -> StranglerError:
    code = error.code()
    if code in _FENCED:
        return fenced()
    return refused(options, error) if code in _REFUSED else unanswered(options, error)


def _common(options: Options) -> dict[str, Any]:
    """What every client is given."""
    return {
        "bootstrap.servers": ",".join(options.servers),
        "socket.timeout.ms": int(options.timeout * 1000),
        "reconnect.backoff.max.ms": 1000,
        "allow.auto.create.topics": False,
        "logger": logger,
        "error_cb": _ignored,  # Without it, what the library logs anyway would be raised in the midst of its callbacks.
        **options.client,
    }


def _ignored(error: KafkaError) -> None:
    """What matters is met again by the call that it concerns."""


class _Writer:
    """Without a callback for each record: it would cost half as much as sending, and what is fatal then ends in a crash."""

    def __init__(self, options: Options, id: str) -> None:
        self._options = options
        common = _without(_common(options), "allow.auto.create.topics")
        self._admin = admin.AdminClient(common)
        self._producer = Producer(
            {
                **common,
                "acks": "all",
                "enable.idempotence": True,
                "transactional.id": id,
                "transaction.timeout.ms": int(TRANSACTION_WITHIN * 1000),
                "message.timeout.ms": int(options.timeout * 1000),
                "message.max.bytes": LARGEST_REQUEST,
                "queue.buffering.max.kbytes": 2 * (WINDOW + LARGEST_REQUEST) // 1024,
                "queue.buffering.max.messages": 1_000_000,
                "linger.ms": LINGER,
            }
        )
        with _translated(options):
            self._producer.init_transactions(options.timeout)

    def begin(self) -> None:
        with _translated(self._options):
            self._producer.begin_transaction()

    def send(self, place: Place, key: bytes, value: bytes, headers: Headers) -> None:
        topic, partition = place
        try:  # Not by `_translated`: entering and leaving it costs half as much as sending.
            self._producer.produce(topic, value, key, partition, headers=headers)
        except KafkaException as error:
            raise _translation(self._options, error.args[0]) from error
        except BufferError:
            self.flush()
            self.send(place, key, value, headers)

    def flush(self) -> None:
        with _translated(self._options):
            left = self._producer.flush(self._options.timeout)
        if left:
            raise unanswered(self._options, f"{left} records weren't confirmed")

    def ends(self, places: Sequence[Place]) -> Mapping[Place, int]:
        return _offsets(
            self._admin, self._options, places, admin.OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED
        )

    def commit(self) -> None:
        """A record that didn't arrive makes this fail."""
        with _translated(self._options):
            self._producer.commit_transaction(self._options.timeout)

    def abort(self) -> None:
        with _translated(self._options):
            self._producer.abort_transaction(self._options.timeout)

    def close(self) -> None:
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.flush(0)


class _Reader:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._next: dict[Place, int] = {}
        self._admin = admin.AdminClient(_without(_common(options), "allow.auto.create.topics"))
        self._consumer = Consumer(
            {
                **_common(options),
                "group.id": f"{options.prefix}.reading",  # Asked for, and not used: partitions are assigned by hand.
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": int(FETCH_WAIT * 1000),
                "queued.max.messages.kbytes": AHEAD // 1024,
                # How long it pauses when it is so much ahead: by default for a second, in which it would run dry.
                "fetch.queue.backoff.ms": int(FETCH_WAIT * 1000),
                "fetch.message.max.bytes": 1024 * 1024,
            }
        )

    def seek(self, place: Place, offset: int) -> None:
        with _translated(self._options):
            if place in self._next:
                self._consumer.incremental_unassign([TopicPartition(*place)])
            self._next[place] = offset
            self._consumer.incremental_assign([TopicPartition(*place, offset)])

    def poll(self, place: Place, wait: float) -> Iterable[Arrival]:
        with _translated(self._options):
            first = self._consumer.poll(wait)
            if first is None:
                return []
            messages: list[Any] = [first, *self._consumer.consume(FETCH, 0)]
        arrived: dict[Place, list[Fetched]] = {}
        for message in messages:
            if self._moves(message):
                at = Place(message.topic(), message.partition())
                records = arrived.setdefault(at, [])
                if message.error() is None:
                    records.append(Fetched(message.offset(), message.key(), message.value()))
                    self._next[at] = message.offset() + 1
                else:
                    self._next[at] = message.offset()
        return [Arrival(at, records, self._next[at]) for at, records in arrived.items()]

    def _moves(self, message: Any) -> bool:
        """Whether it is a record or the end of a partition. What may pass is left to pass. Raises what won't."""
        error = message.error()
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            return True
        translation = _translation(self._options, error)
        if isinstance(translation, StoreError) or error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise translation
        return False

    def pause(self, place: Place) -> None:
        self._consumer.pause([TopicPartition(*place)])

    def resume(self, place: Place) -> None:
        self._consumer.resume([TopicPartition(*place)])

    def ends(self, places: Sequence[Place]) -> dict[Place, int]:
        return self._offsets(places, admin.OffsetSpec.latest())

    def beginnings(self, places: Sequence[Place]) -> dict[Place, int]:
        return self._offsets(places, admin.OffsetSpec.earliest())

    def _offsets(self, places: Sequence[Place], spec: Any) -> dict[Place, int]:
        return _offsets(self._admin, self._options, places, spec, IsolationLevel.READ_COMMITTED)

    def close(self) -> None:
        with suppress(KafkaException):
            self._consumer.close()


class _Admin:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._client = admin.AdminClient(_without(_common(options), "allow.auto.create.topics"))

    def topics(self, names: Sequence[str]) -> dict[str, Topic]:
        with _translated(self._options):
            known = self._client.list_topics(timeout=self._options.timeout).topics
            found = {name: known[name].partitions.values() for name in names if name in known}
            if not found:
                return {}
            wanted = [admin.ConfigResource(admin.ResourceType.TOPIC, name) for name in found]
            answers = self._client.describe_configs(wanted, request_timeout=self._options.timeout)
            settings = {resource.name: answer.result() for resource, answer in answers.items()}
        return {
            name: Topic(
                len(partitions),
                min(len(each.replicas) for each in partitions),
                {key: entry.value or "" for key, entry in settings[name].items()},
            )
            for name, partitions in found.items()
        }

    def create(
        self, name: str, partitions: int, replication: int | None, settings: Mapping[str, str]
    ) -> None:
        topic = admin.NewTopic(name, partitions, replication or -1, config=dict(settings))
        timeout = self._options.timeout
        with _translated(self._options):
            answers = self._client.create_topics([topic], operation_timeout=timeout, request_timeout=timeout)
            try:
                answers[name].result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
            deadline = time.monotonic() + timeout
            while not self._leads(name):
                if time.monotonic() > deadline:
                    raise unanswered(
                        self._options, f"topic {name} isn't there {timeout:g} s after it was made"
                    )
                time.sleep(LOOK_AGAIN)

    def _leads(self, name: str) -> bool:
        """Whether each partition of the topic has a leader by now."""
        topic = self._client.list_topics(timeout=self._options.timeout).topics.get(name)
        return topic is not None and all(each.leader >= 0 for each in topic.partitions.values())

    def close(self) -> None:
        """Nothing to say goodbye to."""


class _Member:
    """The client's own thread sends the heartbeats; its partitions are paused, so that it fetches nothing."""

    def __init__(self, options: Options, group: str, topic: str) -> None:
        self._options = options
        self._mine: frozenset[int] = frozenset()
        self._consumer = Consumer(
            {
                **_common(options),
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "latest",
                "partition.assignment.strategy": "range",
                "session.timeout.ms": int(SILENCE * 1000),
                "heartbeat.interval.ms": int(HEARTBEAT_EVERY * 1000),
                "max.poll.interval.ms": int(DIVIDE_WITHIN * 1000),
            }
        )
        self._consumer.subscribe(
            [topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.assign(partitions)
        consumer.pause(partitions)
        self._mine = frozenset(each.partition for each in partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._mine = frozenset()

    def partitions(self) -> frozenset[int]:
        with _translated(self._options):
            self._consumer.poll(0)
        return self._mine

    def close(self) -> None:
        with suppress(KafkaException):
            self._consumer.close()


def _without(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != name}


def _offsets(
    client: Any, options: Options, places: Sequence[Place], spec: Any, level: Any
) -> dict[Place, int]:
    asked = {TopicPartition(*place): spec for place in places}
    if not asked:
        return {}
    deadline = time.monotonic() + options.timeout
    patience = 0.0
    with _translated(options):
        while True:
            # The library asks again by itself, but only after seconds, where a leader isn't known at once.
            patience = min(2 * patience + 0.25, options.timeout)
            answers = client.list_offsets(asked, isolation_level=level, request_timeout=patience)
            try:
                return {Place(at.topic, at.partition): each.result().offset for at, each in answers.items()}
            except KafkaException as error:
                if error.args[0].code() not in _LEADERLESS or time.monotonic() > deadline:
                    raise
            time.sleep(LOOK_AGAIN)
            for topic in {place.topic for place in places}:
                client.list_topics(topic, timeout=options.timeout)  # Learns who leads now.
