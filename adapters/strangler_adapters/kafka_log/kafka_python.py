"""The driver on kafka-python: in pure Python, so that it installs everywhere.

Its defaults are for those who may lose a record; here nothing is committed behind our backs, nothing uncommitted is read,
no topic appears because its name was mistyped, and no call waits for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors
from kafka.admin import ConfigResource
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.protocol.consumer import IsolationLevel, OffsetSpec

from strangler.errors import StranglerError
from strangler_adapters.kafka_log.driver import Arrival, Fetched, Headers, Place, Topic
from strangler_adapters.kafka_log.limits import (
    CLOSE_WITHIN,
    DIVIDE_WITHIN,
    FETCH_WAIT,
    HEARTBEAT_EVERY,
    LARGEST_REQUEST,
    SILENCE,
    TRANSACTION_WITHIN,
)
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.wording import fenced, refused, unanswered

BATCH: Final = 256 * 1024
"""Bytes of one batch of a partition: larger ones than the default, for a record costs less in a full batch."""

FETCH: Final = 5000
"""Most records taken from the client at once."""

DIVISION: Final = 1.0
"""Seconds to take part in a division of partitions before the worker looks around whether it is to stop."""

DIVISION_POLL: Final = 50
"""Milliseconds of one poll meanwhile; it lasts that long even where the division ends sooner."""

_FENCED: Final = (errors.ProducerFencedError, errors.InvalidProducerEpochError)

_TRANSIENT: Final = (
    OSError,
    errors.RetriableError,
    errors.IllegalStateError,  # The client has closed itself.
    errors.InvalidTxnStateError,
    errors.InvalidProducerIdMappingError,
    errors.UnknownProducerIdError,
    errors.OutOfOrderSequenceNumberError,
    errors.TransactionAbortedError,
    errors.BrokerNotAvailableError,
)


class KafkaPythonDriver:
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
    except errors.KafkaError as error:
        raise _translation(options, error) from error
    except OSError as error:
        raise unanswered(options, error) from error


def _translation(options: Options, error: BaseException) -> StranglerError:
    if isinstance(error, _FENCED):
        return fenced()
    if isinstance(error, _TRANSIENT):
        return unanswered(options, error)
    return refused(options, error)


def _common(options: Options) -> dict[str, Any]:
    """What every client is given. The user's own settings come last but don't reach what the guarantees hang on."""
    milliseconds = int(options.timeout * 1000)
    return {
        "bootstrap_servers": list(options.servers),
        "bootstrap_timeout_ms": milliseconds,
        "request_timeout_ms": milliseconds,
        "reconnect_backoff_max_ms": 1000,
        **options.client,
    }


class _Producer(KafkaProducer):  # type: ignore[misc]
    """A producer whose transactions end in bounded time. The library's own waits until the broker is back."""

    def complete(self, commit: bool, seconds: float) -> None:
        manager = self._transaction_manager
        result = manager.begin_commit() if commit else manager.begin_abort()
        self._sender.wakeup()
        if not result.wait(timeout_ms=seconds * 1000):
            raise errors.KafkaTimeoutError(f"the end of a transaction wasn't confirmed within {seconds:g} s")

    def cause(self, error: errors.KafkaError) -> errors.KafkaError:
        """What really happened: once it has failed, the library says of every call only that it failed before."""
        last = self._transaction_manager.last_error
        return last if type(error) is errors.KafkaError and last is not None else error

    def abandon(self) -> None:
        """Close without waiting for what can't be sent."""
        self._sender.force_close()
        with suppress(errors.KafkaError):
            self.close(timeout=CLOSE_WITHIN)


class _Writer:
    def __init__(self, options: Options, id: str) -> None:
        self._options = options
        self._admin: KafkaAdminClient | None = None
        milliseconds = int(options.timeout * 1000)
        self._producer = _Producer(
            **_common(options),
            acks="all",
            enable_idempotence=True,
            transactional_id=id,
            transaction_timeout_ms=int(TRANSACTION_WITHIN * 1000),
            delivery_timeout_ms=milliseconds + 1000,
            max_block_ms=milliseconds,
            max_request_size=LARGEST_REQUEST,
            batch_size=BATCH,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
        try:
            with self._said():
                self._producer.init_transactions()
        except BaseException:
            self._producer.abandon()
            raise

    def begin(self) -> None:
        with self._said():
            self._producer.begin_transaction()

    def send(self, place: Place, key: bytes, value: bytes, headers: Headers) -> None:
        with self._said():
            topic, partition = place
            self._producer.send(topic, value, key, headers, partition)

    def flush(self) -> None:
        with self._said():
            self._producer.flush(self._options.timeout)

    def ends(self, places: Sequence[Place]) -> Mapping[Place, int]:
        latest = {TopicPartition(*place): OffsetSpec.LATEST for place in places}
        with _translated(self._options):
            if self._admin is None:
                self._admin = KafkaAdminClient(**_common(self._options))
            said = self._admin.list_partition_offsets(latest, IsolationLevel.READ_UNCOMMITTED)
        return {Place(*partition): each.offset for partition, each in said.items()}

    def commit(self) -> None:
        with self._said():
            self._producer.complete(True, self._options.timeout)

    def abort(self) -> None:
        with self._said():
            self._producer.complete(False, self._options.timeout)

    def close(self) -> None:
        self._producer.abandon()
        if self._admin is not None:
            self._admin.close()

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except errors.KafkaError as error:
            raise _translation(self._options, self._producer.cause(error)) from error


class _Reader:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._assigned: set[TopicPartition] = set()
        self._consumer = KafkaConsumer(
            **_common(options),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            fetch_max_wait_ms=int(FETCH_WAIT * 1000),
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )

    def seek(self, place: Place, offset: int) -> None:
        partition = TopicPartition(*place)
        with _translated(self._options):
            if partition not in self._assigned:
                self._assigned.add(partition)
                self._consumer.assign(self._assigned)
            self._consumer.seek(partition, offset)

    def poll(self, place: Place, wait: float) -> Iterable[Arrival]:
        with _translated(self._options):
            arrived = self._consumer.poll(timeout_ms=wait * 1000, max_records=FETCH)
            for partition in {TopicPartition(*place), *arrived}:
                records = [Fetched(each.offset, each.key, each.value) for each in arrived.get(partition, ())]
                yield Arrival(Place(*partition), records, self._consumer.position(partition))

    def pause(self, place: Place) -> None:
        self._consumer.pause(TopicPartition(*place))

    def resume(self, place: Place) -> None:
        self._consumer.resume(TopicPartition(*place))

    def ends(self, places: Sequence[Place]) -> dict[Place, int]:
        partitions = [TopicPartition(*place) for place in places]
        with _translated(self._options):
            return self._offsets(self._consumer.end_offsets, partitions)

    def beginnings(self, places: Sequence[Place]) -> dict[Place, int]:
        partitions = [TopicPartition(*place) for place in places]
        with _translated(self._options):
            return self._offsets(self._consumer.beginning_offsets, partitions)

    def _offsets(
        self, ask: Callable[..., dict[Any, int]], partitions: list[TopicPartition]
    ) -> dict[Place, int]:
        milliseconds = self._options.timeout * 1000
        try:
            found = ask(partitions, timeout_ms=milliseconds)
        except KeyError:
            # Asked of several partitions, the library leaves out those whose leader it has to find first, and trips over it.
            found = {}
            for partition in partitions:
                found |= ask([partition], timeout_ms=milliseconds)
        return {Place(*partition): offset for partition, offset in found.items()}

    def close(self) -> None:
        with suppress(errors.KafkaError):
            self._consumer.close(timeout_ms=CLOSE_WITHIN * 1000)


class _Admin:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._client = KafkaAdminClient(**_common(options))

    def topics(self, names: Sequence[str]) -> dict[str, Topic]:
        with _translated(self._options):
            found = {
                each["name"]: each["partitions"]
                for each in self._client.describe_topics(list(names))
                if not _error_of(each)
            }
            if not found:
                return {}
            wanted = [ConfigResource("TOPIC", name) for name in found]
            settings = self._client.describe_configs(wanted, config_filter="all")["topic"]
        return {
            name: Topic(
                len(partitions),
                min(len(each["replica_nodes"]) for each in partitions),
                {key: said["value"] or "" for key, said in settings[name].items()},
            )
            for name, partitions in found.items()
        }

    def create(
        self, name: str, partitions: int, replication: int | None, settings: Mapping[str, str]
    ) -> None:
        wanted = {
            "num_partitions": partitions,
            "replication_factor": replication or -1,
            "configs": dict(settings),
        }
        with _translated(self._options):
            with suppress(errors.TopicAlreadyExistsError):
                self._client.create_topics({name: wanted})
            self._client.wait_for_topics([name], timeout_ms=self._options.timeout * 1000)

    def close(self) -> None:
        with suppress(errors.KafkaError):
            self._client.close()


def _error_of(topic: Mapping[str, Any]) -> bool:
    """Whether the topic isn't there. Raises what else is wrong with it."""
    kind = errors.for_code(topic["error_code"])
    if kind not in (errors.NoError, errors.UnknownTopicOrPartitionError, errors.LeaderNotAvailableError):
        raise kind(topic["name"])
    return kind is errors.UnknownTopicOrPartitionError


class _Member(ConsumerRebalanceListener):  # type: ignore[misc]
    """The client's own thread sends the heartbeats; its partitions are paused, so that it fetches nothing."""

    def __init__(self, options: Options, group: str, topic: str) -> None:
        self._options = options
        self._mine: frozenset[int] = frozenset()
        self._divided = False
        self._consumer = KafkaConsumer(
            **_common(options),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=[RangePartitionAssignor],
            session_timeout_ms=int(SILENCE * 1000),
            heartbeat_interval_ms=int(HEARTBEAT_EVERY * 1000),
            max_poll_interval_ms=int(DIVIDE_WITHIN * 1000),
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
        self._consumer.subscribe([topic], listener=self)
        # A member that joins before it knows the topic's partitions may lead the division, and would divide none of them.
        self._consumer.partitions_for_topic(topic)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._mine, self._divided = frozenset(), False

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._consumer.pause(*assigned)
        self._mine, self._divided = frozenset(each.partition for each in assigned), True

    def partitions(self) -> frozenset[int]:
        with _translated(self._options):
            self._consumer.poll(timeout_ms=0)
            # A division that ends while nobody polls is lost on the library, which begins another. So it is polled meanwhile.
            deadline = time.monotonic() + DIVISION
            while not self._divided and time.monotonic() < deadline:
                self._consumer.poll(timeout_ms=DIVISION_POLL)
        return self._mine

    def close(self) -> None:
        with suppress(errors.KafkaError):
            self._consumer.close(timeout_ms=CLOSE_WITHIN * 1000)
