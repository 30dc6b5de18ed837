"""Assembling: from the messages of one ordered partition to whole transactions, in parts where they are large.

With transaction marks a transaction ends with its END; without them where another one's row begins, so the last of all is open until
the next comes (the heartbeat table's row sees to that). What comes twice, because Debezium died and repeats itself or because the
reader went back, is dropped by its place (`places`).

Of a changed key Debezium makes a delete and an insert; the two stand behind each other and become the one update that they were.
Should they ever be apart, they stay what they came as.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from strangler.changes import ORIGIN, PART, Change, Operation, Position, Transaction
from strangler.errors import SourceError
from strangler_connectors.debezium import definitions, positions
from strangler_connectors.debezium.changing import Changing, folded
from strangler_connectors.debezium.counting import Counting
from strangler_connectors.debezium.envelope import (
    Begin,
    End,
    Message,
    Name,
    Origin,
    RowMessage,
    SchemaChange,
    Snapshot,
    Truncated,
)
from strangler_connectors.debezium.modes import Modes
from strangler_connectors.debezium.places import READ, Places
from strangler_connectors.debezium.values import Reading


class Assembled(NamedTuple):
    """A transaction, or a part of one, and where to read on: partition → the first offset that isn't in this or an earlier one.

    `resume` may be committed to Kafka once the transaction is durable: whoever begins there misses nothing. What comes twice then
    is dropped as long as the assembler is made with the position of the last durable one.
    """

    transaction: Transaction
    resume: Mapping[int, int]


_ALONE: Final = frozenset(("mysql", "mariadb"))
"""Where TRUNCATE commits by itself, and no END follows."""


class _Open:
    """The transaction that is under way. `moves_on`: there is something new in it; `moved`: its last change is the first half of a
    changed key; `followed_at`: where the next one's BEGIN stands."""

    def __init__(self, id: str = "") -> None:
        self.id = id
        self.seconds = 0.0
        self.author = ""
        self.changes: list[Change] = []
        self.moves_on = self.moved = False
        self.followed_at: int | None = None


class Assembler:
    """`wanted`: the captured tables by the source's name; rows of others only move the position on. `after`: the
    last position handed out in an earlier life. `database`: where one connector reads several, whose rows are meant. `heartbeat`:
    the table whose rows are transactions of their own, with or without marks."""

    def __init__(
        self,
        wanted: Mapping[Name, Reading],
        modes: Modes,
        after: Position = ORIGIN,
        *,
        database: str = "",
        heartbeat: Name | None = None,
    ) -> None:
        self._wanted = wanted
        self._changing = Changing(wanted, modes, database)
        self._counting = Counting(wanted)
        self._heartbeat = heartbeat
        self._places = Places(after)
        self._open = _Open()
        self._partition = self._offset = 0
        self._whole: list[Assembled] = []

    def knows(self, origin: Origin) -> bool:
        """Whether a row stands no higher than the highest that was seen. Raises SourceLost where that can't be told."""
        return self._places.placed(origin) <= self._places.point

    def feed(self, message: Message, partition: int = 0, offset: int = 0) -> Sequence[Assembled]:
        """Take the next message; what became whole by it, in order, mostly nothing.

        A transaction without changes is a heartbeat: one of rows that nobody asked for. Raises SourceError for rows that can't be
        read with what is known (naming table, column and the property that mends it), SourceLost where Debezium began anew or a
        transaction has lost rows.
        """
        self._partition, self._offset = partition, offset
        if message.__class__ is RowMessage:
            self._row(message)
        elif isinstance(message, End):
            self._end(message)
        elif isinstance(message, Begin):
            self._begin(message)
        elif isinstance(message, Truncated):
            self._truncated(message)
        elif isinstance(message, SchemaChange):
            self._defined(message)
        if not self._whole:
            return ()
        whole, self._whole = self._whole, []
        return whole

    def _row(self, row: RowMessage) -> None:
        origin = row.origin
        self._counting.see(origin.name, row.transaction)
        if row.key is None and row.order is None and not row.snapshot and origin.connector == "postgresql":
            self._require_identified(origin)
        id = READ if row.snapshot and not row.transaction else transaction_id(origin, row.transaction)
        goes_on = id == self._open.id
        if row.snapshot:
            placed = self._places.read(origin, row.snapshot is Snapshot.INITIAL)
        else:
            what = (origin.name, row.operation, row.key)
            placed = self._places.row(origin, id, row.order if goes_on else None, what)
        if not placed:
            return
        self._make_room(id, row.moved)
        at = self._places.stand(row.order)
        opened = self._open
        opened.seconds, opened.author, opened.moves_on = origin.seconds, origin.author, True
        change = self._changing.change(row, at)
        if change is not None:
            self._take(change, row.moved)
        if origin.snapshot == "last" or (row.transaction is None and origin.name == self._heartbeat):
            self._close(self._offset + 1)

    def _take(self, change: Change, moved: bool) -> None:
        opened = self._open
        if opened.moved and moved and change.after is not None and opened.changes[-1].table == change.table:
            change = folded(opened.changes.pop(), change)
        opened.changes.append(change)
        opened.moved = moved and change.operation is Operation.DELETE

    def _require_identified(self, origin: Origin) -> None:
        """Several rows stand at one place in PostgreSQL's log: without key and number they can't be told from repetitions."""
        if self._changing.table(origin) is not None:
            raise SourceError(
                f"a change of table {'.'.join(origin.name)} has neither a key nor a number in its transaction",
                why="rows that were written at once stand at one place in PostgreSQL's log, and would be taken for one",
                do="give the connector provide.transaction.metadata=true, or name the table's key in message.key.columns",
            )

    def _truncated(self, truncated: Truncated) -> None:
        origin = truncated.origin
        self._counting.see(origin.name, truncated.transaction)
        id = transaction_id(origin, truncated.transaction)
        order = truncated.order if id == self._open.id else None
        if not self._places.row(origin, id, order, (origin.name, Operation.TRUNCATE, None)):
            return
        self._make_room(id, moved=False)
        at = self._places.stand(truncated.order)
        self._open.seconds, self._open.moves_on, self._open.moved = origin.seconds, True, False
        table = self._changing.table(origin)
        if table is not None:
            self._open.changes.append(Change(at, table, Operation.TRUNCATE, None, None))
        if origin.connector in _ALONE:
            self._close(self._offset + 1)

    def _defined(self, change: SchemaChange) -> None:
        if change.origin.snapshot not in (None, False, "false"):
            return  # It tells at a start what there is.
        if definitions.is_of_the_log(change):
            self._empty(change)
        self._changing.alter(change.tables)

    def _empty(self, change: SchemaChange) -> None:
        """Rows that went with their table. Of one statement that drops several there are several messages, all at one place."""
        origin, point = change.origin, positions.point(change.origin)
        if point > self._places.point:
            definitions.require_followed(change, self._wanted)
        id = origin.gtid or point
        for name in definitions.emptied(change, self._wanted):
            if self._places.row(origin, id, None, (name, Operation.TRUNCATE, None)):
                self._make_room(id, moved=False)
                at = self._places.stand(None)
                self._open.seconds, self._open.moves_on, self._open.moved = origin.seconds, True, False
                table = self._wanted[name].table.name
                self._open.changes.append(Change(at, table, Operation.TRUNCATE, None, None))

    def _begin(self, begin: Begin) -> None:
        """What is open stays so, until a row shows that its transaction isn't being repeated."""
        self._counting.begin(begin.id)
        if begin.id != self._open.id:
            self._open.followed_at = self._offset

    def _end(self, end: End) -> None:
        self._counting.end(end)
        if end.id == self._open.id:
            self._open.seconds = end.seconds or self._open.seconds
            self._close(self._offset + 1)

    def _make_room(self, id: str, moved: bool) -> None:
        """End what is open where the row belongs to another transaction, or give a part of it away where it is large."""
        opened = self._open
        if id == opened.id or (id == READ and opened.id and not self._places.moves):
            # Rows that share a point aren't torn apart: whoever begins to read behind a part drops all of a point that it knows.
            if len(opened.changes) >= PART and self._places.moves and not (moved and opened.moved):
                self._give(opened.changes[-1].position, self._offset)
        elif opened.id == READ and not self._places.moves:
            opened.id = id  # The row at which an incremental snapshot closes its window comes behind what that has read.
        else:
            self._close(self._offset if opened.followed_at is None else opened.followed_at)
            self._open = _Open(id)

    def _close(self, resume: int) -> None:
        if self._open.moves_on:
            self._give(self._places.end(self._open.id), resume)
        self._open = _Open()

    def _give(self, at: Position, resume: int) -> None:
        opened = self._open
        changes, opened.changes = opened.changes, []
        altered = self._changing.altered()
        transaction = Transaction(at, opened.id, opened.seconds, changes, altered, opened.author)
        self._whole.append(Assembled(transaction, {self._partition: resume}))


def transaction_id(origin: Origin, marked: str | None) -> str:
    """What its marks call a row's transaction; without marks what the database does. Raises SourceError where neither is there."""
    if marked is not None:
        return marked
    id = origin.txId or origin.gtid or origin.commit_lsn
    if id is None:
        raise SourceError(
            f"nothing says to which transaction a change of table {'.'.join(origin.name)} belongs",
            why="the connector writes no transaction marks, and the database has no GTIDs",
            do="give the connector provide.transaction.metadata=true",
        )
    return str(id)
