"""The driver on kafka-python: in pure Python, so that it installs everywhere.

Its defaults are for those who may lose a record; here nothing is committed behind our backs, nothing uncommitted is read,
no topic appears because its name was mistyped, and no call waits for ever.
"""

from __future__ import annotations

from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.with_kafka_python.admin import Admin
from strangler_adapters.kafka_log.with_kafka_python.connection import translated
from strangler_adapters.kafka_log.with_kafka_python.member import Member
from strangler_adapters.kafka_log.with_kafka_python.reader import Reader
from strangler_adapters.kafka_log.with_kafka_python.writer import Writer


class KafkaPythonDriver:
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
