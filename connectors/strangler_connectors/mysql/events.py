"""The events of a binlog that matter here: their numbers, their heads, and what a few of them say. Pure.

An event begins with 19 bytes: second, kind, server, size, place in the file, flags. The formats are described in MySQL's
source documentation, "Binary log events", and in MariaDB's knowledge base, "Replication protocol".
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

from strangler.errors import SourceError

HEADER: Final = 19

QUERY, ROTATE, FORMAT, XID, TABLE_MAP, INCIDENT, HEARTBEAT, XA_PREPARE = 2, 4, 15, 16, 19, 26, 27, 38
GTID, ANONYMOUS_GTID, PARTIAL_UPDATE, PAYLOAD, HEARTBEAT_2, TAGGED_GTID = 33, 34, 39, 40, 41, 42
MARIADB_GTID, QUERY_COMPRESSED = 162, 165
LOAD_BLOCK: Final = frozenset({17, 18})
"""LOAD DATA logged as a statement."""

INSERT, UPDATE, DELETE = 0, 1, 2
ROWS: Final = {
    23: INSERT, 24: UPDATE, 25: DELETE, 30: INSERT, 31: UPDATE, 32: DELETE,
    166: INSERT, 167: UPDATE, 168: DELETE, 169: INSERT, 170: UPDATE, 171: DELETE,
}  # fmt: skip
"""Row events, of both versions, plain and compressed."""
SECOND_VERSION: Final = frozenset({30, 31, 32, 169, 170, 171})
COMPRESSED_ROWS: Final = frozenset({166, 167, 168, 169, 170, 171})

KNOWN: Final = frozenset({0, 3, 4, 5, 13, 14, HEARTBEAT, 28, 29, 35, 36, 37, HEARTBEAT_2, 160, 161, 163, 164})
"""What says nothing about rows: the beginnings and ends of files, annotations, what belongs to a statement."""

STANDALONE, PREPARED_XA, COMPLETED_XA = 1, 64, 128
"""Flags of a MariaDB GTID: one event only; rows that another transaction commits or undoes; that other one."""

_IGNORABLE: Final = 0x80
_SECOND: Final = Struct("<I")
_FLAGS: Final = Struct("<H")
_MARIADB_GTID: Final = Struct("<QIB")
_QUERY: Final = Struct("<IIBHH")
_GNO: Final = Struct("<Q")

_FLAGS2, _SQL_MODE, _AUTO_INCREMENT, _CHARSET, _CATALOG = 0, 1, 3, 4, 6
_ANSI_QUOTES: Final = 4


class Begun(NamedTuple):
    """What a transaction begins with. `domain` is MariaDB's; `origin` is the server's id, or MySQL's UUID as 32 hex digits."""

    second: int
    sequence: int
    domain: int
    origin: str
    flags: int


class Query(NamedTuple):
    """A statement, the database in which it was executed, whether double quotes stand around names in it, and the thread that did."""

    schema: str
    sql: str
    ansi_quotes: bool
    thread: int


def second(event: bytes) -> int:
    """When the event was logged, in seconds since the epoch."""
    return int(_SECOND.unpack_from(event)[0])


def server(event: bytes) -> int:
    """The id of the server on which it was made."""
    return int(_SECOND.unpack_from(event, 5)[0])


def has_checksums(event: bytes) -> bool:
    """Whether the events behind this description of their format end with a checksum, as it does itself."""
    return event[-5] == 1


def checked(event: bytes) -> bytes:
    """The event without its checksum. Raises SourceError when it isn't what the server wrote."""
    body = event[:-4]
    if zlib.crc32(body) != int.from_bytes(event[-4:], "little"):
        raise SourceError("the binlog is damaged: an event's checksum is wrong", why="see the server's disk")
    return body


def one_phase(event: bytes) -> bool:
    """Whether an XA transaction was committed as it was prepared; otherwise that is decided later."""
    return event[HEADER] == 1


def ignorable(event: bytes) -> bool:
    """Whether a reader that doesn't know this kind of event may pass over it."""
    return bool(_FLAGS.unpack_from(event, 17)[0] & _IGNORABLE)


def begun(event: bytes) -> Begun:
    """A GTID event of either database."""
    if event[4] == MARIADB_GTID:
        sequence, domain, flags = _MARIADB_GTID.unpack_from(event, HEADER)
        return Begun(second(event), sequence, domain, str(_SECOND.unpack_from(event, 5)[0]), flags)
    (sequence,) = _GNO.unpack_from(event, HEADER + 17)
    return Begun(second(event), sequence, 0, event[HEADER + 1 : HEADER + 17].hex(), 0)


def query(event: bytes, codec: Callable[[int], str | None]) -> Query:
    """A statement. `codec` gives Python's name for the charset of a collation, by its number."""
    thread, _, named, _, status = _QUERY.unpack_from(event, HEADER)
    start = HEADER + _QUERY.size
    mode, collation = _status(event[start : start + status])
    start += status
    schema = event[start : start + named].decode()
    raw = event[start + named + 1 :]
    raw = inflate(raw) if event[4] == QUERY_COMPRESSED else raw
    text = raw.decode(codec(collation) or "utf-8", "backslashreplace")
    return Query(schema, text, bool(mode & _ANSI_QUOTES), thread)


def inflate(raw: bytes) -> bytes:
    """MariaDB's compressed part of an event: how it is done and how long the length is, the length, zlib's data."""
    return zlib.decompress(raw[1 + (raw[0] & 7) :])


def _status(status: bytes) -> tuple[int, int]:
    """SQL mode and collation of the client. They stand among the first of the variables, in this order."""
    mode = collation = offset = 0
    while offset < len(status):
        code, offset = status[offset], offset + 1
        if code == _SQL_MODE:
            mode = int.from_bytes(status[offset : offset + 8], "little")
        elif code == _CHARSET:
            collation = int.from_bytes(status[offset : offset + 2], "little")
        size = {_FLAGS2: 4, _SQL_MODE: 8, _AUTO_INCREMENT: 4, _CHARSET: 6}.get(code)
        if code == _CATALOG:
            size = 1 + status[offset]
        if size is None or code == _CHARSET:
            break
        offset += size
    return mode, collation
