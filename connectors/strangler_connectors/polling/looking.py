"""Looking: compare the legacy tables with what is remembered of them, and keep what differs as changes.

A short look reads the rows whose growing column is near or beyond the greatest value that was seen. A whole look reads the key and the
column of every row as well: so it finds what was removed, and rows that were committed too late for the window.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from sqlglot import exp

from strangler.changes import Change, Operation
from strangler.legacy_values import decode_value, encode_value
from strangler.ports import SqlSide
from strangler.shapes import Table
from strangler_connectors.polling.memory import Memory, Seen, position, removal
from strangler_connectors.polling.options import Options

_BATCH: Final = 1000
"""Rows that are compared at once."""

_FETCH: Final = 100
"""Keys in one condition when rows are fetched by key."""


class Watched(NamedTuple):
    """A captured table: its key, the columns that are asked for (key first), and the one that grows, if there is one."""

    table: Table
    columns: tuple[str, ...]
    grows: str | None

    @property
    def definition(self) -> str:
        """How the table is defined, as text: another text means that it was altered."""
        columns = [(column.name, column.declared) for column in self.table.columns]
        return orjson.dumps([self.table.key, columns]).decode()

    def key(self, row: Sequence[Any]) -> str:
        """The key of a row, as text."""
        return _text(row[: len(self.table.key)])

    def key_values(self, key: str) -> list[tuple[str, Any]]:
        """Column and value of a key as text."""
        values = [decode_value(value) for value in orjson.loads(key)]
        return list(zip(self.table.key, values, strict=True))


def watch(table: Table, asked: Sequence[str], grows: str | None) -> Watched:
    """What is to be read of a table."""
    others = (c.name for c in table.columns if c.name in asked and c.name not in table.key)
    return Watched(table, (*table.key, *others), grows)


def probe(side: SqlSide, watched: Watched) -> None:
    """Ask for no row of a table as a look would. Raises what a look would."""
    nothing = exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(0))
    list(side.rows(_select(watched, side.dialect, nothing)))


class Looking:
    """One look at all tables, within `memory.writing()`."""

    def __init__(self, memory: Memory, side: SqlSide, options: Options) -> None:
        self._memory, self._side, self._options = memory, side, options
        self._look, self._began = memory.next_look(), time.time()
        self.found = 0
        """Changes that were found."""

    def begin(self, watched: Watched) -> None:
        """Remember a table as it is: its rows are what was before the capture."""
        newest = None
        for batch in _batches(self._side.rows(_select(watched, self._side.dialect))):
            self._memory.remember(
                watched.table.name, ((watched.key(row), _seen(watched, row)) for row in batch)
            )
            newest = _newest(newest, (row[-1] for row in batch))
        self._memory.remember_table(watched.table.name, watched.definition, newest)

    def short(self, watched: Watched, newest: Any) -> None:
        """Look at the rows near and beyond `newest`."""
        since = self._options.since(newest)
        where = None
        if since is not None and watched.grows is not None:
            column = _column(watched.grows)
            where = exp.or_(
                exp.GTE(this=column, expression=exp.convert(since)),
                exp.Is(this=column, expression=exp.Null()),
            )
        for batch in _batches(self._side.rows(_select(watched, self._side.dialect, where))):
            self._compare(watched, batch)
            newest = _newest(newest, (row[-1] for row in batch))
        self._memory.remember_table(watched.table.name, watched.definition, newest)

    def whole(self, watched: Watched, newest: Any) -> None:
        """Look at every row: at all of it where no column grows, else at its key and that column."""
        if watched.grows is None:
            for batch in _batches(self._side.rows(_select(watched, self._side.dialect))):
                self._memory.present(map(watched.key, batch))
                self._compare(watched, batch)
        else:
            self.short(watched, newest)
            keys = _select(watched._replace(columns=watched.table.key), self._side.dialect)
            for batch in _batches(self._side.rows(keys)):
                self._memory.present(map(watched.key, batch))
                self._fetch(watched, self._suspects(watched, batch))
        name = watched.table.name
        self._keep(
            removal(position(self._look), name, watched.key_values(key)) for key in self._memory.gone(name)
        )

    def end(self, altered: Sequence[str]) -> None:
        """The look is complete; what was committed while it went on may be missing."""
        self._memory.looked(self._look, self._began, altered)

    def _suspects(self, watched: Watched, rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
        """Keys of rows that are new, or whose growing column isn't what it was."""
        known = self._memory.seen(watched.table.name, [watched.key(row) for row in rows])
        suspects = []
        for row in rows:
            seen = known.get(watched.key(row))
            if seen is None or seen.version != _digest(row[-1:]):
                suspects.append(row[: len(watched.table.key)])
        return suspects

    def _fetch(self, watched: Watched, keys: Sequence[Sequence[Any]]) -> None:
        for begin in range(0, len(keys), _FETCH):
            either = (
                exp.and_(
                    *(
                        exp.EQ(this=_column(c), expression=exp.convert(v))
                        for c, v in zip(watched.table.key, key, strict=True)
                    )
                )
                for key in keys[begin : begin + _FETCH]
            )
            sql = _select(watched, self._side.dialect, exp.or_(*either))
            self._compare(watched, list(self._side.rows(sql)))

    def _compare(self, watched: Watched, rows: Sequence[Sequence[Any]]) -> None:
        """Keep as changes the rows that aren't as they are remembered."""
        name, width = watched.table.name, len(watched.columns)
        known = self._memory.seen(name, [watched.key(row) for row in rows])
        now = {watched.key(row): _seen(watched, row) for row in rows}
        different = [row for row in rows if not _same(known.get(watched.key(row)), now[watched.key(row)])]
        self._keep(
            Change(
                position(self._look),
                name,
                Operation.UPDATE if watched.key(row) in known else Operation.INSERT,
                None,
                dict(zip(watched.columns, row[:width], strict=True)),
            )
            for row in different
        )
        self._memory.remember(name, now.items())

    def _keep(self, changes: Iterable[Change]) -> None:
        self._memory.note(self._look, map(self._placed, changes))

    def _placed(self, change: Change) -> tuple[int, Change]:
        self.found += 1
        return self.found, change._replace(position=position(self._look, self.found))


def look(
    memory: Memory,
    side: SqlSide,
    options: Options,
    tables: Mapping[str, Watched],
    *,
    whole: bool,
    silent: bool,
) -> None:
    """Look at `tables` once. `whole`: at all keys too. A look that found nothing leaves no trace when it may be `silent`.
    To be called within `memory.writing()`."""
    looking = Looking(memory, side, options)
    known = memory.tables()
    altered = [
        name
        for name, watched in tables.items()
        if name in known and watched.definition != known[name].definition
    ]
    for name, watched in tables.items():
        if name not in known:
            looking.begin(watched)
        elif whole or watched.grows is None or name in altered:
            looking.whole(watched, known[name].newest)
        else:
            looking.short(watched, known[name].newest)
    if looking.found or altered or not silent:
        looking.end(altered)


def _select(watched: Watched, dialect: str, where: exp.Expr | None = None) -> str:
    """The columns, and last the one that grows (NULL where none does)."""
    schema, _, name = watched.table.name.rpartition(".")
    last = _column(watched.grows) if watched.grows else exp.Null()
    query = exp.select(*map(_column, watched.columns), last).from_(
        exp.table_(name, db=schema or None, quoted=True)
    )
    if where is not None:
        query = query.where(where)
    order = ([_column(watched.grows)] if watched.grows else []) + [
        _column(name) for name in watched.table.key
    ]
    return query.order_by(*order).sql(dialect)


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _batches(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    while batch := list(itertools.islice(rows, _BATCH)):
        yield batch


def _newest(newest: Any, values: Iterable[Any]) -> Any:
    for value in values:
        if value is not None and (newest is None or value > newest):
            newest = value
    return newest


def _text(values: Sequence[Any]) -> str:
    return orjson.dumps([encode_value(value) for value in values]).decode()


def _digest(values: Sequence[Any]) -> bytes:
    return hashlib.blake2b(_text(values).encode(), digest_size=16).digest()


def _seen(watched: Watched, row: Sequence[Any]) -> Seen:
    return Seen(_digest(row[-1:]) if watched.grows else None, _digest(row[: len(watched.columns)]))


def _same(known: Seen | None, now: Seen) -> bool:
    return known is not None and known.digest == now.digest
