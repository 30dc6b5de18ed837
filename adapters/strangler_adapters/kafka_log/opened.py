"""Opened topics: made when they are first needed and aren't there, and looked at once for what would lose something."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import NamedTuple

from strangler.errors import StoreError
from strangler_adapters.kafka_log import topics
from strangler_adapters.kafka_log.driver import Driver, Place
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.partitioning import partition_of

logger = logging.getLogger("strangler.log.kafka")


class Opened(NamedTuple):
    """A topic to be used: its name, how many partitions it has, and the bytes of the largest record that it takes."""

    name: str
    partitions: int
    largest: int

    def place(self, key: bytes) -> Place:
        """Where records of this key stand."""
        return Place(self.name, partition_of(key, self.partitions))


class OpenedTopics:
    """The topics of one log. Raises StoreError for one that would lose events or positions, with the command that mends it."""

    def __init__(self, options: Options, driver: Driver) -> None:
        self._options, self._driver = options, driver
        self._opened: dict[str, Opened] = {}

    def of_stream(self, stream: str) -> Opened:
        """Where the events of a function stand."""
        name = topics.name_of_stream(self._options, stream)
        return self._opened.get(name) or self._open(topics.of_stream(self._options, stream))

    def of_positions(self) -> Opened:
        """Where the positions of the sources stand."""
        name = topics.name_of_positions(self._options)
        return self._opened.get(name) or self._open(topics.of_positions(self._options))

    def _open(self, wanted: topics.Wanted) -> Opened:
        with closing(self._driver.admin()) as admin:
            found = admin.topics([wanted.name])
            if not found:
                logger.info("making a topic", extra={"topic": wanted.name})
                admin.create(wanted.name, wanted.partitions, self._options.replication, wanted.settings)
                found = admin.topics([wanted.name])
        topic = found[wanted.name]
        for finding in topics.check(self._options, wanted, topic, outage=0.0):
            if finding.blocks:
                raise StoreError(finding.what, do=finding.do)
        opened = Opened(wanted.name, topic.partitions, int(topic.settings["max.message.bytes"]))
        self._opened[wanted.name] = opened
        return opened
