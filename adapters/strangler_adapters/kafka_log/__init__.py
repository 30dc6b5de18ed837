"""The event log in Kafka, for more than one machine: its parts, and how it is opened.

`log` is the log itself, over `reading`, `topics`, `records` and `partitioning`; `driver` is the seam to a client library,
of which there are two.
"""

from __future__ import annotations

from strangler.ports import EventLog
from strangler.settings import Log


def connect(name: str, settings: Log) -> EventLog:
    """The log of the migration `name`; connects to nothing yet. Raises StoreError for options that can't be."""
    from strangler_adapters.kafka_log import driver, options
    from strangler_adapters.kafka_log.log import KafkaLog

    read = options.read(name, settings)
    return KafkaLog(read, driver.load(read))
