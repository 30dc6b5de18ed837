"""The decoder of pgoutput, PostgreSQL's logical replication messages (protocol version 1).

Bytes in, transactions out; no connection, no clock. The format is described in PostgreSQL's manual, "Logical
Replication Message Formats". Version 1 sends a transaction only once it has committed, so a BEGIN is always followed
by all of its changes and its COMMIT.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Final

from strangler.changes import Change, Operation, Transaction
from strangler.errors import SourceError
from strangler_connectors.postgres.positions import WHOLE, position
from strangler_connectors.postgres.rows import HEADER, Decode, WireColumn, compile_decoders
from strangler_connectors.postgres.values import field_type

EPOCH: Final = 946_684_800
"""PostgreSQL counts microseconds from 2000-01-01; this is that day in seconds since 1970."""

_BEGIN: Final = Struct(">QqI")
_RELATION: Final = Struct(">I")
_COUNT: Final = Struct(">H")
_COLUMN: Final = Struct(">II")
_TRUNCATE: Final = Struct(">IB")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A captured table: its name in the configuration and the columns that were asked for, key included."""

    table: str
    columns: frozenset[str]


class Decoder:
    """Collects the messages of one stream. `wanted` maps (schema, table) to what was asked of it; changes of other
    tables are passed over. `domains` maps the oid of a domain to that of its base type."""

    def __init__(self, wanted: Mapping[tuple[str, str], Wanted], domains: Mapping[int, int]) -> None:
        self._wanted = wanted
        self._domains = domains
        self._names: dict[int, str] = {}
        self._decoders: dict[bytes, Decode] = {}
        self._changes: list[Change] = []
        self._prefix = ""
        self._begun = (0, 0, 0)
        self.inside = False
        """Between BEGIN and COMMIT, when a keepalive says nothing about what comes."""
        self._others: dict[int, Callable[[bytes], Transaction | None]] = {
            ord("B"): self._begin,
            ord("C"): self._commit,
            ord("R"): self._relation,
            ord("T"): self._truncate,
        }

    def feed(self, message: bytes) -> Transaction | None:
        """Take one replication message, header and padding included; the transaction when it was its last."""
        # Kind and relation together are the key: one look-up for the messages that come by the hundred thousand.
        decode = self._decoders.get(message[25:30])
        if decode is not None:
            changes = self._changes
            changes.append(decode(message, f"{self._prefix}{len(changes) + 1:08X}"))  # type: ignore[arg-type]
            return None
        other = self._others.get(message[HEADER])
        return other(message) if other else None

    def _begin(self, message: bytes) -> None:
        self._begun = _BEGIN.unpack_from(message, HEADER + 1)
        self._prefix = position(self._begun[0], 0)[:-8]
        self._changes = []
        self.inside = True

    def _commit(self, message: bytes) -> Transaction:
        self.inside = False
        lsn, micros, xid = self._begun
        return Transaction(position(lsn, WHOLE), str(xid), micros / 1e6 + EPOCH, self._changes)

    def _truncate(self, message: bytes) -> None:
        count, _ = _TRUNCATE.unpack_from(message, HEADER + 1)
        for i in range(count):
            (relation,) = _RELATION.unpack_from(message, HEADER + 6 + 4 * i)
            table = self._names.get(relation)
            if table is not None:
                at = position(self._begun[0], len(self._changes) + 1)
                self._changes.append(Change(at, table, Operation.TRUNCATE, None, None))

    def _relation(self, message: bytes) -> None:
        """A relation is announced before its first change and whenever its shape has changed."""
        identifier = message[HEADER + 1 : HEADER + 5]
        (relation,) = _RELATION.unpack(identifier)
        schema, offset = _string(message, HEADER + 5)
        name, offset = _string(message, offset)
        wanted = self._wanted.get((schema or "pg_catalog", name))
        if wanted is None:
            return
        columns = self._columns(message, offset + 1)
        missing = wanted.columns - {column.name for column in columns}
        if missing:
            raise SourceError(
                f"table {wanted.table} has no column {', '.join(sorted(missing))} in a change of the stream",
                why="the ERP's schema isn't, or at that time wasn't yet, as the mapping has it",
                do="bring the mapping in line with the table",
            )
        decoders = compile_decoders(wanted.table, columns, wanted.columns)
        self._names[relation] = wanted.table
        for kind, decode in zip((b"I", b"U", b"D"), decoders, strict=True):
            self._decoders[kind + identifier] = decode

    def _columns(self, message: bytes, offset: int) -> list[WireColumn]:
        (count,) = _COUNT.unpack_from(message, offset)
        offset += 2
        columns = []
        for _ in range(count):
            identity = message[offset] & 1 == 1
            name, offset = _string(message, offset + 1)
            oid, _ = _COLUMN.unpack_from(message, offset)
            offset += 8
            columns.append(WireColumn(name, field_type(self._domains.get(oid, oid)), identity))
        return columns


def _string(message: bytes, offset: int) -> tuple[str, int]:
    end = message.index(0, offset)
    return message[offset:end].decode(), end + 1
