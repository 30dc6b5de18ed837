"""Assembling: from the messages of one ordered partition to whole transactions, in parts where they are large.

With transaction marks a transaction ends with its END; without them where another one's row begins, so the last of all is open until
the next comes (the heartbeat table's row sees to that). What comes twice, because Debezium died and repeats itself or because the reader
went back, is recognised by its position and dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from strangler.changes import ORIGIN, Position, Transaction
from strangler_connectors.debezium.envelope import Message, Name
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.values import Wanted


class Assembled(NamedTuple):
    """A transaction, or a part of one, and where to read on: partition → the first offset that isn't in this or an earlier one.

    `resume` may be committed to Kafka once the transaction is durable: whoever begins there misses nothing. What comes twice then
    is dropped as long as the assembler is made with the position of the last durable one.
    """

    transaction: Transaction
    resume: Mapping[int, int]


class Assembler:
    """`wanted`: the captured tables by the source's name; rows of others only move the position on. `after`: the
    last position handed out in an earlier life. `database`: where one connector reads several, whose rows are meant. `heartbeat`:
    the table whose rows are transactions of their own, with or without marks."""

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

    def feed(self, message: Message, partition: int = 0, offset: int = 0) -> Sequence[Assembled]:
        """Take the next message; what became whole by it, in order, mostly nothing.

        A transaction without changes is a heartbeat: one of rows that nobody asked for. Raises SourceError for rows that can't be
        read with what is known (naming table, column and the property that mends it), SourceLost where Debezium began anew or a
        transaction has lost rows.
        """
        raise NotImplementedError
