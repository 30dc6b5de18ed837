"""Connection: what every client of kafka-python is given, and its errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from kafka import KafkaConsumer, errors

from strangler.errors import StranglerError
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.wording import fenced, refused, unanswered, unusable

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


@contextmanager
def translated(options: Options) -> Iterator[None]:
    try:
        yield
    except errors.KafkaError as error:
        raise translation(options, error) from error
    except OSError as error:
        raise unanswered(options, error) from error
    except (ValueError, TypeError, AssertionError) as error:  # Of settings that the library can't use.
        raise unusable(options, error) from error


def translation(options: Options, error: BaseException) -> StranglerError:
    if isinstance(error, _FENCED):
        return fenced()
    if isinstance(error, _TRANSIENT):
        return unanswered(options, error)
    if isinstance(error, errors.KafkaConfigurationError):
        return unusable(options, error)
    return refused(options, error)


def consumer(options: Options, **ours: Any) -> KafkaConsumer:
    """A consumer that commits nothing and makes no topic."""
    made = KafkaConsumer(**settings(options, enable_auto_commit=False, metrics_enabled=False, **ours))
    # kafka-python 3.0 doesn't hand the setting of this name on: a topic that was deleted would be made again, empty.
    made._cluster.config["allow_auto_create_topics"] = False
    return made


def settings(options: Options, **ours: Any) -> dict[str, Any]:
    """What a client is given: the user's settings, and over them `ours`, on which the guarantees hang."""
    milliseconds = int(options.timeout * 1000)
    return {
        "reconnect_backoff_max_ms": 1000,
        **options.client,
        "bootstrap_servers": list(options.servers),
        "bootstrap_timeout_ms": milliseconds,
        "request_timeout_ms": milliseconds,
        **ours,
    }
