"""The journal: a table in the legacy file that triggers fill, one row for each row that the ERP writes.

The triggers run inside the ERP with the ERP's own SQLite, however old. So they use nothing but `typeof`, `hex` and
`quote`, which were always there: a trigger that fails would fail the ERP's write. A row is written as text, one value after
the other, each with its type in front, because SQLite's columns hold anything and JSON has neither bytes nor all numbers.
A layout says which columns a journal row has; it gets a new number when other columns are asked for.

`seq` only ever grows: the last row is never deleted, so its number isn't given again. A journal begins at the microseconds
since the epoch, so that one that is made anew goes on behind the one that was lost, which can't have had as many rows.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from strangler_connectors.sqlite.catalog import quoted

BEAT: Final = "beat"
"""The operation of a journal row that changes nothing; it makes an idle source be heard."""

NOW: Final = "(julianday('now') - 2440587.5) * 86400.0"
"""Seconds since the epoch, in every version of SQLite."""

_SIDES: Final = {"insert": ("NULL", "NEW"), "update": ("OLD", "NEW"), "delete": ("OLD", "NULL")}


class Capture(NamedTuple):
    """The one row about the journal: its token, the first `seq` of the capture, up to where it was pruned, and the
    tables that are captured."""

    token: str
    start: int
    pruned: int
    tables: frozenset[str]


class Journal:
    """The journal of one source in one file. Names begin with `prefix`, so two sources don't meet."""

    def __init__(self, connection: sqlite3.Connection, prefix: str) -> None:
        self._connection, self._prefix = connection, prefix
        self.table = quoted(f"{prefix}_journal")
        self._layout = quoted(f"{prefix}_layout")
        self._capture = quoted(f"{prefix}_capture")

    def capture(self) -> Capture | None:
        """What is there; None when nothing is."""
        exists = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        if not self._connection.execute(exists, [f"{self._prefix}_capture"]).fetchone():
            return None
        row = self._connection.execute(f"SELECT token, start, pruned, tables FROM {self._capture}").fetchone()
        return Capture(row[0], row[1], row[2], frozenset(json.loads(row[3]))) if row else None

    def create(self, tables: Mapping[str, Sequence[str]]) -> str:
        """Make what is missing and capture exactly `tables` with their columns; the token. In the caller's transaction.

        A table that was captured and has lost its triggers leaves a gap: then the token is a new one.
        """
        before = self.capture()
        if before is None:
            self._create_tables()
        wanted = {self._trigger(op, table): (op, table) for table in tables for op in _SIDES}
        there = self.triggers()
        lost = before and any(
            self._trigger(op, t) not in there for t in before.tables & set(tables) for op in _SIDES
        )
        for name in there.keys() - wanted.keys():
            self._connection.execute(f"DROP TRIGGER {quoted(name)}")
        for name, (op, table) in wanted.items():
            statement = self._create_trigger(name, op, table, tables[table])
            if there.get(name) != statement:
                self._connection.execute(f"DROP TRIGGER IF EXISTS {quoted(name)}")
                self._connection.execute(statement)
        token = before.token if before and not lost else secrets.token_hex(8)
        update = f"UPDATE {self._capture} SET token = ?, tables = ?"
        self._connection.execute(update, [token, json.dumps(sorted(tables))])
        return token

    def triggers(self) -> dict[str, str]:
        """Name → SQL of the journal's triggers."""
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        return {n: sql for n, sql in self._connection.execute(query) if n.startswith(f"{self._prefix}_on_")}

    def covers(self, table: str) -> bool:
        """Whether all triggers of the table are there, and are its own: those of a renamed table go with it."""
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
        there = {name for (name,) in self._connection.execute(query, [table])}
        return there.issuperset(self._trigger(op, table) for op in _SIDES)

    def layouts(self) -> dict[int, tuple[str, list[str]]]:
        """The number of each layout → its table and columns."""
        query = f'SELECT id, "table", columns FROM {self._layout}'
        return {id: (table, json.loads(columns)) for id, table, columns in self._connection.execute(query)}

    def beat(self, seq: str = "NULL") -> int:
        """Write a row that changes nothing; its `seq`: the next one, or what the expression gives. In the caller's transaction."""
        insert = f"INSERT INTO {self.table} (seq, at, op) VALUES ({seq}, {NOW}, '{BEAT}')"
        cursor = self._connection.execute(insert)
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def last(self) -> int:
        """The highest `seq`."""
        row = self._connection.execute(f"SELECT max(seq) FROM {self.table}").fetchone()
        return int(row[0])

    def prune(self, to: int) -> None:
        """Forget the rows up to `to`, that one included. In the caller's transaction."""
        last = f"SELECT max(seq) FROM {self.table}"
        self._connection.execute(f"DELETE FROM {self.table} WHERE seq <= ? AND seq < ({last})", [to])
        self._connection.execute(f"UPDATE {self._capture} SET pruned = max(pruned, ?)", [to])

    def drop(self) -> None:
        """Remove triggers and tables. In the caller's transaction."""
        for name in self.triggers():
            self._connection.execute(f"DROP TRIGGER {quoted(name)}")
        for table in (self.table, self._layout, self._capture):
            self._connection.execute(f"DROP TABLE IF EXISTS {table}")

    def _create_tables(self) -> None:
        self._connection.execute(
            f"CREATE TABLE {self.table} (seq INTEGER PRIMARY KEY, at REAL NOT NULL, op TEXT NOT NULL,"
            " layout INTEGER, before TEXT, after TEXT)"
        )
        self._connection.execute(
            f'CREATE TABLE {self._layout} (id INTEGER PRIMARY KEY, "table" TEXT, columns TEXT)'
        )
        self._connection.execute(f"CREATE TABLE {self._capture} (token, start, pruned, tables)")
        start = self.beat(f"CAST({NOW} * 1e6 AS INTEGER)")
        self._connection.execute(f"INSERT INTO {self._capture} VALUES ('', ?, ?, '[]')", [start, start])

    def _trigger(self, op: str, table: str) -> str:
        return f"{self._prefix}_on_{op}_{table}"

    def _create_trigger(self, name: str, op: str, table: str, columns: Sequence[str]) -> str:
        before, after = (
            side if side == "NULL" else " || ',' || ".join(_written(f"{side}.{quoted(c)}") for c in columns)
            for side in _SIDES[op]
        )
        return (
            f"CREATE TRIGGER {quoted(name)} AFTER {op.upper()} ON {quoted(table)} BEGIN"
            f" INSERT INTO {self.table} (at, op, layout, before, after)"
            f" VALUES ({NOW}, '{op}', {self._layout_of(table, columns)}, {before}, {after}); END"
        )

    def _layout_of(self, table: str, columns: Sequence[str]) -> int:
        names = json.dumps(list(columns))
        query = f'SELECT id FROM {self._layout} WHERE "table" = ? AND columns = ?'
        row = self._connection.execute(query, [table, names]).fetchone()
        if row:
            return int(row[0])
        insert = f'INSERT INTO {self._layout} ("table", columns) VALUES (?, ?)'
        made = self._connection.execute(insert, [table, names]).lastrowid
        assert made is not None
        return made


def read_values(text: str) -> list[Any]:
    """The values of a journal row, as SQLite held them."""
    return [_READ[part[:1]](part[1:]) for part in text.split(",")]


def _written(value: str) -> str:
    return (
        f"CASE typeof({value}) WHEN 'text' THEN 't' || hex({value}) WHEN 'blob' THEN 'b' || hex({value})"
        f" WHEN 'integer' THEN 'i' || {value} WHEN 'real' THEN 'r' || quote({value}) ELSE 'n' END"
    )


_READ: Final[dict[str, Callable[[str], Any]]] = {
    "t": lambda text: bytes.fromhex(text).decode(),
    "b": bytes.fromhex,
    "i": int,
    "r": float,
    "n": lambda text: None,
}
