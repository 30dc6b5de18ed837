"""A process to be killed: appends to a Kafka log without end, from where the last one was killed.

python kafka_victim.py SERVERS PREFIX DRIVER
"""

from __future__ import annotations

import itertools
import sys
from typing import Any, Final

from pydantic import SecretStr

from strangler.ports import EventLog
from strangler.settings import Log
from strangler.testing import event_log
from strangler_adapters.kafka_log import connect

ROWS: Final = 200


def open_log(servers: str, prefix: str, driver: str, **options: Any) -> EventLog:
    """A log of three partitions, with its own topics by `prefix`."""
    options = {"prefix": prefix, "driver": driver, "partitions": 3, **options}
    return connect("test", Log(kind="kafka", url=SecretStr(f"kafka://{servers}"), options=options))


def append(log: EventLog, number: int) -> None:
    """Batch number n: each of `ROWS` rows once, at position n."""
    events = [event_log.event(number, key=row) for row in range(ROWS)]
    log.append("erp", events, event_log.at(number))


if __name__ == "__main__":
    opened = open_log(*sys.argv[1:])
    for number in itertools.count(int(opened.position("erp") or 0) + 1):
        append(opened, number)
