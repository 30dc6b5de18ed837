"""Merging: whole transactions from several partitions, which need the transaction topic.

The order is that of the ENDs there, whole is what has as many rows of the captured tables as its END counts, and within it the order
is `total_order`. A transaction is in memory until it is whole, however large: where that is too much, give the connector one
topic of one partition, as `strangler connect` renders it.

What a merged transaction is made of goes through an `Assembler`, as if it had come in order: there it is converted, what comes
twice is dropped, and a large one is handed over in parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strangler.changes import ORIGIN, Position
from strangler.errors import SourceError
from strangler_connectors.debezium.assembling import Assembled, Assembler
from strangler_connectors.debezium.counting import collection_name
from strangler_connectors.debezium.envelope import (
    Begin,
    End,
    Message,
    Name,
    RowMessage,
    SchemaChange,
    Snapshot,
    Truncated,
)
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.positions import point
from strangler_connectors.debezium.values import Wanted

_Ordered = RowMessage | Truncated


class _Gathered:
    """What has come of one transaction: number in it → message, and the offset of each by partition; then its END."""

    def __init__(self) -> None:
        self.messages: dict[int, _Ordered] = {}
        self.offsets: list[tuple[int, int]] = []
        self.counts: dict[Name, int] = {}
        self.end: End | None = None

    def is_whole(self, wanted: Mapping[Name, Wanted]) -> bool:
        """Whether all rows of captured tables are here that the END counts."""
        if self.end is None:
            return False
        return all(
            self.counts.get(name, 0) >= said
            for collection, said in self.end.counts.items()
            if (name := collection_name(collection, wanted))
        )


class Merger:
    """As `Assembler`, for messages of several partitions. `partition` is any number that the caller gives each (topic, partition)."""

    def __init__(
        self,
        wanted: Mapping[Name, Wanted],
        modes: Modes,
        after: Position = ORIGIN,
        *,
        database: str = "",
        heartbeat: Name | None = None,
    ) -> None:
        self._wanted = dict(wanted)
        self._assembler = Assembler(wanted, modes, after, database=database, heartbeat=heartbeat)
        self._after = after
        self._gathered: dict[str, _Gathered] = {}
        self._ended: list[str] = []
        self._next: dict[int, int] = {}

    def feed(self, message: Message, partition: int, offset: int) -> Sequence[Assembled]:
        """As `Assembler.feed`. A row without a transaction is refused: then nothing says what belongs together."""
        self._next[partition] = offset + 1
        if isinstance(message, RowMessage) and message.snapshot is not Snapshot.NONE:
            return self._here(self._assembler.feed(message, partition, offset))
        if isinstance(message, RowMessage | Truncated):
            self._gather(message, partition, offset)
        elif isinstance(message, End):
            self._gathered.setdefault(message.id, _Gathered()).end = message
            self._gathered[message.id].offsets.append((partition, offset))
            if message.id not in self._ended:
                self._ended.append(message.id)
        elif isinstance(message, SchemaChange):
            self._assembler.feed(message, partition, offset)
        return self._whole()

    def _gather(self, message: _Ordered, partition: int, offset: int) -> None:
        if message.transaction is None or message.order is None:
            raise SourceError(
                f"a change of table {'.'.join(message.origin.name)} doesn't say to which transaction it belongs",
                why="with more than one partition only the transaction's marks tell what belongs together, and in which order",
                do="give the connector provide.transaction.metadata=true, or one topic of one partition",
            )
        gathered = self._gathered.setdefault(message.transaction, _Gathered())
        known = gathered.messages.get(message.order)
        if known is not None and point(known.origin) != point(message.origin):
            raise SourceError(
                f"transaction {message.transaction} was counted anew in its middle",
                why="Debezium was interrupted there, and numbers the rest as if it were the beginning",
                do="give the connector one topic of one partition, where the order tells what belongs together",
            )
        if known is None:
            gathered.messages[message.order] = message
            name = message.origin.name
            gathered.counts[name] = gathered.counts.get(name, 0) + 1
        gathered.offsets.append((partition, offset))

    def _whole(self) -> list[Assembled]:
        given: list[Assembled] = []
        while self._ended and self._gathered[self._ended[0]].is_whole(self._wanted):
            id = self._ended.pop(0)
            given += self._merged(id, self._gathered.pop(id))
        return given

    def _merged(self, id: str, gathered: _Gathered) -> list[Assembled]:
        """The transaction through the assembler. Only behind its last part may be read on: its rows lie among those of others."""
        assert gathered.end is not None
        before = self._resume(gathered.offsets)
        feed = self._assembler.feed
        feed(Begin(id, gathered.end.seconds))
        ordered = [gathered.messages[order] for order in sorted(gathered.messages)]
        given = [each for message in ordered for each in feed(message)]
        last = list(feed(End(id, gathered.end.seconds, {})))
        given = [each._replace(resume=before) for each in given]
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
