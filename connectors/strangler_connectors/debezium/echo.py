"""The echo of a watermark: what is written into the heartbeat table comes back through Debezium and Kafka.

It proves that capture runs, and that all that was committed before the write has come through. It is read by a consumer
of its own, without a group, beside whatever stream is open.
"""

from __future__ import annotations

import secrets
import time
from typing import Any, Final

from kafka.structs import TopicPartition

from strangler.changes import Position
from strangler.errors import Unavailable
from strangler_connectors.databases import Database
from strangler_connectors.debezium import client, positions, registration, watermark
from strangler_connectors.debezium.envelope import RowMessage, decode
from strangler_connectors.debezium.options import Options

_LOOK: Final = 0.2
"""Seconds between two looks for a topic that Debezium makes with its first row."""


def echo(options: Options, database: Database, topic: str, timeout: float) -> Position:
    """Write a watermark and wait until it comes back in `topic`; its position.

    Before that the transactions end that were open at the write: what they committed before the watermark is
    visible then to whoever begins to read. Raises Unavailable after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    token = secrets.token_hex(16)
    with client.lone_consumer(options, "waiting for the echo of a watermark") as consumer:
        _go_to_end(consumer, topic)
        watermark.write(database, options.source, token)
        database.settle(timeout)
        while time.monotonic() < deadline:
            if not consumer.assignment() and not _find(consumer, topic):
                time.sleep(_LOOK)
                continue
            for records in consumer.poll(timeout_ms=int(_LOOK * 1000)).values():
                for record in records:
                    found = _position(options, record, token)
                    if found is not None:
                        return found
    registration.require_running(options)
    raise Unavailable(
        f"source {options.source}: what is written into {watermark.HEARTBEAT} doesn't come back within {timeout:g} s",
        why=f"it was looked for in the topic {topic}: Debezium is far behind, or doesn't capture that table",
        do=f"wait until it has caught up; table.include.list of the connector {options.connector} "
        f"has to name {watermark.HEARTBEAT}",
    )


def _go_to_end(consumer: Any, topic: str) -> None:
    if _find(consumer, topic):
        for at, end in consumer.end_offsets(list(consumer.assignment())).items():
            consumer.seek(at, end)


def _find(consumer: Any, topic: str) -> bool:
    """Assign the partitions of a topic, from their beginning; False if it isn't there yet."""
    there = [TopicPartition(topic, i) for i in sorted(consumer.partitions_for_topic(topic))]
    if there:
        consumer.assign(there)
        for at in there:
            consumer.seek(at, 0)
    return bool(there)


def _position(options: Options, record: Any, token: str) -> Position | None:
    # One look at the bytes spares the decoding of everything else that is on its way.
    if record.value is None or token.encode() not in record.value:
        return None
    message = decode(record.key, record.value, record.headers)
    if not isinstance(message, RowMessage) or not watermark.echoes(
        message.after or {}, options.source, token
    ):
        return None
    return positions.whole(message.origin)
