"""The driver on confluent-kafka: librdkafka in C, several times as fast, for those who can install it.

See docs/decisions for what was measured. It is told the same as the other driver, in its own words.
"""

from __future__ import annotations

from typing import Final

from strangler_adapters.kafka_log.driver import Library
from strangler_adapters.kafka_log.with_confluent.admin import Admin
from strangler_adapters.kafka_log.with_confluent.connection import translated
from strangler_adapters.kafka_log.with_confluent.member import Member
from strangler_adapters.kafka_log.with_confluent.reader import Reader
from strangler_adapters.kafka_log.with_confluent.writer import Writer

LIBRARY: Final = Library(translated, Writer, Reader, Admin, Member)
