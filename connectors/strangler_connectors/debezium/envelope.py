"""The envelope: what one Kafka record of Debezium's says, whichever converter settings wrote it.

JSON with a schema is `{"schema": …, "payload": …}`, without one it is the payload itself; which it is, is told message by
message. The schema is as large as the row is small, so it is kept raw and parsed once for each distinct one.

    decode(key, value, headers) → RowMessage | Truncated | Tombstone | Heartbeat | Begin | End | SchemaChange | Logical

What isn't any of these is a SourceError: a record that can't be read is never passed over. Where it stood (topic, partition, offset)
only the caller knows and adds with `located`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from strangler.changes import Operation
from strangler.errors import SourceError
from strangler_connectors.debezium.inline import Fields

Name = tuple[str, str]
"""A table as the source names it: (schema, or the database where a kind has no schemas; table)."""

Headers = Sequence[tuple[str, bytes | None]]

UNAVAILABLE: Final = "__debezium_unavailable_value"
"""What Debezium sends for a value that the database didn't log, unless `unavailable.value.placeholder` says otherwise."""


class Snapshot(StrEnum):
    """Whether a row was read by a snapshot instead of from the log, and by which."""

    NONE = ""
    INITIAL = "initial"
    INCREMENTAL = "incremental"


class Origin(msgspec.Struct, frozen=True, gc=False):
    """The `source` block: where a change comes from. Its names are Debezium's; what a kind of database doesn't have is None."""

    connector: str
    db: str = ""
    schema: str | None = None
    table: str | None = None
    snapshot: str | bool | None = None
    ts_ms: int | None = None
    ts_us: int | None = None
    sequence: str | None = None
    txId: int | str | None = None
    lsn: int | None = None
    file: str | None = None
    pos: int | None = None
    row: int | None = None
    gtid: str | None = None
    server_id: int | None = None
    commit_lsn: str | None = None
    change_lsn: str | None = None
    event_serial_no: int | None = None
    scn: str | None = None
    commit_scn: str | None = None
    lcr_position: str | None = None
    rs_id: str | None = None
    ssn: int | None = None

    @property
    def name(self) -> Name:
        """The table, with its schema or (MySQL, MariaDB) its database."""
        return self.schema or self.db, self.table or ""

    @property
    def seconds(self) -> float:
        """When it was committed or, where that isn't told, made; seconds since the epoch by the source's clock."""
        return self.ts_us / 1e6 if self.ts_us is not None else (self.ts_ms or 0) / 1e3


class RowMessage(msgspec.Struct, frozen=True, gc=False):
    """One row: inserted, updated, deleted, or read by a snapshot (then an insert).

    `before` and `after` are the JSON values as they stand; what they mean says `fields`, or where that is None the table's catalog.
    `key` is the record's key as it came (`decode_key`). `transaction` is the id by which the transaction's marks call it and
    `order` the row's number in it, both None where marks are off or a snapshot read the row. `moved`: one half of a change of key, a
    delete or an insert. `gaps`: some value is the placeholder for one that wasn't logged.
    """

    operation: Operation
    origin: Origin
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    key: bytes | None
    transaction: str | None
    order: int | None
    snapshot: Snapshot
    moved: bool
    gaps: bool
    fields: Fields | None


class Truncated(msgspec.Struct, frozen=True, gc=False):
    """A table was emptied."""

    origin: Origin
    transaction: str | None
    order: int | None


class Tombstone(msgspec.Struct, frozen=True, gc=False):
    """A record without value, behind a delete, for the sake of compaction. It says nothing new."""


class Heartbeat(msgspec.Struct, frozen=True, gc=False):
    """Debezium is alive. It carries no position; the row that `heartbeat.action.query` writes does."""

    seconds: float


class Begin(msgspec.Struct, frozen=True, gc=False):
    """A transaction begins; `id` as in its rows."""

    id: str
    seconds: float


class End(msgspec.Struct, frozen=True, gc=False):
    """A transaction has ended. `counts`: collection, as Debezium writes it (`public.party`, `shop.dbo.party`) → rows in it."""

    id: str
    seconds: float
    counts: dict[str, int]


class SchemaChange(msgspec.Struct, frozen=True, gc=False):
    """A statement changed the definition of `tables`; none named: perhaps of any."""

    origin: Origin
    tables: tuple[Name, ...]
    ddl: str


class Logical(msgspec.Struct, frozen=True, gc=False):
    """A message that an application wrote into PostgreSQL's log (`pg_logical_emit_message`). No change of any row."""

    origin: Origin


Message = RowMessage | Truncated | Tombstone | Heartbeat | Begin | End | SchemaChange | Logical


def decode(key: bytes | None, value: bytes | None, headers: Headers = ()) -> Message:
    """What one Kafka record says. Raises SourceError for what isn't a record of Debezium's in JSON."""
    raise NotImplementedError


def decode_key(key: bytes | None) -> tuple[Mapping[str, Any], Fields | None]:
    """The key's JSON values and, where it was written with one, its schema. Empty for a table without key."""
    raise NotImplementedError


def located(error: SourceError, place: str) -> SourceError:
    """The same error, saying where: `place` reads like `topic erp.changes, partition 0, offset 17`."""
    return type(error)(f"{place}: {error.what}", why=error.why, do=error.do)
