"""Ports: what the core asks of the world. Each is tiny; its docstrings are the contract.

Implementations live in `connectors/` and `adapters/`, are found by entry point (`strangler.plugins`) and pass the
conformance suite of their port in `strangler.testing`, as do the in-memory peers there.

All ports are synchronous. Unless a docstring says otherwise an instance belongs to one thread, and an implementation
raises only errors of `strangler.errors`: `Unavailable` when trying again may help, others when it won't.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, NamedTuple, NewType, Protocol, runtime_checkable

from strangler.changes import Position, Transaction
from strangler.events import Event
from strangler.shapes import Shape, Table

Offset = NewType("Offset", int)
"""Where a reader stands in one partition of a stream of the log: the next offset to read. 0 is the beginning."""


class Finding(NamedTuple):
    """One thing that is missing to run, or that will hurt later. `do` is the statement or act that mends it.

    `blocks`: nothing runs until it is mended; otherwise it runs, and `what` says what to fear.
    """

    what: str
    do: str
    blocks: bool = True


class ChangeStream(Protocol):
    """An open stream of one source's transactions, in commit order. A context manager; closing it loses nothing."""

    def read(self, wait: float) -> Transaction | None:
        """The next transaction, waiting up to `wait` seconds for one; None when none came.

        `read(0)` returns at once: what is already here, or None. A long idle source yields heartbeats
        (transactions without changes), so that a position grows old only when something is wrong.
        """
        ...

    def acknowledge(self, position: Position) -> None:
        """Tell the source that everything up to `position` is durable elsewhere (invariant 1). Cheap; may be lazy.

        What was read but not acknowledged is read again after a restart.
        """
        ...

    def behind(self) -> int | None:
        """How many records wait to be read, as far as the source tells without being asked; None where it can't."""
        ...

    def close(self) -> None: ...
    def __enter__(self) -> ChangeStream: ...
    def __exit__(self, *exc: object) -> None: ...


class ChangeSource(Protocol):
    """A legacy database whose committed changes can be read in order. Connecting is lazy: creating one touches nothing."""

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        """The shape of each table that exists; one that doesn't is absent from the answer."""
        ...

    def prepare(self, anew: bool = False) -> str:
        """Create what capture needs (slot and publication, journal and triggers), for the asked tables only; idempotent.

        `anew`: no capture is remembered, for it is the first one or was lost. Then one that is there isn't gone on with where it
        doesn't show by itself what it lost: it is replaced. Raises Unavailable while a stream is open that reads such a one.

        Returns the identity of the capture, to be remembered: a text that changes when the capture is made anew,
        since then changes in between were lost. Every transaction that commits after `prepare` returned for the first
        time will be read by `stream`. Raises SourceError, before anything is created, for what can't be captured
        (a table without a key, a missing privilege), with the statement that mends it.
        """
        ...

    def examine(self, outage: float) -> list[Finding]:
        """What is missing to capture the asked tables, and what wouldn't survive that nobody reads for `outage` seconds
        (retention that is shorter). Changes nothing. What `prepare` would refuse is `blocks`. A server that can't be
        reached is raised as by any other call."""
        ...

    def blind_spots(self) -> Sequence[str]:
        """What this kind of source never sees of the legacy database's changes, each as what completes "it doesn't see …";
        empty for one that reads the database's own log. Asks nobody."""
        ...

    def stream(self, after: Position, identity: str) -> ChangeStream:
        """Open the stream behind `after`: the first transaction read has a position greater than `after`.

        Raises SourceLost when the capture isn't the one with `identity`, or no longer reaches back to `after`.
        Only one stream of a source may be open at once; a second one raises Unavailable.
        """
        ...

    def safe_position(self, timeout: float) -> Position:
        """A position P such that a read that begins after this call sees every transaction committed at or before P.

        Waits for transactions that were open at the call, up to `timeout` seconds, then raises Unavailable naming the
        one that blocks. Also makes sure that an open stream soon passes P even if nobody writes. Callable from any
        thread and process, beside an open stream.
        """
        ...

    def reader(self) -> SqlSide:
        """A new read-only connection for backfill and reconciliation."""
        ...

    def drop(self) -> None:
        """Remove what `prepare` created. Idempotent; leaves the legacy database as it was found."""
        ...

    def close(self) -> None: ...


class Barrier(Protocol):
    """A connection that stays open for safe positions, so that each takes no longer than the asking."""

    def safe_position(self, timeout: float) -> Position:
        """See `ChangeSource.safe_position`."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Barring(Protocol):
    """A source that has such ones."""

    def barrier(self) -> Barrier:
        """A new one, connected."""
        ...


class Pressure(NamedTuple):
    """How busy a database is, for those that can wait.

    `lag`: seconds that replication is behind: of the server itself where it is a replica, of its replicas as far as it tells of
    them, the longest; infinite where a replica no longer follows; None where there is nothing of the kind, or who asks may not know.
    `running`: statements that run there now beside Strangler's own; None where the database can't tell.
    """

    lag: float | None = None
    running: int | None = None


class Queries(Protocol):
    """A database that evaluates the SELECTs that the mapping compiles."""

    @property
    def dialect(self) -> str:
        """sqlglot's name of the SQL dialect: `postgres`, `sqlite`, `mysql` (MariaDB too), `tsql`, `oracle`, …"""
        ...

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query; values are those of `strangler.changes.Row`, as far as the database has their types."""
        ...


class SqlSide(Queries, Protocol):
    """The legacy side or a store, for reading. One connection. Rows are streamed in constant memory, and each call sees its own
    consistent snapshot."""

    def copy_out(self, sql: str, into: BinaryIO) -> bool:
        """Write the rows of `sql` to `into` in PostgreSQL's COPY text format; False where the database can't (nothing written)."""
        ...

    def pressure(self) -> Pressure:
        """How busy the database is now; cheap. To be asked between two queries, not while rows of one are still to be read."""
        ...

    def close(self) -> None: ...


class Hand(Protocol):
    """A connection with which a switch of owners changes a database beside the rows that are moved: triggers, privileges, sequences.

    Never waits for others longer than some seconds: who waits for a table lets others wait behind it.
    """

    @property
    def dialect(self) -> str:
        """See `SqlSide.dialect`."""
        ...

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a small query, values as the driver gives them."""
        ...

    def do(self, statements: Sequence[str]) -> None:
        """Run the statements in order: in one transaction, where the database has that for them. Raises Unavailable when it had to wait
        too long, naming who is in the way where the database tells, else SourceError or StoreError."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Exclusive(Protocol):
    """A hand that can keep all others away."""

    def alone(self, name: str) -> AbstractContextManager[None]:
        """Within it no other hand is alone by this name, in any process. It ends with the block, or with the connection. Raises
        Unavailable when it had to wait too long, naming who is in the way where the database tells."""
        ...


@runtime_checkable
class Acting(Protocol):
    """A source or a store that lets itself be changed so."""

    def hand(self) -> Hand:
        """A new connection, of the user that the configuration names for this."""
        ...


class Share(Protocol):
    """A part in reading one stream of the log together with other processes."""

    def partitions(self) -> frozenset[int]:
        """The partitions that are this reader's now, none twice among all readers. To be asked between any two batches, at
        least every five seconds: who stays silent loses them."""
        ...

    def close(self) -> None:
        """Leave, so that the others take over at once."""
        ...


class Record(NamedTuple):
    """An event as it stands in the log; `next` is the offset to read from afterwards."""

    next: Offset
    event: Event


class Address(NamedTuple):
    """Where others find a stream of the log, to be described to them. Nothing secret is in it.

    `hosts` are the servers of `protocol`, none for a file; `path` is the database there. `name` is what the stream is called,
    `words` how it is read. `cloudevents`: an event is kept whole, as a CloudEvent in JSON with headers, under the key
    `entity:key`; otherwise its attributes are columns beside its data.
    """

    protocol: str
    hosts: tuple[str, ...]
    path: str
    name: str
    words: str
    cloudevents: bool


class EventLog(Protocol):
    """The durable, ordered, replayable record of all events. One stream per function, partitioned by entity key.

    One writer per source at a time; readers are free, from any process. Events of one key keep their order of append.

    Facts only: nothing that asks for something to be done is an `Event`, and nothing else is appended. In Strangler the boundary
    alone makes them, under names that the mapping's compiler has found to be in the past tense.
    """

    def append(self, source: str, events: Sequence[Event], position: Position | None) -> None:
        """Append and, in the same atomic step, record that `source` is read up to `position`; durable on return.

        Of a repetition nothing is appended twice: no event at or before the recorded position, whoever appended that. A `position`
        of None leaves the record as it is, and appends all: used for events that were held in quarantine and are released now.
        What isn't an event is refused with a TypeError (`check_facts`), and then nothing is appended or recorded.
        """
        ...

    def position(self, source: str) -> Position:
        """Up to where `source` is durably in the log; ORIGIN if never. What this handle reads afterwards is at least as far."""
        ...

    def partitions(self, stream: str) -> int:
        """How many partitions the stream has, at least 1, numbered from 0."""
        ...

    def read(self, stream: str, partition: int, start: Offset, limit: int) -> list[Record]:
        """Up to `limit` records of the stream from offset `start` on, in order, as many as are at hand: fewer don't mean the end,
        only none does, as it was at the call. Doesn't wait for more to be appended. Raises StoreError when `start` is before `begin`:
        what was there is gone."""
        ...

    def begin(self, stream: str, partition: int) -> Offset:
        """The offset of the first record that is kept: 0, unless the log lets go of old ones."""
        ...

    def end(self, stream: str, partition: int) -> Offset:
        """The offset after the last record."""
        ...

    def share(self, stream: str) -> Share | None:
        """Join the readers of the stream, which divide its partitions among them; None where one process has to read all."""
        ...

    def address(self, stream: str) -> Address:
        """Where others find the stream. Asks nobody."""
        ...

    def examine(self, streams: Sequence[str], outage: float) -> list[Finding]:
        """What is missing to keep these streams, and what wouldn't survive that nobody reads for `outage` seconds. Changes nothing."""
        ...

    def close(self) -> None: ...


class Chunk(Protocol):
    """Rows on their way from the legacy side into a store: all fields of the shape in order, canonical values.

    Reading it a second time gives the rows as they are then.
    """

    def rows(self) -> Iterable[Sequence[Any]]: ...

    def copy_out(self, into: BinaryIO) -> bool:
        """The same rows in PostgreSQL's COPY text format, columns in the order of the shape; False where that can't be had."""
        ...


class Mark(NamedTuple):
    """How far a reader is with a store; written with the effect in one transaction (invariant 2).

    `reader` names the reader and its partition (`party/0`, `backfill/party/party`); `at` is the reader's own text
    (an offset, a key); `position` is the source position up to which the store is complete for this reader.
    """

    reader: str
    at: str
    position: Position


class Mended(NamedTuple):
    """What it took to make the tables of an aggregate what they should be: rows that shouldn't be there, that had other values, that
    weren't there. One that had the right values is given its position and not counted."""

    removed: int
    changed: int
    added: int


class ServiceStore(Protocol):
    """The isolated state of one new service, as delivery sees it: one table per part of an aggregate, written by position.

    Shapes are those of aggregates, from the root down. An aggregate with children is written as one: what the stream says of it,
    it says of all its rows. Its position is that of its root's row, from which those below are only behind while a backfill fills
    them. Tombstones and waiting events are the root's.

    Beside the fields each table has the column `_position`: of the event that last wrote the row, NULL for a row that the
    service itself wrote; the store sees to the NULL, whether or not the service knows of the column. An event or chunk that
    meets such a row raises StoreError and writes nothing (invariant 4); a newer event meets all that is under its key.
    A removed key leaves a tombstone with its position until `sweep`. An event that leaves fields out, of a key whose row isn't there
    yet, waits until `load` or a whole event brings the row. Tables `strangler_mark`, `strangler_tombstone` and `strangler_partial`
    belong to the store. Calls from several threads or processes on one aggregate's tables are serialised by the store.
    """

    def prepare(self, shapes: Sequence[Shape]) -> None:
        """Create the tables that aren't there; raise StoreError naming the column where one is there but doesn't fit.

        `apply` and `load` know the shapes that this instance was given here.
        """
        ...

    def apply(self, events: Sequence[Event], mark: Mark) -> int:
        """Apply the events in order and record `mark`, in one transaction. Returns how many aggregates' rows were written.

        Newer wins (invariant 3): an event at or before the position of the row, or of its tombstone, does nothing.
        Fields absent from `data` keep their value. Several events of one key may be in one call.

        Of an aggregate with children a newer event that has all lists, with all of each line, makes the rows under its key exactly
        those, at its position; a removal takes them all. One that leaves some of it out says nothing of them: a mapping made it
        that didn't have them, and a backfill is to come.
        """
        ...

    def load(self, shape: Shape, chunk: Chunk, stamp: Position, mark: Mark) -> int:
        """Write a backfilled chunk, every row with position `stamp`, and record `mark`, in one transaction.

        Newer wins here too, so that a chunk never covers what the stream already wrote or removed. Returns the rows in the chunk.

        Of the shape of children, rows are passed over unless the one that they stand under is there, not newer than the stamp and
        not the service's own: the stream has written or removed the whole aggregate. So parents are loaded before their children,
        under the same stamp.
        """
        ...

    def settle(self, shape: Shape, stamp: Position) -> int:
        """Remove what a backfill, all of whose parts are loaded, didn't find any more: of the aggregates that are at its `stamp`, the
        rows below the root that are older. Returns how many. Rows that the service itself wrote stay."""
        ...

    def mark(self, reader: str) -> Mark | None:
        """The last mark of the reader; None if it never was here.

        Who has asked for it goes on from there: `apply` and `load` raise Unavailable, and write nothing, once another
        instance has moved it.
        """
        ...

    def sweep(self, shape: Shape, before: Position) -> int:
        """Forget tombstones with a position before `before`; returns how many."""
        ...

    def image(self, shapes: Sequence[Shape], readers: Sequence[str]) -> Iterator[Mark | Event]:
        """What the store holds of these shapes, as of one moment: first the marks of `readers`, of those that are there, then
        events that bring the same rows, tombstones and waiting events into tables that are empty; aggregates whole. In constant
        memory.

        Raises StoreError where there is a row that the service itself wrote: no event says it.
        """
        ...

    def replace(
        self,
        pairs: Sequence[tuple[Shape, Shape]],
        marks: Sequence[tuple[str, Mark]],
        allowed: Callable[[], None],
        *,
        even_own: bool = False,
    ) -> list[Mended]:
        """Make the tables of each pair's first shape equal those of its second, tombstones and waiting events too, record the
        marks, and drop the second, in one transaction. Only rows that differ are touched; the tables themselves stay. Returns what
        it took for each pair, all parts together.

        `marks`: the reader that filled the second one, and the mark that is to be recorded for the first. Raises Unavailable,
        and changes nothing, once another instance has moved either. `allowed` is called when nobody else can write to the tables any
        more, and undoes everything by raising. Rows that the service itself wrote are a StoreError, or overwritten with `even_own`.
        """
        ...

    def drop(self, shapes: Sequence[Shape], readers: Sequence[str]) -> None:
        """Forget these shapes with all that belongs to them, and the marks of `readers`. Idempotent."""
        ...

    def examine(self, shapes: Sequence[Shape]) -> list[Finding]:
        """What is missing to fill these shapes (privileges, a table that doesn't fit). Changes nothing."""
        ...

    def reader(self) -> SqlSide:
        """A new read-only connection for reconciliation."""
        ...

    def close(self) -> None: ...


class Waiting(NamedTuple):
    """What waits in an outbox: how many aggregates, and since when the first, in seconds since the epoch; None: none waits."""

    keys: int
    since: float | None


class Outgoing(NamedTuple):
    """What the service made of one aggregate: what it was `before` its first change that hasn't been returned, and what it is
    `now`, as the data of an event that says it whole; None where there is none. `entries` stand for these changes in the outbox."""

    entity: str
    key: str
    before: dict[str, Any] | None
    now: dict[str, Any] | None
    entries: frozenset[str]


class Outbox(Protocol):
    """What the service itself writes to the tables of some aggregates, kept beside them from `prepare` on, in the service's own
    transactions. What delivery writes isn't in it.

    It is asked for states, not for steps: an aggregate is in it until all that stands for it is `done`, and is given as it is at
    the moment of asking. So a change that commits late is never passed over, and one that is given twice is the same.
    """

    def prepare(self) -> None:
        """Begin to keep, of tables that a store has prepared; idempotent."""
        ...

    def outgoing(self, limit: int, without: Collection[tuple[str, str]] = ()) -> list[Outgoing]:
        """Up to `limit` aggregates that the service has changed, those first that have waited longest, all as of one moment.
        `without`: entities and keys that are left out."""
        ...

    def of(self, entity: str, key: str) -> Outgoing | None:
        """The aggregate with this key; None where nothing of it waits."""
        ...

    def done(self, entries: Collection[str]) -> None:
        """Forget these entries: legacy has what they stand for. Idempotent."""
        ...

    def overwrite(self, event: Event, entries: Collection[str]) -> None:
        """Make an aggregate what a whole event says, or remove it, though the service itself wrote it, and forget these entries of it,
        in one transaction. Raises Unavailable, and changes nothing, where the service has changed it again since."""
        ...

    def adopt(self, position: Position) -> int:
        """Give `position` to all rows that the service itself wrote, and of which nothing waits: legacy has them as they are, up to there.
        Returns how many."""
        ...

    def waiting(self) -> Waiting:
        """How much there is. Cheap."""
        ...

    def end(self) -> None:
        """Keep nothing any more, and forget what waits. Idempotent."""
        ...

    def end_when_empty(self) -> bool:
        """Keep nothing any more, if nothing waits: look and end as one, for which every transaction of the service that has written is
        waited for. False, and nothing is changed, where something does. Idempotent."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class ReturningStore(ServiceStore, Protocol):
    """A store that can tell what the service wrote."""

    def outbox(self, shapes: Sequence[Shape]) -> Outbox:
        """The outbox of these aggregates, all of one function. A connection of its own; touches nothing yet."""
        ...


class LegacyTransaction(Queries, Protocol):
    """A transaction that writes to the legacy database. Its queries see what is committed when they run, and what it wrote itself."""

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement with `?` for each value, values being those of `strangler.changes.Row`, and take the rows that it gives."""
        ...

    def record(self, entries: Collection[str]) -> None:
        """Commit, with what is written, that it is what these entries stand for (invariant 2)."""
        ...


class LegacyWriter(Protocol):
    """Writes to the legacy database what comes back from new, for one function. One connection.

    Whoever reads the database's changes can tell what it wrote: by a table of its own, `strangler_returned`, whose row of the function
    is changed first and last in each of its transactions, or by a mark that the database's log has of itself. That row also holds
    what was done in the last transaction, so that it is done once (invariant 2). Errors: Unavailable when trying again may help,
    SourceError for what the database refuses.
    """

    def examine(self, tables: Sequence[str]) -> list[Finding]:
        """What is missing to write to these tables, with the statement that grants it. Changes nothing."""
        ...

    def prepare(self) -> None:
        """Make what it needs of its own. Idempotent."""
        ...

    def mark(self) -> str | None:
        """The table whose changes show what was returned; None: the database's log tells by itself. Of a prepared one."""
        ...

    def returned(self) -> frozenset[str]:
        """What was recorded with the last transaction. May be asked within the next one."""
        ...

    def transaction(self) -> AbstractContextManager[LegacyTransaction]:
        """A transaction that commits when the block ends, and is undone when the block raises. One at a time for a function, in all
        processes: others wait, or get Unavailable."""
        ...

    def drop(self) -> None:
        """Remove what `prepare` made of this function, and the table when it is the last one. Idempotent."""
        ...

    def close(self) -> None: ...


class WriterOpener(Protocol):
    """What an entry point of `strangler.writers` names: by the connector's kind. `url` is that of the legacy database. Touches
    nothing yet."""

    def __call__(self, name: str, url: str, function: str) -> LegacyWriter: ...


class Opener(Protocol):
    """What an entry point of `strangler.stores` or `strangler.logs` names: `connect(name, settings)`. Touches nothing yet."""

    def __call__(self, name: str, settings: Any) -> Any: ...


class ConnectorOpener(Protocol):
    """What an entry point of `strangler.connectors` names. `tables` are the legacy tables to capture, each with the columns
    that the mappings name (the key is always added); an empty mapping is enough for `describe` and `reader`."""

    def __call__(self, name: str, settings: Any, tables: Mapping[str, Sequence[str]]) -> ChangeSource: ...
