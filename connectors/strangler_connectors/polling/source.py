"""A database that is polled, as a `ChangeSource`: what the other modules of this package do, put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from strangler.changes import ORIGIN, Position
from strangler.errors import SourceError, SourceLost
from strangler.names import nearest
from strangler.ports import Finding, SqlSide
from strangler.settings import Source
from strangler.shapes import Table
from strangler_connectors import replicas
from strangler_connectors.claims import claim
from strangler_connectors.databases import open_database
from strangler_connectors.polling.looking import Watched, look, probe, watch
from strangler_connectors.polling.memory import Capture, Memory, look_of, position
from strangler_connectors.polling.options import Options
from strangler_connectors.polling.stream import PollingStream

_BUSY = 600.0
"""Seconds to wait for a look of somebody else: the first one reads whole tables."""

_INSTEAD: Final = "read the database by its own log, with another kind of source"
"""What whoever needs more of an old row than its key has to do."""


class PollingSource:
    """See `ChangeSource`. Safe positions don't come cheap: each compares all keys."""

    def __init__(self, name: str, settings: Source, tables: Mapping[str, Sequence[str]]) -> None:
        replicas.refuse(name, settings)
        self._name, self._tables = name, tables
        self._options = Options.of(name, settings.options)
        self._heartbeat = settings.heartbeat.total_seconds()
        self._database = open_database(name, settings, tables)
        self._path = settings.state or Path(f".{name}.polling.db")

    def describe(self, tables: Sequence[str]) -> dict[str, Table]:
        """What a row was isn't known: of one that has changed or gone, no more than the key is remembered."""
        found = self._database.describe(tables)
        return {
            name: replace(table, removal=table.key, whole_removal=_INSTEAD) for name, table in found.items()
        }

    def prepare(self, anew: bool = False) -> str:
        watched = self._required()
        with self._remembered() as memory, memory.writing():
            token = memory.begin().token
            for table in memory.tables().keys() - watched.keys():
                memory.forget_table(table)
            new = {name: each for name, each in watched.items() if name not in memory.tables()}
            with closing(self.reader()) as side:
                look(memory, side, self._options, new, whole=False, silent=True)
        return token

    def examine(self, outage: float) -> list[Finding]:
        found = self._database.describe(list(self._tables))
        return self._findings(found) or list(self._unreadable(found.values()))

    def blind_spots(self) -> Sequence[str]:
        return self._options.blind_spots

    def stream(self, after: Position, identity: str) -> PollingStream:
        if not self._path.exists():
            raise self._lost("its memory is no longer there")
        release = claim(self._path.with_name(f"{self._path.name}-stream"), self._name, str(self._path))
        memory = None
        try:
            memory = Memory(self._name, self._path, _BUSY)
            capture = memory.capture()
            start = self._require_unbroken(memory, capture, identity, after)
        except BaseException:
            if memory is not None:
                memory.close()
            release()
            raise
        pace = (
            self._options.interval.total_seconds(),
            self._options.compare_every.total_seconds(),
            self._heartbeat,
        )
        return PollingStream(memory, self._look, start, pace, release)

    def safe_position(self, timeout: float) -> Position:
        self._database.settle(timeout)
        with self._remembered() as memory:
            if memory.capture() is None:
                raise self._lost("its memory is no longer there")
            self._look(memory, whole=True, silent=False)
            return position(memory.last_look())

    def reader(self) -> SqlSide:
        return self._database.reader()

    def drop(self) -> None:
        for suffix in ("", "-wal", "-shm", "-stream"):
            with suppress(FileNotFoundError):
                self._path.with_name(self._path.name + suffix).unlink()

    def close(self) -> None:
        """Nothing to close: streams and readers are closed by whoever opened them."""

    def _look(self, memory: Memory, whole: bool, silent: bool) -> None:
        with memory.writing(), closing(self.reader()) as side:
            look(memory, side, self._options, self._watched(), whole=whole, silent=silent)

    def _watched(self) -> dict[str, Watched]:
        """The captured tables as they are now. Raises SourceLost for one that is gone, SourceError for a missing column."""
        found = self._database.describe(list(self._tables))
        if gone := sorted(set(self._tables) - found.keys()):
            raise self._lost(f"table {', '.join(gone)} is no longer there")
        needs = self._findings(found)
        if needs:
            raise self._refused(needs)
        return {name: self._watch(table) for name, table in found.items()}

    def _required(self) -> dict[str, Watched]:
        found = self._database.describe(list(self._tables))
        needs = self._findings(found)
        if needs or not self._tables:
            raise self._refused(needs)
        return {name: self._watch(table) for name, table in found.items()}

    def _watch(self, table: Table) -> Watched:
        return watch(table, self._tables[table.name], self._options.column_of(table.name))

    def _findings(self, found: Mapping[str, Table]) -> list[Finding]:
        unknown = self._options.columns.keys() - self._tables.keys()
        needs = [_unknown(name, self._tables) for name in sorted(unknown)]
        for name, asked in self._tables.items():
            needs += _needs(found.get(name), name, asked, self._options.column_of(name))
        return needs

    def _unreadable(self, tables: Iterable[Table]) -> Iterator[Finding]:
        """What a look would be refused; asks each table for no row."""
        for table in tables:
            with closing(self.reader()) as side:
                try:
                    probe(side, self._watch(table))
                except SourceError as error:
                    yield Finding(
                        f"table {table.name} can't be read: {error.why}",
                        f"GRANT SELECT ON {table.name} to the user of the source's url",
                    )

    def _refused(self, needs: Sequence[Finding]) -> SourceError:
        return SourceError(
            f"source {self._name} can't be captured as it is",
            why="; ".join(need.what for need in needs) or "no mapping names one of its tables",
            do="; ".join(dict.fromkeys(need.do for need in needs)),
        )

    def _require_unbroken(
        self, memory: Memory, capture: Capture | None, identity: str, after: Position
    ) -> Position:
        if capture is None:
            raise self._lost("its memory is no longer there")
        start = position(capture.start) if after == ORIGIN else after
        if capture.token != identity:
            raise self._lost("its memory was made anew")
        if not memory.tables().keys() >= self._tables.keys():
            raise self._lost("its memory doesn't have one of its tables")
        if look_of(start) < capture.pruned:
            raise self._lost("its memory was read and cleared beyond the position that is remembered")
        if look_of(start) > memory.last_look():
            raise self._lost("its memory is older than what is remembered: it was put back from a copy")
        return start

    def _lost(self, why: str) -> SourceLost:
        return SourceLost(
            f"source {self._name}: changes may be missing since the last position that is remembered",
            why=f"{why} ({self._path})",
        )

    @contextmanager
    def _remembered(self) -> Iterator[Memory]:
        with closing(Memory(self._name, self._path, _BUSY)) as memory:
            yield memory


def _unknown(name: str, tables: Iterable[str]) -> Finding:
    meant = nearest(name, tables)
    do = f"did you mean {meant}?" if meant else "take it out, or correct it"
    return Finding(f"options.columns has a table {name}, which no mapping names", do)


def _needs(table: Table | None, name: str, asked: Sequence[str], grows: str | None) -> Iterator[Finding]:
    if table is None:
        yield Finding(f"table {name} isn't there", "correct the table's name, or grant SELECT on it")
        return
    there = {column.name for column in table.columns}
    if missing := sorted(set(asked) - there):
        yield Finding(f"table {name} has no column {', '.join(missing)}", "correct the mapping")
    if grows is not None and grows not in there:
        yield Finding(
            f"table {name} has no column {grows}, which was to grow with every write",
            f"set options.columns.{name} to a column of it, or to null: then all its rows are compared each time",
        )
    if not table.key:
        yield Finding(
            f"table {name} has no key", "give it a primary key; without one its rows can't be told apart"
        )
