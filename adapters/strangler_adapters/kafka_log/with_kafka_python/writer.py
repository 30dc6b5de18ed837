"""The writer on kafka-python: an idempotent producer with transactions that end in bounded time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition, errors
from kafka.protocol.consumer import IsolationLevel, OffsetSpec

from strangler_adapters.kafka_log.driver import Headers, Place
from strangler_adapters.kafka_log.limits import CLOSE_WITHIN, LARGEST_REQUEST, TRANSACTION_WITHIN
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.with_kafka_python.connection import settings, translated, translation

BATCH: Final = 256 * 1024
"""Bytes of one batch of a partition: larger ones than the default, for a record costs less in a full batch."""


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


class Writer:
    """See `driver.Writer`."""

    def __init__(self, options: Options, id: str) -> None:
        self._options = options
        self._admin: KafkaAdminClient | None = None
        milliseconds = int(options.timeout * 1000)
        ours = settings(
            options,
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
        self._producer = _Producer(**ours)
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
        topic, partition = place
        try:  # Not by `_said`, which would cost a part of the sending itself.
            self._producer.send(topic, value, key, headers, partition)
        except errors.KafkaError as error:
            raise translation(self._options, self._producer.cause(error)) from error

    def flush(self) -> None:
        with self._said():
            self._producer.flush(self._options.timeout)

    def ends(self, places: Sequence[Place]) -> Mapping[Place, int]:
        latest = {TopicPartition(*place): OffsetSpec.LATEST for place in places}
        with translated(self._options):
            if self._admin is None:
                self._admin = KafkaAdminClient(**settings(self._options))
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
            raise translation(self._options, self._producer.cause(error)) from error
