"""Global transaction ids as the two databases write them. Pure.

MariaDB: `0-1-100`, a domain, a server and a sequence number; a position in the binlog is the last of each domain.
MySQL: `uuid:1-100:102,uuid:1-5`, the set of all that were ever executed.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple
from uuid import UUID

_NUMBER: Final = Struct("<Q")
_INTERVAL: Final = Struct("<QQ")


class Gtid(NamedTuple):
    """One GTID of MariaDB."""

    domain: int
    server: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.domain}-{self.server}-{self.sequence}"


def parse_gtids(text: str) -> list[Gtid]:
    """MariaDB's list of GTIDs, as in @@gtid_binlog_pos."""
    parts = (part.strip() for part in text.split(","))
    return [Gtid(*map(int, part.split("-"))) for part in parts if part]


GtidSet = dict[str, list[tuple[int, int]]]
"""MySQL: lower-case UUID → intervals (first, last), both included, in order."""


def parse_set(text: str) -> GtidSet:
    """MySQL's text of a set. Raises ValueError for tagged ones (`uuid:tag:1-5`)."""
    found: GtidSet = {}
    for part in "".join(text.split()).split(","):
        if part:
            uuid, *intervals = part.lower().split(":")
            ends = (interval.partition("-") for interval in intervals)
            found[uuid] = [(int(first), int(last or first)) for first, _, last in ends]
    return found


def format_set(executed: GtidSet) -> str:
    """The set as MySQL writes it, on one line."""
    return ",".join(
        ":".join([uuid, *(f"{first}-{last}" for first, last in intervals)])
        for uuid, intervals in sorted(executed.items())
    )


def up_to(executed: GtidSet, uuid: str, sequence: int) -> GtidSet:
    """The set without what `uuid` executed behind `sequence`."""
    cut = [(first, min(last, sequence)) for first, last in executed.get(uuid, []) if first <= sequence]
    return {**executed, uuid: cut} if cut else {key: value for key, value in executed.items() if key != uuid}


def last_of(executed: GtidSet, uuid: str) -> int:
    """The last sequence number of `uuid`; 0 for none."""
    return executed[uuid][-1][1] if executed.get(uuid) else 0


def encode_set(executed: GtidSet) -> bytes:
    """The set as COM_BINLOG_DUMP_GTID takes it: intervals without their end."""
    parts = [_NUMBER.pack(len(executed))]
    for uuid, intervals in sorted(executed.items()):
        parts += [UUID(uuid).bytes, _NUMBER.pack(len(intervals))]
        parts += [_INTERVAL.pack(first, last + 1) for first, last in intervals]
    return b"".join(parts)
