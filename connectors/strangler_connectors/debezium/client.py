"""Clients of Kafka with settings that lose nothing, and Kafka's errors in Strangler's words.

kafka-python's defaults commit what nobody has made durable, begin at the end where an offset is missing, and show
records of transactions that were never committed. Here nothing is committed but what is asked for, a missing offset
is an error, and only what is committed is seen. No topic is created by merely being asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import kafka
from kafka import errors

from strangler.errors import SourceError, SourceLost, StranglerError, Unavailable
from strangler_connectors.debezium.options import Options
from strangler_connectors.debezium.security import require_usable

CONNECTION: Final = {
    "client_id": "strangler",
    "bootstrap_timeout_ms": 10_000,
    # A broker that is back is found within a second, not within half a minute.
    "reconnect_backoff_max_ms": 1_000,
}
READING: Final = {
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    "isolation_level": "read_committed",
    "check_crcs": True,
    "metrics_enabled": False,
    # Back-pressure: so much is fetched ahead of a reader that is busy, and not more.
    "fetch_max_bytes": 8 << 20,
    "max_partition_fetch_bytes": 4 << 20,
    "max_poll_records": 2_000,
    "fetch_max_wait_ms": 250,
}

# Without a handler a library's warnings go to stderr, in the middle of what a command prints; all that matters is raised.
logging.getLogger("kafka").addHandler(logging.NullHandler())


@contextmanager
def admin(options: Options, doing: str) -> Iterator[kafka.KafkaAdminClient]:
    """A client for topics and groups. `doing` says what is tried, e.g. `looking for the topic`."""
    with translated(options, doing):
        client = kafka.KafkaAdminClient(**_connection(options))
        try:
            yield client
        finally:
            client.close()


def consumer(options: Options, **settings: Any) -> kafka.KafkaConsumer:
    """A consumer with safe settings, `settings` on top; the caller closes it."""
    with translated(options, "connecting to Kafka"):
        made = kafka.KafkaConsumer(**(_connection(options) | READING | settings))
    # kafka-python 3.0 doesn't hand its setting on: a topic that is asked for before Debezium makes it would be made, in another shape.
    made._cluster.config["allow_auto_create_topics"] = False
    return made


@contextmanager
def lone_consumer(options: Options, doing: str) -> Iterator[kafka.KafkaConsumer]:
    """A consumer without a group: it reads where it is told to and leaves no trace."""
    opened = consumer(options)
    try:
        with translated(options, doing):
            yield opened
    finally:
        opened.close()


def _connection(options: Options) -> dict[str, Any]:
    require_usable(options.source, options.client)
    servers = [server.strip() for server in options.kafka.split(",") if server.strip()]
    return CONNECTION | options.client | {"bootstrap_servers": servers}


@contextmanager
def translated(options: Options, doing: str) -> Iterator[None]:
    """Turn Kafka's errors into Strangler's: `doing` says what was tried."""
    try:
        yield
    except errors.KafkaError as error:
        raise _translate(error, options, doing) from error
    except (ValueError, TypeError) as error:
        # What the library says of settings that it can't use.
        raise SourceError(
            f"source {options.source}: {doing} failed at Kafka {options.kafka}",
            why=f"the client can't use what it is given: {error}",
            do="correct options.kafka and options.client: kafka-python's names and values are meant",
        ) from error
    except (OSError, AssertionError) as error:
        # A name that doesn't resolve, a certificate that isn't one, a security setting that lacks its partner.
        raise Unavailable(
            f"source {options.source}: {doing} failed at Kafka {options.kafka}",
            why=str(error) or type(error).__name__,
            do="check options.kafka and options.client, and whether the broker is up",
        ) from error


def _translate(error: errors.KafkaError, options: Options, doing: str) -> StranglerError:
    what = f"source {options.source}: {doing} failed at Kafka {options.kafka}"
    why = " ".join(str(error).split())
    match error:
        case (
            errors.OffsetOutOfRangeError() | errors.LogTruncationError() | errors.NoOffsetForPartitionError()
        ):
            return lost(
                options, f"Kafka no longer has what was to be read next ({why}): retention removed it"
            )
        case errors.KafkaConfigurationError():
            return SourceError(what, why=why, do="correct options.client: kafka-python's names are meant")
        case errors.AuthorizationError():
            return SourceError(
                what, why=why, do="grant READ and DESCRIBE on the topics and READ on the group"
            )
        case errors.SaslAuthenticationFailedError() | errors.UnsupportedSaslMechanismError():
            return SourceError(what, why=why, do="correct the sasl_ settings in options.client")
        case errors.InconsistentGroupProtocolError() | errors.InvalidGroupIdError():
            why = f"the consumer group {options.group} is used by something else ({why})"
            return SourceError(what, why=why, do="set another options.group")
        case errors.CorruptRecordError() | errors.UnsupportedCodecError():
            return SourceError(what, why=why, do="see the broker's log: a record can't be read")
    return Unavailable(what, why=why, do="see whether the broker is up; this is tried again by itself")


def lost(options: Options, why: str) -> SourceLost:
    """The error for a gap: what happened, and the way out."""
    return SourceLost(
        f"source {options.source}: changes may be missing since the last position that is remembered", why=why
    )
