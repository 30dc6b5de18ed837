"""Positions of Debezium's events: made of what each kind of database says of a change, as text that sorts in commit order.

A *point* is where the source says that a change stands; several rows can share one (a page of PostgreSQL's COPY, the two halves of
a change of key), so a position is a point and an index:

| connector | point |
| --- | --- |
| postgresql | last commit before it / its own LSN |
| mariadb | sequence number - server of the GTID / position in the binlog file / row / replication domain |
| mysql | number of the binlog file / position / row / server |
| sqlserver | commit LSN / change LSN / event serial number |
| oracle | commit SCN / id of the transaction / SCN / redo address / sequence in it |
| db2 | commit LSN / change LSN |

Numbers are hex of fixed width. The last piece of a MySQL's or MariaDB's says whose numbers these are: they don't compare with those of
another server or domain (see `compare`). What an initial snapshot read stands at `-snapshot`, before all that was streamed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from strangler.changes import Position
from strangler.errors import SourceError
from strangler_connectors.debezium.envelope import Origin

WHOLE: Final = 0xFFFFFFFF
"""The index of a whole transaction, after all its changes."""

SNAPSHOT: Final = "-snapshot"
"""The point of everything that an initial snapshot reads."""

_sequence: Final = msgspec.json.Decoder(tuple[str | None, str | None])


def point(origin: Origin) -> str:
    """Where the change stands. Raises SourceError where the source doesn't tell it."""
    make = _POINTS.get(origin.connector)
    if make is None:
        raise SourceError(
            f"Debezium's connector {origin.connector!r} isn't known here",
            why=f"there are {', '.join(sorted(_POINTS))}",
            do="use a source of kind polling",
        )
    try:
        return make(origin)
    except (TypeError, ValueError, AttributeError) as error:
        raise SourceError(
            f"a change of table {'.'.join(origin.name)} doesn't say where it stands in the log of the database",
            why=f"its source block is incomplete for {origin.connector}",
            do="let no transform change the source block; is the connector older than Debezium 1.9?",
        ) from error


def position(point: str, index: int) -> Position:
    """The position of a change (index from 1) or of a transaction whose last change stands at the point (`WHOLE`)."""
    return Position(f"{point}/{index:08X}")


def whole(origin: Origin) -> Position:
    """The position of the transaction whose last change is `origin`'s: that of an echo of the watermark, for example."""
    return position(point(origin), WHOLE)


def split(position: Position) -> tuple[str, int]:
    """Point and index; empty and 0 for ORIGIN."""
    point, _, index = position.rpartition("/")
    return point, int(index, 16) if index else 0


def began_anew(origin: Origin, seen: str) -> bool:
    """PostgreSQL's connector tells of no commit before the first one that it saw itself; after others of this capture that means
    that it lost its offsets and began somewhere else, unless it is an old record that comes again."""
    if origin.connector != "postgresql" or not seen or seen.startswith(SNAPSHOT):
        return False
    own, last = point(origin).split("/"), seen.split("/")
    return int(own[0], 16) == 0 and int(last[0], 16) != 0 and own[1] > last[0]


def read_later(origin: Origin, seen: str) -> bool:
    """Whether a snapshot was taken behind the point `seen`: not the first one, but one in place of changes that are lost."""
    if origin.connector == "postgresql":
        return began_anew(origin, seen)
    try:
        own = point(origin)
    except SourceError:
        return False  # Some kinds say less of what a snapshot read.
    return own.count("/") == seen.count("/") and own > seen


def compare(point: str, seen: str) -> bool:
    """Whether the order of two points is that of their changes. Each MySQL numbers its binlogs by itself, so after a failover a later
    change may stand at a lower point; all servers of one replication domain of MariaDB's share a series of numbers."""
    own, last = point.split("/"), seen.rstrip("~").split("/")
    return len(last) != _BINLOG or own[-1] == last[-1]


def shares_commit(point: str, seen: str) -> bool:
    """Two transactions of Oracle's can commit at one SCN; then their ids don't tell which came first."""
    own, last = point.split("/"), seen.split("/")
    return len(own) == len(last) == _ORACLE and own[0] == last[0] and own[1] != last[1]


def behind(seen: str) -> str:
    """A point behind `seen` and before all that are greater by themselves."""
    return seen + "~"


_ORACLE: Final = 5
"""Pieces of a point of Oracle's; no other kind has as many."""

_BINLOG: Final = 4
"""Pieces of a point of MySQL's or MariaDB's; no other kind has as many."""


def _postgresql(origin: Origin) -> str:
    commit, lsn = _sequence.decode(origin.sequence or "")
    return f"{_natural(commit or 0):016X}/{_natural(lsn or origin.lsn):016X}"


def _natural(number: str | int | None) -> int:
    value = int(number)  # type: ignore[arg-type]
    if not 0 <= value < 1 << 64:
        raise ValueError(f"not of 64 bits: {value}")
    return value


_GTID: Final = re.compile(r"(\d+)-(\d+)-(\d+)")
_UUID: Final = re.compile(r"([0-9a-fA-F]{8})-[0-9a-fA-F]{4}-")
_FILE: Final = re.compile(r".*\.(\d+)")


def _mariadb(origin: Origin) -> str:
    found = _GTID.fullmatch(origin.gtid or "")
    if found is None:
        return _binlog(origin)
    place = f"{_natural(origin.pos):016X}/{_natural(origin.row):08X}/domain{_natural(found[1]):08X}"
    return f"{_natural(found[3]):016X}-{_natural(found[2]):08X}/{place}"


def _binlog(origin: Origin) -> str:
    found = _FILE.fullmatch(origin.file or "")
    if found is None:
        raise ValueError(f"not a binlog file: {origin.file!r}")
    place = f"{_natural(origin.pos):016X}/{_natural(origin.row):08X}/{_server(origin)}"
    return f"{_natural(found[1]):016X}/{place}"


def _server(origin: Origin) -> str:
    """Who wrote the change: the number that the server was given and the beginning of the UUID in its GTIDs, which the members of
    a replication group have in common."""
    uuid = _UUID.match(origin.gtid or "")
    return f"server{_natural(origin.server_id or 0):08X}-{uuid[1].lower() if uuid else ''}"


_LSN: Final = re.compile(r"[0-9a-f]{8}:[0-9a-f]{8}:([0-9a-f]{4}|[0-9a-f]{16})")


def _sqlserver(origin: Origin) -> str:
    return f"{_lsn(origin.commit_lsn)}/{_lsn(origin.change_lsn)}/{_natural(origin.event_serial_no or 0):08X}"


def _db2(origin: Origin) -> str:
    return f"{_lsn(origin.commit_lsn)}/{_lsn(origin.change_lsn or origin.commit_lsn)}"


def _lsn(text: str | None) -> str:
    """Fixed-width hex in groups, as it is: `0000002b:00000560:0003`."""
    if text is None or not _LSN.fullmatch(text):
        raise ValueError(f"not an LSN: {text!r}")
    return text


def _oracle(origin: Origin) -> str:
    """Without `commit_scn` (XStream) the position of the logical change record, which sorts as it stands."""
    if origin.commit_scn is None:
        if not origin.lcr_position:
            raise ValueError("neither commit_scn nor lcr_position")
        return origin.lcr_position.lower()
    place = (
        f"{_natural(origin.scn):016X}/{(origin.rs_id or '').strip() or '-'}/{_natural(origin.ssn or 0):08X}"
    )
    return f"{_natural(origin.commit_scn):016X}/{origin.txId or '-'}/{place}"


_POINTS: Final[dict[str, Callable[[Origin], str]]] = {
    "postgresql": _postgresql,
    "mariadb": _mariadb,
    "mysql": _binlog,
    "sqlserver": _sqlserver,
    "oracle": _oracle,
    "db2": _db2,
}
