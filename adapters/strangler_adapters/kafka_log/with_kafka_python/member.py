"""A member of a consumer group on kafka-python, by which workers divide the partitions of a topic."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from kafka import TopicPartition, errors
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.range import RangePartitionAssignor

from strangler_adapters.kafka_log.limits import CLOSE_WITHIN, DIVIDE_WITHIN, HEARTBEAT_EVERY, SILENCE
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.with_kafka_python.connection import consumer, translated

DIVISION: Final = 1.0
"""Seconds to take part in a division of partitions before the worker looks around whether it is to stop."""

DIVISION_POLL: Final = 50
"""Milliseconds of one poll meanwhile; it lasts that long even where the division ends sooner."""


class Member(ConsumerRebalanceListener):  # type: ignore[misc]
    """The client's own thread sends the heartbeats; its partitions are paused, so that it fetches nothing."""

    def __init__(self, options: Options, group: str, topic: str) -> None:
        self._options = options
        self._mine: frozenset[int] = frozenset()
        self._divided = False
        self._consumer = consumer(
            options,
            group_id=group,
            auto_offset_reset="earliest",
            partition_assignment_strategy=[RangePartitionAssignor],
            session_timeout_ms=int(SILENCE * 1000),
            heartbeat_interval_ms=int(HEARTBEAT_EVERY * 1000),
            max_poll_interval_ms=int(DIVIDE_WITHIN * 1000),
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
        with translated(self._options):
            self._consumer.poll(timeout_ms=0)
            # A division that ends while nobody polls is lost on the library, which begins another. So it is polled meanwhile.
            deadline = time.monotonic() + DIVISION
            while not self._divided and time.monotonic() < deadline:
                self._consumer.poll(timeout_ms=DIVISION_POLL)
        return self._mine

    def close(self) -> None:
        with suppress(errors.KafkaError):
            self._consumer.close(timeout_ms=CLOSE_WITHIN * 1000)
