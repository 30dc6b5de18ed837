"""The driver on confluent-kafka: librdkafka in C, several times as fast, for those who can install it.

See docs/decisions for what was measured. It is told the same as the other driver, in its own words.
"""

from __future__ import annotations

from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.with_confluent.admin import Admin
from strangler_adapters.kafka_log.with_confluent.connection import translated
from strangler_adapters.kafka_log.with_confluent.member import Member
from strangler_adapters.kafka_log.with_confluent.reader import Reader
from strangler_adapters.kafka_log.with_confluent.writer import Writer


class ConfluentDriver:
    """See `driver.Driver`."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def writer(self, id: str) -> Writer:
        with translated(self._options):
            return Writer(self._options, id)

    def reader(self) -> Reader:
        with translated(self._options):
            return Reader(self._options)

    def admin(self) -> Admin:
        with translated(self._options):
            return Admin(self._options)

    def member(self, group: str, topic: str) -> Member:
        with translated(self._options):
            return Member(self._options, group, topic)
