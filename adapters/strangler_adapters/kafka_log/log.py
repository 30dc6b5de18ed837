"""The event log in Kafka: a topic for each function, partitioned by entity key; each append is one transaction.

With its events, a transaction writes how far the source is now into a topic of positions, so that both stand or fall
together. The transactional id is the source's: whoever begins to write for a source ends what its predecessor left open, and
fences it off. So a writer knows all that is recorded, and after an append with an unknown outcome the next one first
makes it known, and appends nothing twice.

A commit becomes visible in one partition after the other. What is recorded therefore says where the transaction's events
end, and a reader that has been told a position doesn't call a partition read before it is as far.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from typing import Final

from strangler.changes import Position
from strangler.errors import StoreError, StranglerError, Unavailable
from strangler.events import Event, check_facts
from strangler.ports import Address, Finding, Offset, Record, Share
from strangler_adapters.kafka_log import topics
from strangler_adapters.kafka_log.driver import Admin, Driver, Fenced, Place, Topic, Writer
from strangler_adapters.kafka_log.limits import OVERHEAD, WINDOW
from strangler_adapters.kafka_log.opened import Opened, OpenedTopics
from strangler_adapters.kafka_log.options import Options
from strangler_adapters.kafka_log.reading import Reading
from strangler_adapters.kafka_log.records import (
    NOWHERE,
    Reached,
    decode,
    decode_reached,
    encode,
    encode_reached,
)
from strangler_adapters.kafka_log.wording import fenced, silent, too_large

_LOOK_AGAIN: Final = 0.001
"""Seconds between two looks whether a commit is visible: it is, as a rule, at the first."""


class KafkaLog:
    """An `EventLog`; see the port. Connects when it is first used."""

    def __init__(self, options: Options, driver: Driver) -> None:
        self._options, self._driver = options, driver
        self._topics = OpenedTopics(options, driver)
        self._reading = Reading(options, driver.reader)
        self._writers: dict[str, Writer] = {}
        self._fenced: set[str] = set()
        self._recorded: dict[str, Reached] = {}
        self._recorded_until: dict[Place, int] = {}

    def append(self, source: str, events: Sequence[Event], position: Position | None) -> None:
        check_facts(events)
        writer = self._writer(source)
        if position is None and not events:
            return
        if position is not None:
            known = self._recorded.get(source, NOWHERE).position
            if position <= known:
                return
            events = [event for event in events if event.position > known]
        opened = {stream: self._topics.of_stream(stream) for stream in {event.function for event in events}}
        try:
            writer.begin()
            ends = self._send(writer, events, opened)
            if position is not None:
                reached = Reached(position, dict(ends))
                ends = {**ends, **self._record(writer, source, reached)}
                self._recorded[source] = reached
            writer.commit()
        except BaseException as error:
            self._give_up(source, error)
            raise
        self._await_visible(ends)

    def position(self, source: str) -> Position:
        self._catch_up(self._place_of_position(source))
        reached = self._recorded.get(source, NOWHERE)
        self._reading.expect(reached.ends)
        return reached.position

    def partitions(self, stream: str) -> int:
        return self._topics.of_stream(stream).partitions

    def read(self, stream: str, partition: int, start: Offset, limit: int) -> list[Record]:
        fetched, next = self._reading.read(self._place(stream, partition), start, limit)
        new = tuple.__new__
        records = [new(Record, (offset + 1, decode(stream, value))) for offset, _, value in fetched]
        if records:
            records[-1] = Record(Offset(next), records[-1].event)
        return records

    def begin(self, stream: str, partition: int) -> Offset:
        return Offset(self._reading.begin(self._place(stream, partition)))

    def end(self, stream: str, partition: int) -> Offset:
        return Offset(self._reading.end(self._place(stream, partition)))

    def share(self, stream: str) -> Share | None:
        topic = self._topics.of_stream(stream).name
        return self._driver.member(f"{topic}.delivery", topic)

    def address(self, stream: str) -> Address:
        return topics.address(self._options, stream)

    def examine(self, streams: Sequence[str], outage: float) -> list[Finding]:
        wanted = [topics.of_stream(self._options, stream) for stream in streams]
        wanted.append(topics.of_positions(self._options))
        with closing(self._driver.admin()) as admin:
            found = admin.topics([each.name for each in wanted])
            return [
                finding
                for each in wanted
                for finding in (
                    self._judge(each, found[each.name], outage)
                    if each.name in found
                    else self._rehearse(admin, each)
                )
            ]

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        self._reading.close()

    def _judge(self, wanted: topics.Wanted, topic: Topic, outage: float) -> Iterator[Finding]:
        yield from topics.check(self._options, wanted, topic, outage)
        yield from topics.rights(self._options, wanted, topic)

    def _rehearse(self, admin: Admin, wanted: topics.Wanted) -> Iterator[Finding]:
        """A topic that isn't there yet is made when it is first needed, if the broker lets us."""
        try:
            admin.rehearse(wanted.name, wanted.partitions, self._options.replication, wanted.settings)
        except StoreError as error:
            yield topics.unmakeable(self._options, wanted, error.why)

    def _place(self, stream: str, partition: int) -> Place:
        return Place(self._topics.of_stream(stream).name, partition)

    def _place_of_position(self, source: str) -> Place:
        return self._topics.of_positions().place(source.encode())

    def _writer(self, source: str) -> Writer:
        """The writer of the source. To open one is to know how the last append ended, whoever made it."""
        if source in self._fenced:
            raise fenced()
        if source not in self._writers:
            place = self._place_of_position(source)
            writer = self._driver.writer(f"{self._options.prefix}.{source}")
            try:
                # Not only what is committed: until nothing is undecided before the end as it is now.
                self._reading.expect(writer.ends([place]))
                self._catch_up(place)
            except BaseException:
                writer.close()
                raise
            self._writers[source] = writer
        return self._writers[source]

    def _send(
        self, writer: Writer, events: Sequence[Event], opened: Mapping[str, Opened]
    ) -> Mapping[Place, int]:
        """Send all events, and wait until the broker has them: place → where they end. `opened`: stream → topic."""
        size, places = 0, set()
        for event in events:
            topic = opened[event.function]
            key, value, headers = encode(event)
            if len(key) + len(value) + OVERHEAD > topic.largest:
                raise too_large(self._options, event.id, len(value), topic)
            place = topic.place(key)
            places.add(place)
            writer.send(place, key, value, headers)
            size += len(value)
            if size > WINDOW:
                writer.flush()
                size = 0
        writer.flush()
        return writer.ends(sorted(places))

    def _record(self, writer: Writer, source: str, reached: Reached) -> Mapping[Place, int]:
        place = self._place_of_position(source)
        writer.send(place, source.encode(), encode_reached(reached), [])
        writer.flush()
        return writer.ends([place])

    def _give_up(self, source: str, error: BaseException) -> None:
        """After a failed append: end the transaction if possible, and forget what might not be so."""
        writer = self._writers.pop(source)
        self._recorded.clear()
        self._recorded_until.clear()
        if isinstance(error, Fenced):
            self._fenced.add(source)
        elif not isinstance(error, Unavailable):
            with suppress(StranglerError):
                writer.abort()
        writer.close()

    def _await_visible(self, ends: Mapping[Place, int]) -> None:
        """Wait until readers see what was committed: the broker marks one partition after the other."""
        deadline = time.monotonic() + self._options.timeout
        hidden = dict(ends)
        while hidden:
            now = self._reading.ends(list(hidden))
            hidden = {place: end for place, end in hidden.items() if now[place] <= end}
            if hidden:
                if time.monotonic() > deadline:
                    raise silent(self._options, "the broker's mark that a transaction is complete")
                time.sleep(_LOOK_AGAIN)

    def _catch_up(self, place: Place) -> None:
        """Read what is recorded of the sources whose positions stand there."""
        if place not in self._recorded_until:
            self._recorded_until[place] = self._reading.begin(place)
        while True:
            fetched, next = self._reading.read(place, self._recorded_until[place], 1000)
            for _, key, value in fetched:
                self._recorded[key.decode()] = decode_reached(value)
            if not fetched:
                return
            self._recorded_until[place] = next
