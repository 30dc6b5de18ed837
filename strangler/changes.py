"""Changes: what a connector reads from a legacy database, and where each one stands.

A position is text that sorts bytewise in the order of the source. So a position can be stored anywhere, and
two positions can be compared without the source, in Python (`<`) as well as in SQL (binary collation). How
the text is made is the connector's affair: PostgreSQL writes commit LSN and index as fixed-width hex, the
SQLite journal its row number. No position of a source is the beginning of another one of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, StrEnum
from typing import Any, Final, NamedTuple, NewType

Position = NewType("Position", str)

ORIGIN: Final = Position("")
"""Before everything: sorts before every position."""


def behind(position: Position, number: int) -> Position:
    """Right behind a position, and before all that comes later in the source: where what is said anew stands (a repair). `number`, up
    to 10 digits, orders what stands behind the same one."""
    return Position(f"{position}~{number:010}")


class Unchanged(Enum):
    """The type of `UNCHANGED`; an enum so that identity survives copies and type checkers can narrow on it."""

    UNCHANGED = "unchanged"

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED: Final = Unchanged.UNCHANGED
"""The value of a column that the source didn't send because it didn't change (PostgreSQL's TOAST). Not NULL."""


class Operation(StrEnum):
    """What was done to a row."""

    __hash__ = str.__hash__  # That of an enum is written in Python.

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    TRUNCATE = "truncate"


Row = Mapping[str, Any]
"""Column name → value: None, bool, int, float, Decimal, str, bytes, date, time, datetime (naive as it stands
in the database, aware in UTC where the column has a zone), or UNCHANGED. JSON, arrays, intervals and enums are text."""


class Change(NamedTuple):
    """One row change of one legacy table.

    `table` is the name as the configuration writes it. `after` is the row for insert and update, None otherwise.
    `before` is the old row as far as the source tells: for a delete at least the key columns; for an update None
    unless the key changed or the source logs full old rows; None for an insert. Only columns that were asked for.
    """

    position: Position
    table: str
    operation: Operation
    before: Row | None
    after: Row | None


PART: Final = 10_000
"""Most changes in one `Transaction`: so much of it is in memory at once, however large it was in the source."""


class Transaction(NamedTuple):
    """The changes of one committed source transaction, in the order in which they were made.

    `position` is at or after the position of every change in it and before every later transaction's.
    `committed_at` is in seconds since the epoch, by the source's clock. Without changes it is a heartbeat:
    everything up to `position` has been seen.

    One of more than `PART` changes comes as several of these with the same `id`, one behind the other; `position` of each but
    the last is that of its last change. Reading can begin behind any of them.

    `altered` are the tables, as configured, whose definition the source saw changed since the transaction before this one.

    `author` is who made it, in words for people, as far as the source tells; empty where it doesn't.
    `returned` is the function whose changes these are, brought back from new by us (`strangler.returning`); None: they are legacy's own.
    """

    position: Position
    id: str
    committed_at: float
    changes: Sequence[Change]
    altered: Sequence[str] = ()
    author: str = ""
    returned: str | None = None
