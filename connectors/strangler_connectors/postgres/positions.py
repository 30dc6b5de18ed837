"""Positions of PostgreSQL: the LSN of the commit record and an index, as fixed-width hex, so that they sort as text.

A transaction stands at the start of its commit record (`final_lsn` in pgoutput's BEGIN, so it is known before
the first change). Its changes have the indexes 1, 2, …; the transaction as a whole has the highest index. Index 0
stands before everything at that LSN: that is where a heartbeat stands, which says that all before it has
been seen.
"""

from __future__ import annotations

from typing import Final

from strangler.changes import ORIGIN, Position

WHOLE: Final = 0xFFFFFFFF
"""The index of a whole transaction, after all its changes."""


def position(lsn: int, index: int) -> Position:
    """The position of a change, of a transaction (`WHOLE`) or of a heartbeat (0)."""
    return Position(f"{lsn:016X}/{index:08X}")


def confirmed(at: Position) -> int:
    """The LSN that may be confirmed when everything up to `at` is durable: no transaction whose commit record
    begins before it is sent again. In the middle of a transaction that is the transaction's own LSN."""
    if at == ORIGIN:
        return 0
    lsn, index = at.split("/")
    return int(lsn, 16) + (int(index, 16) == WHOLE)


def parse_lsn(text: str) -> int:
    """PostgreSQL's own notation, `16/B374D848`, as a number."""
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def format_lsn(lsn: int) -> str:
    """A number in PostgreSQL's own notation."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
