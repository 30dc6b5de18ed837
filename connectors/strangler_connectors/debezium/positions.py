"""Positions of Debezium's events: made of what each kind of database says of a change, as text that sorts in commit order.

A *point* is where the source says that a change stands; several rows can share one (a page of PostgreSQL's COPY, the two halves of
a change of key), so a position is a point and an index:

| connector | point |
| --- | --- |
| postgresql | last commit before it / its own LSN |
| mariadb | sequence number - server of the GTID / position in the binlog file / row |
| mysql | number of the binlog file / position / row |
| sqlserver | commit LSN / change LSN / event serial number |
| oracle | commit SCN . which of the transactions that share it / SCN / redo address / sequence in it |
| db2 | commit LSN / change LSN |

Numbers are hex of fixed width. What an initial snapshot read stands at `-snapshot`, before all that was streamed.
"""

from __future__ import annotations

from typing import Final

from strangler.changes import Position
from strangler_connectors.debezium.envelope import Origin

WHOLE: Final = 0xFFFFFFFF
"""The index of a whole transaction, after all its changes."""


def point(origin: Origin) -> str:
    """Where the change stands. Raises SourceError where the source doesn't tell it."""
    raise NotImplementedError


def position(point: str, index: int) -> Position:
    """The position of a change (index from 1) or of a transaction whose last change stands at the point (`WHOLE`)."""
    return Position(f"{point}/{index:08X}")


def whole(origin: Origin) -> Position:
    """The position of the transaction whose last change is `origin`'s: that of an echo of the watermark, for example."""
    return position(point(origin), WHOLE)
