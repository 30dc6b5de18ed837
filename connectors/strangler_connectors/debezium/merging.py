"""Merging: whole transactions from several partitions, which need the transaction topic.

The order is that of the ENDs there, whole is what has as many rows of the captured tables as its END counts, and within it the order
is `total_order`. A transaction is in memory until it is whole, however large: where that is too much, give the connector one
topic of one partition, as `strangler connect` renders it.

What a merged transaction is made of goes through an `Assembler`, as if it had come in order: there it is converted, what comes
twice is dropped, and a large one is handed over in parts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from strangler.changes import ORIGIN, Position
from strangler.errors import SourceError, SourceLost
from strangler_connectors.debezium.assembling import Assembled, Assembler
from strangler_connectors.debezium.counting import collection_name
from strangler_connectors.debezium.definitions import emptied, is_of_the_log, require_followed
from strangler_connectors.debezium.envelope import (
    End,
    Message,
    Name,
    RowMessage,
    SchemaChange,
    Truncated,
)
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.positions import WHOLE, point, split
from strangler_connectors.debezium.values import Reading

WAITING: Final = 1_000
"""Most transactions that have ended and wait for one before them: then what is missing of it isn't late but lost."""

_Ordered = RowMessage | Truncated


class _Gathered:
    """What has come of one transaction: number in it → message, None for what was handed out in an earlier life; the offsets that
    are needed to have it again; its END."""

    def __init__(self) -> None:
        self.messages: dict[int, _Ordered | None] = {}
        self.offsets: list[tuple[int, int]] = []
        self.counts: dict[Name, int] = {}
        self.end: End | None = None

    def take(self, message: _Ordered, order: int, known: bool) -> None:
        if order not in self.messages:
            self.messages[order] = None if known else message
            name = message.origin.name
            self.counts[name] = self.counts.get(name, 0) + 1

    def missing(self, wanted: Mapping[Name, Reading]) -> int:
        """How many rows of captured tables, of those that the END counts, aren't here yet."""
        assert self.end is not None
        return sum(
            max(0, said - self.counts.get(name, 0))
            for collection, said in self.end.counts.items()
            if (name := collection_name(collection, wanted))
        )

    def is_known(self) -> bool:
        return bool(self.messages) and all(message is None for message in self.messages.values())


class Merger:
    """As `Assembler`, for messages of several partitions. `partition` is any number that the caller gives each (topic, partition)."""

    def __init__(
        self,
        wanted: Mapping[Name, Reading],
        modes: Modes,
        after: Position = ORIGIN,
        *,
        database: str = "",
        heartbeat: Name | None = None,
    ) -> None:
        self._wanted = dict(wanted)
        self._begun = split(after)[0]
        self._assembler = Assembler(wanted, modes, after, database=database, heartbeat=heartbeat)
        # Whether the last life ended in the middle of a transaction: then rows that are known don't say that all of it is.
        self._torn = after != ORIGIN and split(after)[1] != WHOLE
        self._gathered: dict[str, _Gathered] = {}
        self._ended: deque[str] = deque()
        self._done: deque[str] = deque(maxlen=WAITING)
        self._next: dict[int, int] = {}

    def feed(self, message: Message, partition: int, offset: int) -> Sequence[Assembled]:
        """As `Assembler.feed`. A row without a transaction is refused: then nothing says what belongs together."""
        self._next[partition] = offset + 1
        if isinstance(message, RowMessage) and message.snapshot and message.transaction is None:
            return self._here(self._assembler.feed(message, partition, offset))
        if isinstance(message, RowMessage | Truncated):
            self._gather(message, partition, offset)
        elif isinstance(message, End):
            self._end(message, partition, offset)
        elif isinstance(message, SchemaChange):
            self._defined(message, partition, offset)
        return self._whole()

    def _defined(self, change: SchemaChange, partition: int, offset: int) -> None:
        """Which rows came before it isn't told by a topic of its own, so rows that went with it can't be taken out in order."""
        if is_of_the_log(change) and point(change.origin) > self._begun:
            require_followed(change, self._wanted)
            for _, table in emptied(change, self._wanted):
                raise SourceLost(
                    f"the table {table} is another one than was captured: it was dropped or made anew",
                    why="with several topics nothing tells which of its rows were written before that",
                    do="give the connector one topic of one partition, where the order tells it",
                )
        self._assembler.feed(change, partition, offset)

    def _gather(self, message: _Ordered, partition: int, offset: int) -> None:
        if message.transaction is None or message.order is None:
            raise SourceError(
                f"a change of table {'.'.join(message.origin.name)} doesn't say to which transaction it belongs",
                why="with more than one partition only the transaction's marks tell what belongs together, and in which order",
                do="give the connector provide.transaction.metadata=true, or one topic of one partition",
            )
        gathered = self._gathered.setdefault(message.transaction, _Gathered())
        other = gathered.messages.get(message.order)
        if other is not None and point(other.origin) != point(message.origin):
            raise SourceError(
                f"transaction {message.transaction} was counted anew in its middle",
                why="Debezium was interrupted there, and numbers the rest as if it were the beginning",
                do="give the connector one topic of one partition, where the order tells what belongs together",
            )
        known = self._assembler.knows(message.origin)
        gathered.take(message, message.order, known)
        if not known:
            gathered.offsets.append((partition, offset))

    def _end(self, end: End, partition: int, offset: int) -> None:
        if end.id in self._done:
            self._gathered.pop(end.id, None)
            return
        gathered = self._gathered.setdefault(end.id, _Gathered())
        gathered.offsets.append((partition, offset))
        if gathered.end is None:
            self._ended.append(end.id)
        gathered.end = end

    def _whole(self) -> list[Assembled]:
        given: list[Assembled] = []
        while self._ended:
            id = self._ended[0]
            gathered = self._gathered[id]
            missing = gathered.missing(self._wanted)
            if missing and (self._torn or not gathered.is_known()):
                self._check_patience(id, missing)
                break
            self._ended.popleft()
            self._done.append(id)
            given += self._merged(id, self._gathered.pop(id))
        return given

    def _check_patience(self, id: str, missing: int) -> None:
        if len(self._ended) > WAITING:
            raise SourceLost(
                f"of transaction {id} {missing} changes never came, though {WAITING} later transactions have ended",
                why="a topic doesn't hold them any more, or one of the connector's topics isn't read",
                do="let the topics keep what is read later (cleanup.policy=delete, retention.ms beyond an outage)",
            )

    def _merged(self, id: str, gathered: _Gathered) -> list[Assembled]:
        """The transaction through the assembler. Only behind its last part may be read on: its rows lie among those of others."""
        assert gathered.end is not None
        before = self._resume(gathered.offsets)
        feed = self._assembler.feed
        ordered = [message for _, message in sorted(gathered.messages.items()) if message is not None]
        given = [each._replace(resume=before) for message in ordered for each in feed(message)]
        last = feed(End(id, gathered.end.seconds, {}))
        self._torn = self._torn and not (given or last)
        return given + self._here(last)

    def _here(self, given: Sequence[Assembled]) -> list[Assembled]:
        return [each._replace(resume=self._resume(())) for each in given]

    def _resume(self, also: Sequence[tuple[int, int]]) -> dict[int, int]:
        """The first offset of each partition that is still needed: of what is gathered, and of `also`."""
        resume = dict(self._next)
        for gathered in self._gathered.values():
            for partition, offset in gathered.offsets:
                resume[partition] = min(resume[partition], offset)
        for partition, offset in also:
            resume[partition] = min(resume[partition], offset)
        return resume
