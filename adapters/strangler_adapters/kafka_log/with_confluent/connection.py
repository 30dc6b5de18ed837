"""Connection: what every client of confluent-kafka is given, its errors in our words, and where partitions end."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka import admin as _admin

from strangler.errors import StranglerError
from strangler_adapters.kafka_log.driver import Place
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.wording import fenced, refused, unanswered, unusable

logger = logging.getLogger("strangler.log.kafka.client")

admin: Final[Any] = _admin
"""Its hints leave out what it exports."""

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
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.POLICY_VIOLATION,
}


@contextmanager
def translated(options: Options) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise translation(options, error.args[0]) from error


def translation(options: Options, error: KafkaError) -> StranglerError:
    code = error.code()
    if code in _FENCED:
        return fenced()
    if code == KafkaError._INVALID_ARG:
        return unusable(options, error)
    return refused(options, error) if code in _REFUSED else unanswered(options, error)


def settings(options: Options, **ours: Any) -> dict[str, Any]:
    """What a client is given: the user's settings, and over them `ours`, on which the guarantees hang; `_` stands for a dot."""
    return {
        "reconnect.backoff.max.ms": 1000,
        **options.client,
        "bootstrap.servers": ",".join(options.servers),
        "socket.timeout.ms": int(options.timeout * 1000),
        "logger": logger,
        "error_cb": _ignored,  # Without it, what the library logs anyway would be raised in the midst of its callbacks.
        **{name.replace("_", "."): value for name, value in ours.items()},
    }


def _ignored(error: KafkaError) -> None:
    """What matters is met again by the call that it concerns."""


def offsets(
    client: Any, options: Options, places: Sequence[Place], spec: Any, level: Any
) -> dict[Place, int]:
    """The offset of each that `spec` says (`OffsetSpec`), as a reader of this isolation level sees it."""
    asked = {TopicPartition(*place): spec for place in places}
    if not asked:
        return {}
    deadline = time.monotonic() + options.timeout
    patience = 0.0
    with translated(options):
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
