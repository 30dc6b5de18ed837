"""A service's store in a SQLite file: the embedded default. One writer at a time, so nothing else needs a lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from strangler.changes import Position
from strangler.events import Event, decode_key, encode_key
from strangler.mapping.canonical import quote
from strangler.ports import Chunk, Finding, ReturningStore
from strangler.settings import Database
from strangler.shapes import Field
from strangler_adapters import sql_own_tables as own_tables
from strangler_adapters.sql_fit import SQLITE_TYPES, Found, Table, as_finding, declared, misfit
from strangler_adapters.sql_layout import POSITION, Layout, Line, Row, quoted, values_of
from strangler_adapters.sql_session import Side
from strangler_adapters.sql_sqlite import (
    SqliteSession,
    SqliteSide,
    SqliteTransaction,
    file_of,
    open_reader,
    translating,
)
from strangler_adapters.sql_store import SqlStore


def connect(name: str, settings: Database) -> ReturningStore:
    """The store in the file that the URL names; touches nothing yet. The file and its folder are made when first used."""
    return SqliteStore(f"the store {name}", settings.url.get_secret_value())


class SqliteStore(SqlStore[SqliteTransaction]):
    """See `SqlStore`."""

    _dialect = "sqlite"

    def __init__(self, what: str, url: str) -> None:
        super().__init__(what, SqliteSession(what, url))
        self._url, self._path = url, file_of(what, url)

    def _examine(self, layouts: Sequence[Layout]) -> list[Finding]:
        if not self._path.exists():
            return _unwritable(next(folder for folder in self._path.absolute().parents if folder.exists()))
        with closing(open_reader(self._what, self._path)) as connection, translating(self._what):
            side = SqliteTransaction(connection)
            there = [layout for layout in layouts if side.has_table(layout.shape.table)]
            misfits = [misfit(self._what, layout, SQLITE_TYPES, _found(side, layout)) for layout in there]
        return _unwritable(self._path) + [as_finding(error) for error in misfits if error]

    def _another_session(self) -> SqliteSession:
        return SqliteSession(self._what, self._url)

    def reader(self) -> Side:
        return SqliteSide(self._what, self._path)

    def _close_to_writers(self, transaction: SqliteTransaction, layouts: list[Layout]) -> None:
        """Nothing to do: a writing transaction has the whole file to itself."""

    @staticmethod
    def _differs(field: Field, left: str, right: str) -> str:
        return f"{left} COLLATE BINARY IS NOT {right}"

    def _create(self, transaction: SqliteTransaction, layout: Layout) -> None:
        if not transaction.has_table(layout.shape.table):
            transaction.script([declared(layout, SQLITE_TYPES)])
        elif error := misfit(self._what, layout, SQLITE_TYPES, _found(transaction, layout)):
            raise error
        own = quote(layout.own)
        key = " AND ".join(f"{quote(name)} IS NEW.{quote(name)}" for name in layout.shape.key)
        transaction.script(
            [
                f"CREATE INDEX IF NOT EXISTS {own} ON {layout.table} ({quoted(layout.shape.key)})"
                f" WHERE {POSITION} IS NULL",
                f"CREATE TRIGGER IF NOT EXISTS {own} AFTER UPDATE ON {layout.table}"
                f" WHEN NEW.{POSITION} IS OLD.{POSITION} AND OLD.{POSITION} IS NOT NULL"
                f" BEGIN UPDATE {layout.table} SET {POSITION} = NULL WHERE {key}; END",
            ]
        )

    def _upsert(self, transaction: SqliteTransaction, layout: Layout, rows: Sequence[Row]) -> int:
        take = values_of(layout.names)
        return transaction.many(_upsert_sql(layout), [(*take(row.data), row.position) for row in rows])

    def _clear(
        self, transaction: SqliteTransaction, layout: Layout, events: list[Event], said: Sequence[Line]
    ) -> None:
        take = values_of(layout.shape.key)
        kept = {take(line.data) for line in said}
        sql = (
            f"SELECT {quoted(layout.shape.key)}, {POSITION} FROM {layout.table}"
            f" WHERE {_key_is(layout.root)} AND {POSITION} IS NOT NULL"
        )
        there = (
            (tuple(key), position >= event.position)
            for event in events
            for *key, position in transaction.rows(sql, decode_key(event.key))
        )
        gone = [key for key, as_new in there if as_new or key not in kept]
        transaction.many(f"DELETE FROM {layout.table} WHERE {_key_is(layout)}", gone)

    def _own_below(
        self, transaction: SqliteTransaction, layout: Layout, events: list[Event]
    ) -> tuple[str, Position] | None:
        own = f"SELECT {quoted(layout.shape.key)} FROM {layout.table} WHERE {POSITION} IS NULL"
        if not transaction.rows(f"{own} LIMIT 1"):
            return None
        for event in events:
            for key in transaction.rows(f"{own} AND {_key_is(layout.root)} LIMIT 1", decode_key(event.key)):
                return encode_key(key), event.position
        return None

    def _update(
        self, transaction: SqliteTransaction, layout: Layout, fields: tuple[str, ...], events: list[Event]
    ) -> int:
        take = values_of(fields)
        assignments = ", ".join(f"{quote(name)} = ?" for name in (*fields, POSITION))
        return transaction.many(
            f"UPDATE {layout.table} SET {assignments} WHERE {_key_is(layout)} AND {POSITION} < ?",
            [(*take(event.data), event.position, *decode_key(event.key), event.position) for event in events],
        )

    def _delete(self, transaction: SqliteTransaction, layout: Layout, events: list[Event]) -> int:
        return transaction.many(
            f"DELETE FROM {layout.table} WHERE {_key_is(layout)} AND {POSITION} < ?",
            [(*decode_key(event.key), event.position) for event in events],
        )

    def _positions(
        self, transaction: SqliteTransaction, layout: Layout, events: list[Event]
    ) -> dict[str, Position | None]:
        sql = f"SELECT {POSITION} FROM {layout.table} WHERE {_key_is(layout)}"
        found = ((event.key, transaction.rows(sql, decode_key(event.key))) for event in events)
        return {key: rows[0][0] for key, rows in found if rows}

    def _load(self, transaction: SqliteTransaction, layout: Layout, chunk: Chunk, stamp: Position) -> int:
        removed = {tuple(decode_key(key)) for key in own_tables.tombstones(transaction, layout.entity, stamp)}
        keys: set[tuple[Any, ...]] = set()
        count = 0

        def rows() -> Iterator[tuple[Any, ...]]:
            nonlocal count
            for row in chunk.rows():
                key = layout.key_of_row(row)
                count += 1
                keys.add(key)
                if key not in removed:  # Invariant 3.
                    yield (*row, stamp, *place(row))

        statement, place = _loading(layout, stamp)
        written = transaction.many(statement, rows())
        if len(keys) < count:
            raise self._same_key(layout)
        if written < count:
            self._refuse_own_among(transaction, layout, keys, stamp)
        return count

    def _refuse_own_among(
        self, transaction: SqliteTransaction, layout: Layout, keys: set[tuple[Any, ...]], stamp: Position
    ) -> None:
        own = transaction.rows(
            f"SELECT {quoted(layout.shape.key)} FROM {layout.table} WHERE {POSITION} IS NULL"
        )
        for key in keys.intersection(own):
            raise self._own_row(layout, encode_key(key), stamp)


def _unwritable(path: Path) -> list[Finding]:
    if os.access(path, os.W_OK):
        return []
    return [Finding(f"{path} can't be written by this user", f"chmod u+w {path}, or chown it to this user")]


def _upsert_sql(layout: Layout) -> str:
    return layout.upsert(f"VALUES ({', '.join('?' * (len(layout.names) + 1))})")


def _loading(layout: Layout, stamp: Position) -> tuple[str, Callable[[Sequence[Any]], tuple[Any, ...]]]:
    """The statement that writes a row of a chunk where it has its place, and what it takes of the row to know that."""
    above = layout.above
    if above is None:
        return _upsert_sql(layout), lambda row: ()
    take = values_of([layout.names.index(name) for name in above.shape.key])
    places = ", ".join("?" * (len(layout.names) + 1))
    found = f"SELECT 1 FROM {above.table} WHERE {_key_is(above)} AND {POSITION} <= ?"
    return layout.upsert(f"SELECT {places} WHERE EXISTS ({found})"), lambda row: (*take(row), stamp)


def _key_is(layout: Layout) -> str:
    return " AND ".join(f"{quote(name)} = ?" for name in layout.shape.key)


def _found(transaction: SqliteTransaction, layout: Layout) -> Table:
    columns = transaction.rows(f"PRAGMA table_info({layout.table})")
    unique = [frozenset(name for _, name, _, _, _, key in columns if key)]
    for _, index, is_unique, _, is_part in transaction.rows(f"PRAGMA index_list({layout.table})"):
        if is_unique and not is_part:
            unique.append(frozenset(row[2] for row in transaction.rows(f"PRAGMA index_info({quote(index)})")))
    found = [
        Found(name, _affinity(type), bool(required), default is not None)
        for _, name, type, required, default, _ in columns
    ]
    return Table(found, unique)


def _affinity(declared: str) -> str:
    """What SQLite makes of a declared type (its documentation, "Determination Of Column Affinity")."""
    name = declared.upper()
    if "INT" in name:
        return "INTEGER"
    if any(part in name for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if not name or "BLOB" in name:
        return "BLOB"
    return "REAL" if any(part in name for part in ("REAL", "FLOA", "DOUB")) else "NUMERIC"
