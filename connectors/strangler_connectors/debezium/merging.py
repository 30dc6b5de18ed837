"""Merging: whole transactions from several partitions, which need the transaction topic.

The order is that of the ENDs there, whole is what has as many rows of the captured tables as its END counts, and within it the order
is `total_order`. A transaction is in memory until it is whole, however large: where that is too much, give the connector one
topic of one partition, as `strangler connect` renders it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strangler.changes import ORIGIN, Position
from strangler_connectors.debezium.assembling import Assembled
from strangler_connectors.debezium.envelope import Message, Name
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.values import Wanted


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
        raise NotImplementedError

    def feed(self, message: Message, partition: int, offset: int) -> Sequence[Assembled]:
        """As `Assembler.feed`. A row without a transaction is refused: then nothing says what belongs together."""
        raise NotImplementedError
