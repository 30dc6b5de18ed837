"""The decoder of the binlog: events in, transactions out; no connection, no clock.

What is in the binlog has been committed. A transaction begins with its GTID; then come table maps and rows, and a
commit. DDL stands alone behind its GTID. A transaction of more changes than `PART` is given out in parts while it
comes, so that memory stays bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from strangler.changes import PART, Change, Operation, Position, Transaction
from strangler.errors import SourceError
from strangler_connectors.mysql import events, metadata, refusals
from strangler_connectors.mysql.charsets import Charsets
from strangler_connectors.mysql.events import Begun
from strangler_connectors.mysql.positions import BEHIND, Place, position, whole
from strangler_connectors.mysql.rows import RowReaders, compile_readers
from strangler_connectors.mysql.statements import Effect, Touched, touched


@dataclass(frozen=True, slots=True)
class Wanted:
    """A captured table: its name in the configuration, the columns that were asked for, key included, and those
    among them that are told as text though the binlog has bytes, with their type."""

    table: str
    columns: frozenset[str]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose transactions are expected: MariaDB's replication domain, or MySQL's server (its UUID as 32 hex digits)."""

    mariadb: bool
    domain: int
    uuid: str

    def server(self, begun: Begun) -> int:
        """The second part of a position."""
        return int(begun.origin) if self.mariadb else int(begun.origin[:8], 16)


class Decoder:
    """Collects the events of one dump. `wanted` maps (database, table), as `fold` writes them, to what was asked of it;
    changes of other tables are passed over. `after` is where the reader has been: the first transaction that comes
    must be that one, and what it had of it is left out; sequence 0 stands before all of them.

    `ready` has the transactions that are whole, or parts of them, in order. `seen` is the end of the last one, captured or
    not, `second` when it was logged.
    """

    def __init__(
        self,
        wanted: Mapping[tuple[str, str], Wanted],
        fold: Callable[[str], str],
        charsets: Charsets,
        origin: Origin,
        after: Place,
    ) -> None:
        self._wanted, self._fold, self._charsets, self._origin = wanted, fold, charsets, origin
        self._after: Place | None = after if after.sequence else None
        self.ready: deque[Transaction] = deque()
        self.seen, self.second = position(*after), float(max(after.place, BEHIND))
        self._begun: Begun | None = None
        self._inside = self._xa = self._checksums = False
        self._open: dict[bytes, RowReaders | None] = {}
        self._known: dict[bytes, RowReaders | None] = {}
        self._changes: list[Change] = []
        self._altered: dict[str, None] = {}
        self._count = self._skip = self._last = 0
        self._prefix = self._author = ""

    @property
    def expecting(self) -> bool:
        """Whether the transaction in which, or behind which, the reading begins has yet to come."""
        return self._after is not None

    @property
    def inside(self) -> bool:
        """Whether a transaction has begun and not ended."""
        return self._begun is not None

    @property
    def _passed(self) -> bool:
        """Whether this transaction was read before, all of it; so it doesn't matter what it is like."""
        return self._skip >= BEHIND

    def feed(self, event: bytes) -> None:
        """Take one event."""
        kind = event[4]
        if kind == events.FORMAT:
            self._checksums = events.has_checksums(event)
            self._open.clear()  # Table ids are those of the server's run.
            return
        if self._checksums:
            event = events.checked(event)
        operation = events.ROWS.get(kind)
        if operation is not None:
            readers = self._open.get(event[19:25])
            if readers is not None and not self._passed:
                self._rows(event, kind, operation, readers)
        elif kind == events.TABLE_MAP:
            if not self._passed:
                self._table_map(event)
        elif kind in (events.MARIADB_GTID, events.GTID):
            self._begin(events.begun(event))
            self._author = f"server {events.server(event)}"
        elif kind == events.XID:
            self._commit()
        elif kind in (events.QUERY, events.QUERY_COMPRESSED):
            self._query(event)
        elif kind not in events.KNOWN:
            self._other(event, kind)

    def _begin(self, begun: Begun) -> None:
        self._check_order(begun)
        self._begun = begun
        # MySQL says so with a BEGIN that follows.
        self._inside = self._origin.mariadb and not begun.flags & events.STANDALONE
        server = self._origin.server(begun)
        self._prefix = position(begun.sequence, server, 0)[:-8]
        self._last, self._count = begun.sequence, 0
        self._changes, self._altered = [], {}
        self._skip, self._xa = 0, False
        if self._after is not None:
            self._recognise(begun, server, self._after)
            self._skip, self._after = self._after.place, None

    def _check_order(self, begun: Begun) -> None:
        """Positions sort only within one series of numbers."""
        origin = self._origin
        if begun.domain != origin.domain if origin.mariadb else begun.origin != origin.uuid:
            raise refusals.stranger(begun, origin.mariadb)
        if begun.sequence <= self._last:
            raise refusals.unordered(begun.sequence, self._last)

    def _recognise(self, begun: Begun, server: int, after: Place) -> None:
        """The first transaction is the one that was read last, or the binlog isn't what it was."""
        if (begun.sequence, server) != (after.sequence, after.server):
            raise refusals.another_binlog(
                f"the binlog goes on with transaction {begun.sequence} instead of {after.sequence}"
            )
        if after.place > BEHIND and begun.second > after.place:
            raise refusals.another_binlog(
                f"transaction {begun.sequence} was logged after it had been read: the binlog was begun anew"
            )

    def _table_map(self, event: bytes) -> None:
        body = event[27:]
        try:
            readers = self._known[body]
        except KeyError:
            readers = self._known[body] = self._compile(body)
        self._open[event[19:25]] = readers

    def _compile(self, body: bytes) -> RowReaders | None:
        schema, table = metadata.names(body)
        wanted = self._wanted.get((self._fold(schema), self._fold(table)))
        if wanted is None:
            return None
        mapped = metadata.parse_table_map(body, self._origin.mariadb)
        names = {column.name for column in mapped.columns}
        if names == {""}:
            raise refusals.nameless(wanted.table)
        missing = wanted.columns - names
        if missing:
            raise refusals.missing_columns(wanted.table, missing)
        return compile_readers(wanted.table, mapped, wanted.columns, wanted.texts, self._charsets)

    def _rows(self, event: bytes, kind: int, operation: int, readers: RowReaders) -> None:
        begun = self._begun
        if begun is None:
            raise SourceError("the binlog has rows outside of a transaction")
        if begun.flags & events.PREPARED_XA:
            raise refusals.undecided(self._last)
        offset = 27
        if kind in events.SECOND_VERSION:
            offset += int.from_bytes(event[27:29], "little")
        images = 2 if operation == events.UPDATE else 1
        offset = self._check_image(event, offset, readers.width, images)
        if kind in events.COMPRESSED_ROWS:
            event, offset = events.inflate(event[offset:]), 0
        before, start = self._count, len(self._changes)
        read = (readers.insert, readers.update, readers.delete)[operation]
        self._count = read(event, offset, len(event), self._prefix, before, self._changes)
        if before < self._skip:
            del self._changes[start : start + min(self._count, self._skip) - before]
        while len(self._changes) > PART:
            if self._xa:
                raise refusals.undecided(self._last)
            part, self._changes = self._changes[:PART], self._changes[PART:]
            self._give(part[-1].position, part)

    def _check_image(self, event: bytes, offset: int, columns: int, images: int) -> int:
        """The offset of the first row; SourceError when the images leave columns out."""
        count, offset = metadata.length(event, offset)
        width = (count + 7) // 8
        for _ in range(images):
            present = int.from_bytes(event[offset : offset + width], "little")
            if count != columns or present & (1 << count) - 1 != (1 << count) - 1:
                raise refusals.partial_image()
            offset += width
        return offset

    def _query(self, event: bytes) -> None:
        said = events.query(event, self._charsets.codec)
        head = said.sql[:20].lstrip().upper()
        if head == "BEGIN" or head.startswith("XA START"):
            self._inside, self._xa = True, head != "BEGIN"
            self._author += f", thread {said.thread}"
        elif head == "COMMIT":
            self._commit()
        elif head.startswith("ROLLBACK"):
            self._rollback(ends=head == "ROLLBACK")
        else:
            if not self._passed:
                self._apply(touched(said.sql, said.schema, said.ansi_quotes))
            # MySQL's CREATE TABLE … SELECT goes on with its rows.
            self._inside = self._inside or said.sql.rstrip().upper().endswith("START TRANSACTION")
            if not self._inside:
                self._commit()

    def _rollback(self, ends: bool) -> None:
        if self._count:
            raise refusals.undone_in_part()
        if ends:
            self._commit()

    def _apply(self, effects: list[Touched]) -> None:
        for effect, schema, table in effects:
            for wanted in self._captured(schema, table):
                if effect is Effect.ALTERED:
                    self._altered[wanted.table] = None
                elif effect is Effect.EMPTIED:
                    self._count += 1
                    if self._count > self._skip:
                        at = Position(f"{self._prefix}{self._count:08X}")
                        self._changes.append(Change(at, wanted.table, Operation.TRUNCATE, None, None))
                else:
                    raise refusals.unseen(wanted.table, effect)

    def _captured(self, schema: str, table: str | None) -> list[Wanted]:
        fold = self._fold
        if table is None:
            return [wanted for (where, _), wanted in self._wanted.items() if where == fold(schema)]
        found = self._wanted.get((fold(schema), fold(table)))
        return [found] if found else []

    def _commit(self) -> None:
        begun, self._begun = self._begun, None
        if begun is None:
            return
        at = whole(begun.sequence, self._origin.server(begun), begun.second)
        if self._changes or self._altered:
            self._give(at, self._changes, begun)
            self._changes = []
        if at > self.seen:
            self.seen, self.second = at, float(begun.second)

    def _give(self, at: Position, changes: list[Change], begun: Begun | None = None) -> None:
        begun = begun or self._begun
        assert begun is not None
        identity = (
            f"{begun.domain}-{begun.origin}-{begun.sequence}"
            if self._origin.mariadb
            else f"{begun.origin}:{begun.sequence}"
        )
        altered = tuple(self._altered)
        self.ready.append(Transaction(at, identity, float(begun.second), changes, altered, self._author))
        self._altered = {}

    def _other(self, event: bytes, kind: int) -> None:
        """What is rare: mostly things that can't be read, and mustn't be passed over."""
        if kind == events.XA_PREPARE:
            if self._count and not events.one_phase(event):
                raise refusals.undecided(self._last)
            self._commit()
        elif not events.ignorable(event):
            raise refusals.unreadable(kind)
