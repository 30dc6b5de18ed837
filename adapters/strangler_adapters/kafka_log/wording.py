"""Wording: what goes wrong with Kafka, in words that say what to do. The same for both drivers."""

from __future__ import annotations

from typing import Final

from strangler.errors import StoreError, Unavailable
from strangler_adapters.kafka_log.driver import Fenced
from strangler_adapters.kafka_log.limits import LARGEST_REQUEST
from strangler_adapters.kafka_log.opened import Opened
from strangler_adapters.kafka_log.options import Options


def unanswered(options: Options, error: object) -> Unavailable:
    """The broker doesn't answer, or is busy with itself."""
    return Unavailable(
        f"the Kafka log at {options.place} doesn't answer",
        why=str(error),
        do="see whether the brokers run and can be reached from here; it is tried again",
    )


def refused(options: Options, error: object) -> StoreError:
    """The broker answers no."""
    return StoreError(
        f"the Kafka log at {options.place} refuses",
        why=str(error),
        do="see that log.options.client says how to log in, and that this user may read, write, create and describe"
        f" topics and groups that begin with {options.prefix!r}, and use such transactional ids",
    )


_NAMES: Final = {
    "kafka-python": "kafka-python's (security_protocol, sasl_mechanism, …)",
    "confluent": "librdkafka's (security.protocol, sasl.mechanisms, …)",
}
"""Driver → by which names its client takes settings."""


def unusable(options: Options, error: object) -> StoreError:
    """The client library doesn't know a setting, or can't use its value."""
    return StoreError(
        f"log.options.client can't be used by driver {options.driver}",
        why=str(error),
        do=f"correct it: names and values are {_NAMES[options.driver]}",
    )


def fenced() -> Fenced:
    """Somebody else writes now."""
    return Fenced(
        "this process may no longer write into the Kafka log",
        why="another one has begun to write for the same source, or this one was silent for so long that the broker gave it up",
        do="nothing, unless two workers are meant to read the same source: only one can",
    )


def too_large(options: Options, event: str, size: int, topic: Opened) -> StoreError:
    """An event beyond what its topic takes."""
    cure = "leave the large column out of the mapping"
    if size < LARGEST_REQUEST // 2:
        alter = f"--alter --entity-type topics --entity-name {topic.name} --add-config max.message.bytes={LARGEST_REQUEST}"
        cure = f"kafka-configs.sh --bootstrap-server {options.servers[0]} {alter}, and start the worker again; or {cure}"
    return StoreError(
        f"the event {event} is too large for topic {topic.name}",
        why=f"it has {size:,} bytes, and the topic takes {topic.largest:,}",
        do=cure,
    )


def silent(options: Options, what: str) -> Unavailable:
    """Nothing came although there is something."""
    return unanswered(options, f"{what} didn't come within {options.timeout:g} s")
