"""The event log in SQL, on SQLite or PostgreSQL: durable, ordered, replayable with nothing else installed.

A stream is one run of numbers without gaps. Its counter is raised in the transaction that appends, and the counter's row
stays locked until the commit; so the next writer numbers its events only once these are visible, and a reader that goes
on from its last number skips nothing, however many append at once.

What thousands of events share (type, entity, effect, mapping) stands once, in `strangler_kind`: a third less to write
and to read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Final, NamedTuple

import orjson

from strangler import urls
from strangler.changes import ORIGIN, Position
from strangler.errors import StoreError
from strangler.events import Effect, Event, check_facts
from strangler.ports import Address, EventLog, Finding, Offset, Record, Share
from strangler.settings import Log
from strangler_adapters import sql_log_needs as needs
from strangler_adapters.sql_copy import escaped
from strangler_adapters.sql_session import Session

_READING: Final = (
    "The rows of strangler_event whose stream is the number that strangler_stream has for this name, in the order of offset; "
    "type, entity, effect and mapping stand in strangler_kind, under the number in the column kind."
)

_COLUMNS: Final = 'stream, "offset", kind, key, position, time, data, cohort, cohort_before'


_Kind = tuple[str, str, Effect, str]
"""What many events have in common: type, entity, effect, mapping."""

_kind_of: Final[Callable[[Event], _Kind]] = itemgetter(0, 2, 3, 7)


class _Numbered(NamedTuple):
    """Events about to be inserted: the first gets the number `first`, and `kinds` has the number of each kind."""

    stream: int
    first: int
    events: Sequence[Event]
    kinds: dict[_Kind, int]


class Dialect(NamedTuple):
    """Where SQLite and PostgreSQL part. `clustered` ends the declaration of a table that is kept in key order; `lacking` says
    what keeps the log from being written; `place` the servers, none for a file, and the database there."""

    session: Session[Any]
    clustered: str
    insert: Callable[[Any, _Numbered], None]
    lacking: Callable[[], list[Finding]]
    place: Callable[[], tuple[tuple[str, ...], str]]


def connect(name: str, settings: Log) -> EventLog:
    """The log at `settings.url`; touches nothing yet. Its tables are made when it is first used."""
    what = f"the event log {name}"
    if settings.url is None:
        raise StoreError(f"{what} has no url", do="set log.url, e.g. sqlite:///events.db")
    url = settings.url.get_secret_value()
    if urls.kind(url) == "sqlite":
        from strangler_adapters.sql_sqlite import SqliteSession, file_of

        lacking = partial(needs.of_file, file_of(what, url))
        return SqlLog(
            what, Dialect(SqliteSession(what, url), "WITHOUT ROWID", _insert_into_sqlite, lacking, _in_a_file)
        )
    if urls.kind(url) == "postgresql":
        from strangler_adapters.sql_postgres import PostgresSession, place

        session = PostgresSession(what, url)
        lacking = partial(needs.of_server, session)
        return SqlLog(what, Dialect(session, "", _insert_into_postgres, lacking, partial(place, what, url)))
    raise StoreError(
        f"{what} can't be kept at {urls.display(url)}",
        why="a log of kind sql lives in SQLite or PostgreSQL",
        do="write sqlite:///path or postgresql://…",
    )


class SqlLog:
    """An `EventLog`; see the port. Every stream has one partition."""

    def __init__(self, what: str, dialect: Dialect) -> None:
        self._what, self._session, self._dialect = what, dialect.session, dialect
        self._ready = False
        self._streams: dict[str, int] = {}
        self._numbers: dict[_Kind, int] = {}
        self._kinds: dict[int, _Kind] = {}

    def append(self, source: str, events: Sequence[Event], position: Position | None) -> None:
        check_facts(events)
        self._prepare()
        numbers = self._numbers_of(events)
        with self._session.transaction() as transaction:
            if position is not None:
                known = _advance(transaction, source, position)
                events = [event for event in events if event.position > known]
            streams: dict[str, list[Event]] = {}
            for event in events:
                streams.setdefault(event.function, []).append(event)
            # In sorted order, so that two writers never wait for each other's counters.
            for stream, members in sorted(streams.items()):
                number, first = _reserve(transaction, stream, len(members))
                try:
                    self._dialect.insert(transaction, _Numbered(number, first, members, numbers))
                except orjson.JSONEncodeError as error:
                    raise StoreError(
                        f"{self._what} can't write an event of {stream}", why=str(error)
                    ) from error

    def position(self, source: str) -> Position:
        self._prepare()
        rows = self._session.rows("SELECT position FROM strangler_source WHERE source = ?", (source,))
        return Position(rows[0][0]) if rows else ORIGIN

    def partitions(self, stream: str) -> int:
        return 1

    def read(self, stream: str, partition: int, start: Offset, limit: int) -> list[Record]:
        number = self._stream(stream)
        if number is None:
            return []
        rows = self._session.rows(
            'SELECT "offset", kind, key, position, time, data, cohort, cohort_before FROM strangler_event'
            ' WHERE stream = ? AND "offset" >= ? ORDER BY "offset" LIMIT ?',
            (number, start, limit),
        )
        kinds = self._kinds
        if any(row[1] not in kinds for row in rows):
            self._learn_kinds()
        # Named tuples made without their Python-level constructor, which would cost as much as the rest.
        records, loads, new = [], orjson.loads, tuple.__new__
        for offset, kind, key, position, time, data, cohort, was in rows:
            type, entity, effect, mapping = kinds[kind]
            parts = (type, stream, entity, effect, key, position, time, mapping, loads(data), cohort, was)
            records.append(new(Record, (offset + 1, new(Event, parts))))
        return records

    def begin(self, stream: str, partition: int) -> Offset:
        return Offset(0)

    def end(self, stream: str, partition: int) -> Offset:
        self._prepare()
        rows = self._session.rows("SELECT next FROM strangler_stream WHERE name = ?", (stream,))
        return Offset(rows[0][0] if rows else 0)

    def share(self, stream: str) -> Share | None:
        return None

    def address(self, stream: str) -> Address:
        hosts, database = self._dialect.place()
        protocol = "postgresql" if hosts else "sqlite"
        return Address(protocol, hosts, database, stream, _READING, cloudevents=False)

    def examine(self, streams: Sequence[str], outage: float) -> list[Finding]:
        return self._dialect.lacking()  # Nothing is ever removed, so that no outage is too long.

    def close(self) -> None:
        self._session.close()

    def _prepare(self) -> None:
        if self._ready:
            return
        with self._session.transaction() as transaction:
            if not transaction.has_table("strangler_source"):
                transaction.lock("log")
                transaction.script(_tables(self._dialect))
        self._ready = True

    def _stream(self, name: str) -> int | None:
        if name not in self._streams:
            self._prepare()
            for number, each in self._session.rows("SELECT number, name FROM strangler_stream"):
                self._streams[each] = number
        return self._streams.get(name)

    def _numbers_of(self, events: Sequence[Event]) -> dict[_Kind, int]:
        """The numbers of the kinds of the events. New kinds are recorded at once: a kind without events does no harm."""
        if new := set(map(_kind_of, events)) - self._numbers.keys():
            with self._session.transaction() as transaction:
                for kind in sorted(new):
                    transaction.change(
                        "INSERT INTO strangler_kind (type, entity, effect, mapping) VALUES (?, ?, ?, ?)"
                        " ON CONFLICT DO NOTHING",
                        [str(part) for part in kind],
                    )
            self._learn_kinds()
        return self._numbers

    def _learn_kinds(self) -> None:
        rows = self._session.rows("SELECT number, type, entity, effect, mapping FROM strangler_kind")
        for number, type, entity, effect, mapping in rows:
            self._kinds[number] = kind = (type, entity, Effect(effect), mapping)
            self._numbers[kind] = number


def _in_a_file() -> tuple[tuple[str, ...], str]:
    return (), ""


def _advance(transaction: Any, source: str, position: Position) -> Position:
    """Record that the source is read up to `position`, unless it is further already; returns up to where it was."""
    # Who was frozen and has lost the source to another writer may come back with a batch that this one has appended in part.
    transaction.lock(f"log of {source}")
    rows = transaction.rows("SELECT position FROM strangler_source WHERE source = ?", (source,))
    known = Position(rows[0][0]) if rows else ORIGIN
    if position > known:
        transaction.change(
            "INSERT INTO strangler_source (source, position) VALUES (?, ?) ON CONFLICT (source)"
            " DO UPDATE SET position = excluded.position",
            (source, position),
        )
    return known


def _reserve(transaction: Any, stream: str, count: int) -> tuple[int, int]:
    """The number of the stream and the first of `count` offsets in it, which are now this transaction's."""
    transaction.change(
        "INSERT INTO strangler_stream (name, next) SELECT ?, 0"
        " WHERE NOT EXISTS (SELECT 1 FROM strangler_stream WHERE name = ?) ON CONFLICT DO NOTHING",
        (stream, stream),
    )
    [(number, end)] = transaction.rows(
        "UPDATE strangler_stream SET next = next + ? WHERE name = ? RETURNING number, next", (count, stream)
    )
    return number, end - count


def _insert_into_sqlite(transaction: Any, batch: _Numbered) -> None:
    stream, first, events, kinds = batch
    dumps = orjson.dumps
    rows = [
        (
            stream,
            offset,
            kinds[type, entity, effect, mapping],
            key,
            position,
            time,
            dumps(data).decode(),
            *cohorts,
        )
        for offset, (type, _, entity, effect, key, position, time, mapping, data, *cohorts) in enumerate(
            events, first
        )
    ]
    transaction.many(f"INSERT INTO strangler_event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _insert_into_postgres(transaction: Any, batch: _Numbered) -> None:
    """By COPY. JSON holds no control character, so the backslash is all that its text format needs escaped."""
    stream, first, events, kinds = batch
    dumps = orjson.dumps
    lines = [
        f"{stream}\t{offset}\t{kinds[type, entity, effect, mapping]}\t{key}\t{position}\t{time!r}\t{dumps(data).decode()}".replace(
            "\\", r"\\"
        )
        + (_NO_COHORT if cohort is None and was is None else f"\t{_copied(cohort)}\t{_copied(was)}\n")
        for offset, (type, _, entity, effect, key, position, time, mapping, data, cohort, was) in enumerate(
            events, first
        )
    ]
    with transaction.cursor.copy(f"COPY strangler_event ({_COLUMNS}) FROM STDIN".encode()) as copy:
        copy.write("".join(lines))


_NO_COHORT: Final = "\t\\N\t\\N\n"


def _copied(cohort: str | None) -> str:
    return r"\N" if cohort is None else escaped(cohort)


def _tables(dialect: Dialect) -> list[str]:
    session = dialect.session
    return [
        f"""CREATE TABLE IF NOT EXISTS strangler_stream (
            number {session.identity}, name text NOT NULL UNIQUE, next bigint NOT NULL)""",
        f"""CREATE TABLE IF NOT EXISTS strangler_kind (
            number {session.identity}, type text NOT NULL, entity text NOT NULL, effect text NOT NULL,
            mapping text NOT NULL, UNIQUE (type, entity, effect, mapping))""",
        f"""CREATE TABLE IF NOT EXISTS strangler_event (
            stream integer NOT NULL, "offset" bigint NOT NULL, kind integer NOT NULL, key text NOT NULL,
            position {session.binary_text} NOT NULL, time {session.double} NOT NULL, data text NOT NULL,
            cohort text, cohort_before text, PRIMARY KEY (stream, "offset")) {dialect.clustered}""",
        f"""CREATE TABLE IF NOT EXISTS strangler_source (
            source text PRIMARY KEY, position {session.binary_text} NOT NULL)""",
    ]
