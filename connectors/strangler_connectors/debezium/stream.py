"""The stream: records of Kafka in, whole transactions out, and offsets committed only for what was acknowledged.

Where nothing in Kafka tells that a table was altered (PostgreSQL), the tables are looked at, and records wait until a look that began
after they came: whatever was written in another shape is read only once the alteration was said.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from kafka.structs import TopicPartition

from strangler.changes import Position, Transaction
from strangler.errors import SourceError
from strangler_connectors.databases import Watch
from strangler_connectors.debezium.assembling import Assembled
from strangler_connectors.debezium.beats import Beats
from strangler_connectors.debezium.consumer import Consumer
from strangler_connectors.debezium.envelope import Message, decode, located
from strangler_connectors.debezium.offsets import Note, Unacknowledged, topics_note
from strangler_connectors.debezium.topics import Layout

_STEP: Final = 1.0
"""Longest single wait in seconds: so often it is asked whether it has been silent for too long."""

LOOK: Final = 5.0
"""Seconds between two looks at the watched tables, though nothing comes."""

_SOON: Final = 0.2
"""Least seconds between two looks for the sake of records that wait."""


class Putting(Protocol):
    """What puts messages together: an `Assembler` for one partition, a `Merger` for several."""

    def feed(self, message: Message, partition: int, offset: int) -> Sequence[Assembled]: ...


class DebeziumStream:
    """See `ChangeStream`. `look` is called after `patience` seconds of silence: it makes the source be heard, and raises where
    it can't be. `stands` is how the topics stand now and `layout` tells it again: their ids go into the note beside committed offsets,
    also those of topics that Debezium makes only when a table's first row comes. `watch` is closed with the stream."""

    def __init__(
        self, consumer: Consumer, putting: Putting, beats: Beats, stands: Layout, layout: Callable[[], Layout],
        look: Callable[[], None], patience: float, watch: Watch | None,
    ) -> None:  # fmt: skip
        self._consumer, self._putting, self._beats = consumer, putting, beats
        self._stands, self._layout, self._note = stands, layout, topics_note(stands)
        self._look, self._patience, self._watch = look, patience, watch
        self._waiting: list[Any] = []
        self._altered: dict[str, None] = {}
        self._looked = time.monotonic()
        self._records: deque[Any] = deque()
        self._whole: deque[Assembled] = deque()
        self._numbers: dict[TopicPartition, int] = {}
        self._partitions: list[TopicPartition] = []
        self._unacknowledged = Unacknowledged()
        self._heard = time.monotonic()
        self._closed = False

    def read(self, wait: float) -> Transaction | None:
        deadline = time.monotonic() + wait
        while not self._whole:
            if self._records:
                self._feed(self._records.popleft())
                continue
            if self._look_when_due():
                continue
            remaining = max(0.0, deadline - time.monotonic())
            polled = self._consumer.poll(min(remaining, _SOON if self._waiting else _STEP))
            if polled:
                self._heard = time.monotonic()
                (self._records if self._watch is None else self._waiting).extend(polled)
            elif not remaining:
                return None
            else:
                self._look_when_silent()
        return self._give(self._whole.popleft())

    def acknowledge(self, position: Position) -> None:
        # Invariant 1: no other offsets are ever committed while a stream is open.
        durable = self._unacknowledged.take(position)
        if durable is not None:
            at, resume, beat = durable
            offsets = {self._partitions[number]: offset for number, offset in resume.items()}
            self._consumer.commit(offsets, str(Note(at, beat, self._note)))

    def behind(self) -> int:
        return self._consumer.behind() + len(self._waiting) + len(self._records)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            if self._watch is not None:
                self._watch.close()
            self._consumer.close()

    def __enter__(self) -> DebeziumStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _feed(self, record: Any) -> None:
        try:
            message = decode(record.key, record.value, record.headers)
            self._beats.see(message)
            self._whole.extend(self._putting.feed(message, self._number(record), record.offset))
        except SourceError as error:
            place = f"topic {record.topic}, partition {record.partition}, offset {record.offset}"
            raise located(error, place) from error

    def _number(self, record: Any) -> int:
        at = TopicPartition(record.topic, record.partition)
        number = self._numbers.get(at)
        if number is None:
            number = self._numbers[at] = len(self._partitions)
            self._partitions.append(at)
            if at.topic not in self._stands.topics:
                # What was there before is remembered as it was.
                self._stands = replace(self._stands, topics={**self._layout().topics, **self._stands.topics})
                self._note = topics_note(self._stands)
        return number

    def _give(self, whole: Assembled) -> Transaction:
        self._unacknowledged.give(whole.transaction.position, whole.resume, self._beats.last)
        if not self._altered:
            return whole.transaction
        named, self._altered = (*whole.transaction.altered, *self._altered), {}
        return whole.transaction._replace(altered=tuple(dict.fromkeys(named)))

    def _look_when_due(self) -> bool:
        """Whether it was looked at the watched tables; then what waited for that may be read."""
        if self._watch is None or time.monotonic() - self._looked < (_SOON if self._waiting else LOOK):
            return False
        self._altered.update(dict.fromkeys(self._watch.look()))
        self._looked = time.monotonic()
        self._records.extend(self._waiting)
        self._waiting.clear()
        return True

    def _look_when_silent(self) -> None:
        if time.monotonic() - self._heard > self._patience:
            self._look()
            self._heard = time.monotonic()
