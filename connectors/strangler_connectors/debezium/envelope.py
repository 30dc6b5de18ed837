"""The envelope: what one Kafka record of Debezium's says, whichever converter settings wrote it.

JSON with a schema is `{"schema": …, "payload": …}`, without one it is the payload itself; which it is, is told message by
message. The schema is as large as the row is small, so it is kept raw and parsed once for each distinct one.

    decode(key, value, headers) → RowMessage | Truncated | Tombstone | Heartbeat | Begin | End | SchemaChange | Logical

What isn't any of these is a SourceError: a record that can't be read is never passed over. Where it stood (topic, partition, offset)
only the caller knows and adds with `located`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from strangler.changes import Operation
from strangler.errors import SourceError
from strangler_connectors.debezium.inline import Fields, key_fields, row_fields

Name = tuple[str, str]
"""A table as the source names it: (schema, or the database where a kind has no schemas; table)."""

Headers = Sequence[tuple[str, bytes | None]]


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
    thread: int | None = None
    user_name: str | None = None

    @property
    def author(self) -> str:
        """Who made the change, as far as it is told: Oracle's user; MySQL's and MariaDB's server, and MySQL's thread."""
        if self.user_name:
            return f"user {self.user_name}"
        parts = (("server", self.server_id), ("thread", self.thread))
        return ", ".join(f"{what} {number}" for what, number in parts if number is not None)

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
    delete or an insert.
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
    """A statement changed the definition of `tables`; none named: perhaps of any. `dropped`: those among them that are gone."""

    origin: Origin
    tables: tuple[Name, ...]
    ddl: str
    dropped: tuple[Name, ...] = ()


class Logical(msgspec.Struct, frozen=True, gc=False):
    """A message that an application wrote into PostgreSQL's log (`pg_logical_emit_message`). No change of any row."""

    origin: Origin


Message = RowMessage | Truncated | Tombstone | Heartbeat | Begin | End | SchemaChange | Logical


class _Block(msgspec.Struct, gc=False):
    """The `transaction` block of a row."""

    id: str
    total_order: int | None = None


class _Count(msgspec.Struct, gc=False):
    data_collection: str
    event_count: int


class _Altered(msgspec.Struct, gc=False):
    id: str = ""
    type: str = ""


class _Payload(msgspec.Struct, gc=False):
    """All that any record of Debezium's says, with a schema around it or not."""

    op: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    source: Origin | None = None
    transaction: _Block | None = None
    ts_ms: int | None = None
    status: str | None = None
    id: str | None = None
    data_collections: list[_Count] | None = None
    ddl: str | None = None
    tableChanges: list[_Altered] | None = None
    schema: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Key(msgspec.Struct, gc=False):
    schema: msgspec.Raw = msgspec.Raw(b"")
    payload: msgspec.Raw = msgspec.Raw(b"")


_payload: Final = msgspec.json.Decoder(_Payload | None)
_key: Final = msgspec.json.Decoder(_Key | None)
_row: Final = msgspec.json.Decoder(dict[str, Any] | None)

_ROWS: Final = {"c": Operation.INSERT, "r": Operation.INSERT, "u": Operation.UPDATE, "d": Operation.DELETE}
_SNAPSHOTS: Final = frozenset(
    ("true", "first", "first_in_data_collection", "last_in_data_collection", "last", "incremental")
)
_MOVED: Final = frozenset(("__debezium.newkey", "__debezium.oldkey"))
_QUOTED: Final = re.compile(r'"((?:[^"]|"")*)"')


def decode(key: bytes | None, value: bytes | None, headers: Headers = ()) -> Message:
    """What one Kafka record says. Raises SourceError for what isn't a record of Debezium's in JSON."""
    if value is None:
        return Tombstone()
    try:
        payload, fields = _unwrapped(value)
    except (ValueError, RecursionError) as error:
        raise _unreadable(value, str(error)) from error
    if payload is None:
        return Tombstone()
    if payload.op is not None:
        return _event(payload, fields, key, headers)
    if payload.status is not None:
        return _mark(payload)
    if payload.ddl is not None and payload.source is not None:
        named = [(name, each.type) for each in payload.tableChanges or () if (name := _table(each.id))]
        dropped = tuple(name for name, type in named if type == "DROP")
        return SchemaChange(payload.source, tuple(name for name, _ in named), payload.ddl, dropped)
    if payload.ts_ms is not None and payload.source is None and payload.id is None:
        return Heartbeat(payload.ts_ms / 1e3)
    raise _unreadable(value, "it has neither an operation nor anything else that Debezium writes")


def decode_key(key: bytes | None) -> tuple[Mapping[str, Any], Fields | None]:
    """The key's JSON values and, where it was written with one, its schema. Empty for a table without key."""
    if key is None:
        return {}, None
    try:
        wrapped = _key.decode(key)
        if wrapped is None:
            return {}, None
        # A key of columns called so holds no objects.
        schema, payload = bytes(wrapped.schema), bytes(wrapped.payload)
        if schema[:1] == payload[:1] == b"{":
            return _row.decode(payload) or {}, key_fields(schema)
        return _row.decode(key) or {}, None
    except (ValueError, RecursionError) as error:
        raise _unreadable(key, str(error), "the key of a record") from error


def located(error: SourceError, place: str) -> SourceError:
    """The same error, saying where: `place` reads like `topic erp.changes, partition 0, offset 17`."""
    return type(error)(f"{place}: {error.what}", why=error.why, do=error.do)


def _unwrapped(value: bytes) -> tuple[_Payload | None, Fields | None]:
    """The payload, and the columns where a schema came with it. A table may well have columns called `schema` and `payload`,
    but those stand in `before` and `after`."""
    outer = _payload.decode(value)
    if outer is None or not isinstance(outer.payload, msgspec.Raw):
        return outer, None
    fields = row_fields(bytes(outer.schema)) if isinstance(outer.schema, msgspec.Raw) else None
    return _payload.decode(outer.payload), fields


def _event(payload: _Payload, fields: Fields | None, key: bytes | None, headers: Headers) -> Message:
    op, origin, block = payload.op, payload.source, payload.transaction
    if origin is None:
        raise _incomplete("a change", "source")
    transaction, order = (_id(origin.connector, block.id), block.total_order) if block else (None, None)
    operation = _ROWS.get(op)  # type: ignore[arg-type]
    if operation is None:
        if op == "t":
            return Truncated(origin, transaction, order)
        if op == "m":
            return Logical(origin)
        raise SourceError(f"a change of table {_display(origin)} has the operation {op!r}, which isn't known")
    before, after = payload.before, payload.after
    if operation is Operation.DELETE:
        after = None
        if before is None and key is None:
            raise _incomplete(f"a delete of table {_display(origin)}", "before")
    elif after is None:
        raise _incomplete(f"a change of table {_display(origin)}", "after")
    moved = False
    for name, _ in headers:
        moved = moved or name in _MOVED
    snapshot = _snapshot(origin, op == "r")
    return RowMessage(operation, origin, before, after, key, transaction, order, snapshot, moved, fields)


def _snapshot(origin: Origin, read: bool) -> Snapshot:
    said = origin.snapshot
    if said is None or said is False or said == "false":
        return Snapshot.INITIAL if read else Snapshot.NONE
    if said is not True and said not in _SNAPSHOTS:
        raise SourceError(f"a change of table {_display(origin)} says snapshot {said!r}, which isn't known")
    return Snapshot.INCREMENTAL if said == "incremental" else Snapshot.INITIAL


def _mark(payload: _Payload) -> Begin | End:
    """A mark doesn't name its connector; only PostgreSQL's ids look like `571:53195829`."""
    if payload.id is None or payload.status not in ("BEGIN", "END"):
        raise _incomplete("a mark of a transaction", "id, or a status that is known")
    id, seconds = _id("", payload.id), (payload.ts_ms or 0) / 1e3
    if payload.status == "BEGIN":
        return Begin(id, seconds)
    return End(id, seconds, {c.data_collection: c.event_count for c in payload.data_collections or ()})


_WITH_LSN: Final = re.compile(r"(\d+):\d+")


def _id(connector: str, id: str) -> str:
    """The transaction's id. Older connectors for PostgreSQL append the LSN of each event, so that no two were alike."""
    if connector == "postgresql":
        return id.partition(":")[0]
    return appended[1] if not connector and (appended := _WITH_LSN.fullmatch(id)) else id


def _table(id: str) -> Name | None:
    """From `"shop"."line"` or `"shop"."dbo"."line"`."""
    parts = [part.replace('""', '"') for part in _QUOTED.findall(id)]
    return (parts[-2], parts[-1]) if len(parts) > 1 else None


def _display(origin: Origin) -> str:
    return ".".join(part for part in origin.name if part)


def _incomplete(what: str, missing: str) -> SourceError:
    return SourceError(f"{what} has no {missing}", why="that isn't how Debezium writes it", do=_HOW)


def _unreadable(record: bytes, why: str, what: str = "a record") -> SourceError:
    return SourceError(f"{what} isn't one of Debezium's in JSON: it is {_outline(record)}", why=why, do=_HOW)


def _outline(record: bytes) -> str:
    """What a record looks like, without its values: they may be personal data."""
    try:
        found = msgspec.json.decode(record)
    except (ValueError, RecursionError):
        return f"{len(record):,} bytes that are no JSON"
    return f"an object of {', '.join(found)}" if isinstance(found, dict) else f"a {type(found).__name__}"


_HOW: Final = (
    "let key.converter and value.converter of the connector be org.apache.kafka.connect.json.JsonConverter, "
    "and let no transform unwrap the envelope (ExtractNewRecordState)"
)
