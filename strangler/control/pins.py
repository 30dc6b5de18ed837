"""The documents that stay on the side on which they were begun (`functions.*.documents`), for all facades.

They are written in the order in which they are committed: whoever writes some holds the lock of all decisions, so a reader that has
read up to a number has read everything below it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import delete, select

from strangler.control import tables
from strangler.control.lock import lock_decisions
from strangler.control.store import Control
from strangler.control.upsert import insert_new
from strangler.cutover.stages import Side

LONGEST: Final = 120
"""Most characters of a key that is kept as it is."""

BATCH: Final = 1000
"""Pins in one statement."""


class Pin(NamedTuple):
    """A document of a function stays on a side until a moment, in seconds since the epoch."""

    function: str
    key: str
    side: Side
    until: float


def storable(key: str) -> str:
    """A key as it is kept: itself, or a digest of one that is very long or that no database can hold."""
    if len(key) <= LONGEST and key.isprintable():
        return key
    return "#" + hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def add(control: Control, pins: Sequence[Pin], *, now: float) -> None:
    """Remember documents; one that is remembered already stays where it is. Those whose time is over are forgotten."""
    with control.begin() as connection:
        lock_decisions(connection)
        connection.execute(delete(tables.pin).where(tables.pin.c.until <= now))
        for first in range(0, len(pins), BATCH):
            rows = [pin._asdict() for pin in pins[first : first + BATCH]]
            insert_new(connection, tables.pin, rows)


def since(control: Control, seq: int, *, now: float) -> tuple[int, list[Pin]]:
    """What was remembered after number `seq` (0: all there is), and the number up to which that is."""
    at = tables.pin.c
    query = select(at.seq, at.function, at.key, at.side, at.until).where(at.seq > seq).order_by(at.seq)
    with control.read() as connection:
        rows = connection.execute(query).all()
    pins = [Pin(row.function, row.key, Side(row.side), row.until) for row in rows if row.until > now]
    return (rows[-1].seq if rows else seq), pins


def find(control: Control, function: str, key: str, *, now: float) -> Side | None:
    """Where a document was begun; None when it isn't remembered."""
    at = tables.pin.c
    query = select(at.side).where(at.function == function, at.key == storable(key), at.until > now)
    with control.read() as connection:
        side = connection.execute(query).scalar()
    return Side(side) if side else None


def sides(control: Control, function: str, *, now: float) -> frozenset[Side]:
    """The sides on which documents of a function stay."""
    at = tables.pin.c
    query = select(at.side).where(at.function == function, at.until > now).distinct()
    with control.read() as connection:
        return frozenset(Side(side) for side in connection.execute(query).scalars())
