"""A member of a consumer group on confluent-kafka, by which workers divide the partitions of a topic."""

from __future__ import annotations

from contextlib import suppress

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from strangler_adapters.kafka_log.limits import DIVIDE_WITHIN, HEARTBEAT_EVERY, SILENCE
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.with_confluent.connection import settings, translated, translation


class Member:
    """The client's own thread sends the heartbeats; its partitions are paused, so that it fetches nothing."""

    def __init__(self, options: Options, group: str, topic: str) -> None:
        self._options = options
        self._mine: frozenset[int] = frozenset()
        self._consumer = Consumer(
            settings(
                options,
                group_id=group,
                enable_auto_commit=False,
                auto_offset_reset="latest",
                partition_assignment_strategy="range",
                session_timeout_ms=int(SILENCE * 1000),
                heartbeat_interval_ms=int(HEARTBEAT_EVERY * 1000),
                max_poll_interval_ms=int(DIVIDE_WITHIN * 1000),
            )
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
        with translated(self._options):
            message = self._consumer.poll(0)
        error = message and message.error()
        # After a batch that took too long it isn't a member any more; the next poll joins again.
        if error and error.code() != KafkaError._MAX_POLL_EXCEEDED:
            raise translation(self._options, error)
        return self._mine

    def close(self) -> None:
        with suppress(KafkaException):
            self._consumer.close()
