"""A SQLite file as a `ChangeSource`: what the other modules of this package do, put together."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from strangler.changes import Position
from strangler.errors import SourceError, SourceLost
from strangler.ports import Finding
from strangler.settings import Source
from strangler.shapes import FieldType, Table
from strangler.urls import MEMORY, sqlite_path
from strangler_connectors import replicas
from strangler_connectors.claims import claim
from strangler_connectors.sqlite.catalog import describe, quoted
from strangler_connectors.sqlite.connection import immediate, open_connection, translated
from strangler_connectors.sqlite.hand import SqliteHand
from strangler_connectors.sqlite.journal import Journal
from strangler_connectors.sqlite.reader import SqliteSide
from strangler_connectors.sqlite.stream import SqliteStream, position, sequence

BLIND_SPOTS: Final = (
    "where a transaction ends: what was committed since the last look comes as one",
    "that INSERT OR REPLACE removed another row, unless the ERP sets recursive_triggers",
)
"""What triggers can't tell."""


class SqliteSource:
    """See `ChangeSource`. Every call but `stream` and `reader` opens a connection of its own and closes it."""

    def __init__(self, name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> None:
        if settings.options:
            raise SourceError(f"source {name}: a sqlite source has no options", do="remove `options:`")
        replicas.refuse(name, settings)
        self._name, self._tables, self._prefix = name, tables, f"strangler_{name}"
        self._heartbeat = settings.heartbeat.total_seconds()
        self._path = _path(name, settings.url.get_secret_value())

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        with self._connected("reading the catalog", "ro") as connection:
            return describe(connection, tables)

    def prepare(self, anew: bool = False) -> str:
        with self._connected("preparing the capture") as connection, immediate(connection):
            columns = self._captured(describe(connection, list(self._tables)))
            return Journal(connection, self._prefix).create(columns)

    def examine(self, outage: float) -> list[Finding]:
        with self._connected("examining the file", "ro") as connection:
            return [
                *self._findings(describe(connection, list(self._tables))),
                *self._file_findings(connection),
                *self._journal_findings(Journal(connection, self._prefix)),
            ]

    def blind_spots(self) -> Sequence[str]:
        return BLIND_SPOTS

    def stream(self, after: Position, identity: str) -> SqliteStream:
        release = claim(self._claim_file, self._name, str(self._path))
        connection = None
        try:
            # Beating and pruning wait for the ERP's writers only a moment: they come again.
            connection = open_connection(self._path, self._name, wait=1.0)
            with translated(self._name, "opening the stream"):
                journal = Journal(connection, self._prefix)
                start = self._require_unbroken(journal, identity, after)
                wanted = self._types(describe(connection, list(self._tables)))
                return SqliteStream(self._name, connection, journal, wanted, start, self._heartbeat, release)
        except BaseException:
            if connection is not None:
                connection.close()
            release()
            raise

    def safe_position(self, timeout: float) -> Position:
        # Who holds the write lock knows that nobody else is within a transaction that writes.
        with (
            self._connected("waiting for open transactions", wait=timeout) as connection,
            immediate(connection),
        ):
            return position(Journal(connection, self._prefix).beat())

    def reader(self) -> SqliteSide:
        return SqliteSide(self._name, open_connection(self._path, self._name, "ro"))

    def hand(self) -> SqliteHand:
        beside = self._path.with_name(f"{self._path.name}-strangler_hand")
        return SqliteHand(self._name, open_connection(self._path, self._name, wait=3.0), beside)

    def drop(self) -> None:
        with self._connected("removing the capture") as connection, immediate(connection):
            Journal(connection, self._prefix).drop()
        self._claim_file.unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing to close: streams and readers are closed by whoever opened them."""

    @contextmanager
    def _connected(self, doing: str, mode: str = "rw", wait: float = 30.0) -> Iterator[sqlite3.Connection]:
        with (
            closing(
                open_connection(self._path, self._name, "ro" if mode == "ro" else "rw", wait)
            ) as connection,
            translated(self._name, doing),
        ):
            yield connection

    def _captured(self, found: Mapping[str, Table]) -> dict[str, list[str]]:
        """Table → asked columns and key, in the order of the table; SourceError for what can't be captured."""
        needs = self._findings(found)
        if needs or not self._tables:
            raise SourceError(
                f"source {self._name} can't be captured yet; nothing was created",
                why="; ".join(need.what for need in needs) or "no mapping names one of its tables",
                do="; ".join(dict.fromkeys(need.do for need in needs)),
            )
        return {name: list(types) for name, types in self._types(found).items()}

    def _findings(self, found: Mapping[str, Table]) -> list[Finding]:
        return [each for name, asked in self._tables.items() for each in _needs(found.get(name), name, asked)]

    def _file_findings(self, connection: sqlite3.Connection) -> Iterator[Finding]:
        for path in (self._path, self._path.absolute().parent):
            if not os.access(path, os.W_OK):
                what = f"{path} can't be written by this user, and capture writes a journal into the file"
                yield Finding(what, f"chmod u+w {path}, or run as the user who owns it")
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":
            what = f"the journal mode is {mode}: whoever reads the file, for a backfill too, makes the ERP's writers wait"
            yield Finding(what, "PRAGMA journal_mode = WAL, if the ERP allows it", blocks=False)

    def _journal_findings(self, journal: Journal) -> Iterator[Finding]:
        capture = journal.capture()
        for table in sorted(capture.tables & self._tables.keys()) if capture else ():
            if not journal.covers(table):
                what = f"changes may be missing: the triggers of {table} are gone"
                yield Finding(what, "strangler source reset, with the name of this source")

    def _types(self, found: Mapping[str, Table]) -> dict[str, dict[str, FieldType]]:
        return {
            name: {
                c.name: c.type for c in table.columns if c.name in self._tables[name] or c.name in table.key
            }
            for name, table in found.items()
        }

    def _require_unbroken(self, journal: Journal, identity: str, after: Position) -> int:
        capture = journal.capture()
        why = ""
        if capture is None:
            why = "its journal is no longer there"
        elif capture.token != identity:
            why = "its journal or one of its tables was made anew"
        elif not all(journal.covers(table) for table in self._tables):
            why = "the triggers of a table are gone"
        elif sequence(after, capture.start) < capture.pruned:
            why = "the journal was read and pruned beyond the position that is remembered"
        elif sequence(after, capture.start) > journal.last():
            why = "the file is older than what is remembered: it was put back from a copy"
        else:
            return sequence(after, capture.start)
        raise SourceLost(
            f"source {self._name}: changes may be missing since the last position that is remembered",
            why=why,
        )

    @property
    def _claim_file(self) -> Path:
        return self._path.with_name(f"{self._path.name}-{self._prefix}")


def _path(name: str, url: str) -> Path:
    try:
        path = sqlite_path(url)
    except ValueError as error:
        raise SourceError(f"source {name}: {error}", do="write sqlite:///path/to/file.db") from None
    if path == MEMORY:
        raise SourceError(f"source {name}: a database in memory can't be captured", do="use a file")
    return Path(path)


def _needs(table: Table | None, name: str, asked: Sequence[str]) -> Iterator[Finding]:
    if table is None:
        yield Finding(f"table {name} isn't there", "correct the table's name")
        return
    missing = sorted(set(asked) - {column.name for column in table.columns})
    if missing:
        yield Finding(f"table {name} has no column {', '.join(missing)}", "correct the mapping")
    if not table.key:
        index = f"CREATE UNIQUE INDEX {quoted(name + '_key')} ON {quoted(name)} (…)"
        yield Finding(f"table {name} has no key", f"{index} over the NOT NULL columns that identify a row")
