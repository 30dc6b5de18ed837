"""The driver on kafka-python: in pure Python, so that it installs everywhere.

Its defaults are for those who may lose a record; here nothing is committed behind our backs, nothing uncommitted is read,
no topic appears because its name was mistyped, and no call waits for ever.
"""

from __future__ import annotations

from typing import Final

from strangler_adapters.kafka_log.driver import Library
from strangler_adapters.kafka_log.with_kafka_python.admin import Admin
from strangler_adapters.kafka_log.with_kafka_python.connection import translated
from strangler_adapters.kafka_log.with_kafka_python.member import Member
from strangler_adapters.kafka_log.with_kafka_python.reader import Reader
from strangler_adapters.kafka_log.with_kafka_python.writer import Writer

LIBRARY: Final = Library(translated, Writer, Reader, Admin, Member)
