"""The reader on confluent-kafka: a consumer of partitions that are assigned by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition

from strangler.errors import StoreError
from strangler_adapters.kafka_log.driver import Arrival, Fetched, Place
from strangler_adapters.kafka_log.limits import AHEAD, FETCH_WAIT
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.with_confluent.connection import (
    admin,
    offsets,
    settings,
    translated,
    translation,
)

FETCH: Final = 5000
"""Most records taken from the client at once."""


class Reader:
    """See `driver.Reader`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._next: dict[Place, int] = {}
        self._admin = admin.AdminClient(settings(options))
        self._consumer = Consumer(
            settings(
                options,
                group_id=f"{options.prefix}.reading",  # Asked for, and not used: partitions are assigned by hand.
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                auto_offset_reset="error",
                isolation_level="read_committed",
                enable_partition_eof=True,
                fetch_wait_max_ms=int(FETCH_WAIT * 1000),
                queued_max_messages_kbytes=AHEAD // 1024,
                # How long it pauses when it is so much ahead: by default for a second, in which it would run dry.
                fetch_queue_backoff_ms=int(FETCH_WAIT * 1000),
                fetch_message_max_bytes=1024 * 1024,
            )
        )

    def seek(self, place: Place, offset: int) -> None:
        with translated(self._options):
            if place in self._next:
                self._consumer.incremental_unassign([TopicPartition(*place)])
            self._next[place] = offset
            self._consumer.incremental_assign([TopicPartition(*place, offset)])

    def poll(self, place: Place, wait: float) -> Iterable[Arrival]:
        with translated(self._options):
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
        told = translation(self._options, error)
        if isinstance(told, StoreError) or error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise told
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
        return offsets(self._admin, self._options, places, spec, IsolationLevel.READ_COMMITTED)

    def close(self) -> None:
        with suppress(KafkaException):
            self._consumer.close()
