"""Places: which row is new, and where it stands in the order of all.

The points of a log (see `positions`) only grow, so a row at a lower one has been here before, and no two of the few rows that
share one have the same table, key and operation. Two things are above that: a row whose number in the transaction that is under way is
higher than the last one's is new, wherever the database says that it stands; and what a snapshot reads is repeated rather than lost.
"""

from __future__ import annotations

from typing import Final

from strangler.changes import Position
from strangler.errors import SourceLost
from strangler_connectors.debezium import positions
from strangler_connectors.debezium.envelope import Origin
from strangler_connectors.debezium.positions import SNAPSHOT, WHOLE, position

READ: Final = "snapshot"
"""The id of the transaction that a snapshot is taken for."""


class Places:
    """Begins behind the position `after`. `point` is the highest that a row stood at."""

    def __init__(self, after: Position) -> None:
        self.point, self._index = positions.split(after)
        self._next = self.point
        self._id = ""
        self._order = 0
        # What has been seen at the point; None: everything that is there.
        self._there: set[object] | None = None
        self._what: object = None
        self._gone_back = bool(after)

    @property
    def moves(self) -> bool:
        """Whether the row that was asked for last stands at another point than the one before."""
        return self._next != self.point

    def placed(self, origin: Origin) -> str:
        """The point of a row. Raises SourceLost where it can't be told whether that is behind those that were seen."""
        point = positions.point(origin)
        if not positions.compare(point, self.point):
            raise other_log(origin)
        return point

    def row(self, origin: Origin, id: str, order: int | None, what: object) -> bool:
        """Whether a row is new. `order` is its number in the transaction that is under way, if it is of that and has one."""
        point = self.placed(origin)
        self._next, self._what = point, what
        last, self._id = self._id, id
        if point > self.point:
            return True
        goes_on = order is not None and order > self._order
        if point == self.point:
            return self._there is not None and (what not in self._there or goes_on)
        if goes_on:
            self._next = self.point
            return True
        if positions.began_anew(origin, self.point):
            raise began_anew(origin)
        if positions.shares_commit(point, self.point) and id != last:
            self._next = positions.behind(self.point)
            return True
        self._id = last
        return False

    def read(self, origin: Origin, initial: bool) -> bool:
        """The same for a row that a snapshot read."""
        self._what = None
        if initial:
            self._next = SNAPSHOT
            if self.point > SNAPSHOT and positions.read_later(origin, self.point):
                raise began_anew(origin)
            return self.point <= SNAPSHOT
        point, base = positions.point(origin), self.point.rstrip("~")
        if point > self.point:
            self._next = point
            return True
        self._next = positions.behind(base) if self._there is None else self.point
        return point >= base or not self._gone_back

    def stand(self, order: int | None) -> Position:
        """The row's position, after it was found to be new."""
        if self._next != self.point:
            self.point, self._index, self._there = self._next, 0, set()
            self._gone_back = False
        if self._there is None:
            self._there = set()
        if self._what is not None:
            self._there.add(self._what)
        self._order = order or 0
        self._index += 1
        return position(self.point, self._index)

    def end(self, id: str) -> Position:
        """The position of a transaction that ends with the last row. Behind a snapshot's more of the same may follow."""
        if id == READ:
            return position(self.point, self._index)
        self._there = None
        return position(self.point, WHOLE)


def other_log(origin: Origin) -> SourceLost:
    """The error for a change whose place is one in another server's log."""
    return SourceLost(
        f"the changes of database {origin.db} come from another server's binlog than before, so which are new can't be told",
        why=f"each server numbers by itself, and this one is {origin.gtid or f'server_id {origin.server_id}'}: a failover,"
        " or several servers write into one binlog",
        do="begin anew with the server that is to be read from now on",
    )


def began_anew(origin: Origin) -> SourceLost:
    """The error for a connector that doesn't go on where it was."""
    return SourceLost(
        f"Debezium's connector for database {origin.db} began anew, so changes may be missing before it did",
        why="it has lost its offsets, or was made again under the same name",
        do="let Kafka Connect keep its offset topic (cleanup.policy=compact), and don't reuse the name of a connector",
    )
