"""Positions of MySQL and MariaDB: a GTID and a place in or behind its transaction, fixed-width hex, sorting as text.

`<sequence 16>-<server 8>/<place 8>`: the sequence number grows with every transaction of the binlog. `server` says who
gave it: MariaDB's server id, or the beginning of MySQL's server UUID. The place is

- 1, 2, … for the changes of captured tables, in their order;
- `BEHIND` for behind all of them, whenever the transaction was;
- the second in which the transaction was logged, for the whole of it, and one more for each heartbeat after it.

The second is what betrays that the binlog was begun anew (RESET MASTER, a restored copy): the same sequence number then
stands for a transaction that was logged later.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from strangler.changes import Position

BEHIND: Final = 0x40000000
"""More than the changes of any transaction; as a second it is in 2004, before anything that is read here was logged."""


class Place(NamedTuple):
    """A position taken apart."""

    sequence: int
    server: int
    place: int


def position(sequence: int, server: int, place: int) -> Position:
    """The position of a change, or behind a transaction; see above."""
    return Position(f"{sequence:016X}-{server:08X}/{place:08X}")


def parse(text: str) -> Place:
    """A position taken apart. Raises ValueError for any other text."""
    gtid, place = text.split("/")
    sequence, server = gtid.split("-")
    return Place(int(sequence, 16), int(server, 16), int(place, 16))


def whole(sequence: int, server: int, second: int) -> Position:
    """The position of a transaction that was logged in `second`; a client may have set its clock to anything."""
    return position(sequence, server, max(second, BEHIND + 1))


def next_heartbeat(after: Position) -> Position:
    """The position of a heartbeat when everything up to `after`, the end of a transaction, has been read and nothing came."""
    sequence, server, place = parse(after)
    return position(sequence, server, place + 1)
