"""The writer on confluent-kafka: an idempotent producer with transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from confluent_kafka import IsolationLevel, KafkaException, Producer

from strangler_adapters.kafka_log.driver import Headers, Place
from strangler_adapters.kafka_log.limits import LARGEST_REQUEST, TRANSACTION_WITHIN, WINDOW
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.with_confluent.connection import (
    admin,
    offsets,
    settings,
    translated,
    translation,
)
from strangler_adapters.kafka_log.wording import unanswered

LINGER: Final = 1
"""Milliseconds that a record waits for others to share its batch; a flush doesn't wait for it."""


class Writer:
    """Without a callback for each record: it would cost half as much as sending, and what is fatal then ends in a crash."""

    def __init__(self, options: Options, id: str) -> None:
        self._options = options
        self._admin = admin.AdminClient(settings(options))
        self._producer = Producer(
            settings(
                options,
                acks="all",
                enable_idempotence=True,
                transactional_id=id,
                transaction_timeout_ms=int(TRANSACTION_WITHIN * 1000),
                message_timeout_ms=int(options.timeout * 1000),
                message_max_bytes=LARGEST_REQUEST,
                queue_buffering_max_kbytes=2 * (WINDOW + LARGEST_REQUEST) // 1024,
                queue_buffering_max_messages=1_000_000,
                linger_ms=LINGER,
            )
        )
        with translated(options):
            self._producer.init_transactions(options.timeout)

    def begin(self) -> None:
        with translated(self._options):
            self._producer.begin_transaction()

    def send(self, place: Place, key: bytes, value: bytes, headers: Headers) -> None:
        topic, partition = place
        try:  # Not by `translated`: entering and leaving it costs half as much as sending.
            self._producer.produce(topic, value, key, partition, headers=headers)
        except KafkaException as error:
            raise translation(self._options, error.args[0]) from error
        except BufferError:
            self.flush()
            self.send(place, key, value, headers)

    def flush(self) -> None:
        with translated(self._options):
            left = self._producer.flush(self._options.timeout)
        if left:
            raise unanswered(self._options, f"{left} records weren't confirmed")

    def ends(self, places: Sequence[Place]) -> Mapping[Place, int]:
        return offsets(
            self._admin, self._options, places, admin.OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED
        )

    def commit(self) -> None:
        """A record that didn't arrive makes this fail."""
        with translated(self._options):
            self._producer.commit_transaction(self._options.timeout)

    def abort(self) -> None:
        with translated(self._options):
            self._producer.abort_transaction(self._options.timeout)

    def close(self) -> None:
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.flush(0)
