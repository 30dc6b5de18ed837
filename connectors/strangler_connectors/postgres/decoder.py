"""The decoder of pgoutput, PostgreSQL's logical replication messages (protocol version 1).

Bytes in, transactions out; no connection, no clock. The format is described in PostgreSQL's manual, "Logical
Replication Message Formats". Version 1 sends a transaction only once it has committed, so a BEGIN is always followed
by all of its changes and its COMMIT.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Final

from strangler.changes import PART, Change, Operation, Position, Transaction
from strangler.errors import SourceError
from strangler.returning.marks import function_of
from strangler_connectors.postgres.layouts import LaidColumn, Wanted, announced
from strangler_connectors.postgres.positions import WHOLE, position
from strangler_connectors.postgres.rows import HEADER, Decode, WireColumn, compile_decoders
from strangler_connectors.postgres.values import field_type, read_as

EPOCH: Final = 946_684_800
"""PostgreSQL counts microseconds from 2000-01-01; this is that day in seconds since 1970."""

_BEGIN: Final = Struct(">QqI")
_RELATION: Final = Struct(">I")
_TRUNCATE: Final = Struct(">IB")


class Decoder:
    """Collects the messages of one stream. `wanted`: oid → what was asked of that table; changes of other tables are passed
    over. `domains` maps the oid of a domain to that of its base type.

    A change's index counts all rows of its transaction that the server sends, so that it stays what it is when other tables
    are wanted after a restart.
    """

    def __init__(self, wanted: Mapping[int, Wanted], domains: Mapping[int, int]) -> None:
        self._wanted = wanted
        self._domains = domains
        self._layouts = {oid: each.layout for oid, each in wanted.items()}
        self._decoders: dict[bytes, Decode] = {}
        self._changes: list[Change] = []
        self._altered: list[str] = []
        self._prefix = ""
        self._index = 0
        self._begun = (0, 0, 0)
        self._returned: str | None = None
        self.inside = False
        """Between BEGIN and COMMIT, when a keepalive says nothing about what comes."""
        self._others: dict[int, Callable[[bytes], Transaction | None]] = {
            ord("B"): self._begin,
            ord("O"): self._origin,
            ord("C"): self._commit,
            ord("R"): self._relation,
            ord("T"): self._truncate,
            **dict.fromkeys(b"IUD", self._pass_over),
        }

    def feed(self, message: bytes) -> Transaction | None:
        """Take one replication message, header and padding included; the transaction, or the part of it, that it completes."""
        # Kind and relation together are the key: one look-up for the messages that come by the hundred thousand.
        decode = self._decoders.get(message[25:30])
        if decode is not None:
            self._index = index = self._index + 1
            changes = self._changes
            changes.append(decode(message, f"{self._prefix}{index:08X}"))  # type: ignore[arg-type]
            return self._part(changes[-1].position) if len(changes) == PART else None
        other = self._others.get(message[HEADER])
        return other(message) if other else None

    def _begin(self, message: bytes) -> None:
        self._begun = _BEGIN.unpack_from(message, HEADER + 1)
        self._prefix = position(self._begun[0], 0)[:-8]
        self._index = 0
        self._returned = None
        self.inside = True

    def _origin(self, message: bytes) -> None:
        """Behind BEGIN, of a transaction that has one: another LSN, and a name that ends with a zero byte."""
        name = message[HEADER + 9 :]
        self._returned = function_of(name[: name.index(0)].decode())

    def _commit(self, message: bytes) -> Transaction:
        self.inside = False
        return self._part(position(self._begun[0], WHOLE))

    def _part(self, at: Position) -> Transaction:
        """What was gathered since the last part, up to the position `at`."""
        _, micros, xid = self._begun
        changes, self._changes = self._changes, []
        altered, self._altered = self._altered, []
        return Transaction(
            at,
            str(xid),
            micros / 1e6 + EPOCH,
            changes,
            tuple(dict.fromkeys(altered)),
            returned=self._returned,
        )

    def _pass_over(self, message: bytes) -> None:
        self._index += 1

    def _truncate(self, message: bytes) -> None:
        count, _ = _TRUNCATE.unpack_from(message, HEADER + 1)
        for i in range(count):
            self._index += 1
            (oid,) = _RELATION.unpack_from(message, HEADER + 6 + 4 * i)
            wanted = self._wanted.get(oid)
            if wanted is not None:
                at = position(self._begun[0], self._index)
                self._changes.append(Change(at, wanted.table, Operation.TRUNCATE, None, None))

    def _relation(self, message: bytes) -> None:
        """A relation is announced before its first change, and again when anything about it may have changed."""
        identifier = message[HEADER + 1 : HEADER + 5]
        (oid,) = _RELATION.unpack(identifier)
        wanted = self._wanted.get(oid)
        if wanted is None:
            return
        layout = announced(message, HEADER + 5)
        if layout != self._layouts[oid]:
            self._layouts[oid] = layout
            self._altered.append(wanted.table)
        columns = [self._wire(column, wanted) for column in layout.columns]
        there = {column.name for column in columns}
        absent = {name: value for name, value in wanted.absent.items() if name not in there}
        if missing := wanted.columns - there - absent.keys():
            raise SourceError(
                f"table {wanted.table} has no column {', '.join(sorted(missing))} any more",
                why="it was dropped or renamed, and the mapping still names it",
                do="bring the mapping in line with the table",
            )
        decoders = compile_decoders(wanted.table, columns, wanted.columns, absent)
        for kind, decode in zip((b"I", b"U", b"D"), decoders, strict=True):
            self._decoders[kind + identifier] = decode

    def _wire(self, column: LaidColumn, wanted: Wanted) -> WireColumn:
        sent = field_type(self._domains.get(column.type, column.type))
        return WireColumn(column.name, read_as(sent, wanted.types.get(column.name, sent)), column.identity)
