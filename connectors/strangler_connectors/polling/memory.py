"""The memory of a polling source: what it saw of every row, and the changes that it found and nobody has taken over yet.

A SQLite file, written by one look at a time. Changes are numbered by look and place; what was acknowledged is forgotten. The looks are
numbered by the microseconds since the epoch when they began, so that a memory that is made anew goes on behind the one that was lost.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from strangler.changes import ORIGIN, Change, Operation, Position, Transaction
from strangler.errors import SourceError, Unavailable
from strangler.legacy_values import decode_value, encode_value
from strangler.quarantine import decode_change, encode_change

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS capture (token TEXT NOT NULL, start INTEGER NOT NULL, pruned INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS captured (name TEXT PRIMARY KEY, definition TEXT NOT NULL, newest TEXT)",
    """CREATE TABLE IF NOT EXISTS seen ("table" TEXT NOT NULL, key TEXT NOT NULL, version BLOB, digest BLOB NOT NULL,
        PRIMARY KEY ("table", key)) WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS look (number INTEGER PRIMARY KEY, at REAL NOT NULL, altered TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS change (look INTEGER NOT NULL, place INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (look, place)) WITHOUT ROWID""",
)
_WHOLE: Final = 0xFFFFFFFF
_ASK: Final = 500
"""Keys in one question: SQLite allows a bounded number of parameters."""


class Capture(NamedTuple):
    """The token that is the identity, the look that made the memory, and up to which look all is forgotten."""

    token: str
    start: int
    pruned: int


class Captured(NamedTuple):
    """A table in the memory: how it was defined at the last look; `newest` is the greatest value of its growing column."""

    definition: str
    newest: Any


class Seen(NamedTuple):
    """What is remembered of a row: digests of its growing column and of all that is asked for."""

    version: bytes | None
    digest: bytes


def position(look: int, place: int = _WHOLE) -> Position:
    """The position of a change, or of a look as a whole."""
    return Position(f"{look:016X}/{place:08X}")


def look_of(at: Position) -> int:
    """The look that a position belongs to."""
    return int(at.split("/")[0], 16)


class Memory:
    """The file of one source. Not for several threads at once; several processes wait for one another."""

    def __init__(self, name: str, path: Path, wait: float) -> None:
        """`wait`: seconds to wait for another look. Raises SourceError where the file can't be opened or made."""
        self._name, self._path = name, path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=wait, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
        except (OSError, sqlite3.Error) as error:
            raise SourceError(
                f"source {name}: its memory {path} can't be opened",
                why=str(error),
                do="see that the file and its directory can be written, or name another in `state`",
            ) from error

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One look, or whatever else changes the memory, as one transaction. Raises Unavailable when another goes on too long."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise Unavailable(
                f"source {self._name}: another look is still under way", why=str(error)
            ) from error
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def capture(self) -> Capture | None:
        """The capture; None where the memory is empty."""
        if not self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'capture'").fetchone():
            return None
        row = self._connection.execute("SELECT token, start, pruned FROM capture").fetchone()
        return Capture(*row) if row else None

    def begin(self) -> Capture:
        """Make the memory, with a new token, unless it is there."""
        for statement in _TABLES:
            self._connection.execute(statement)
        there = self.capture()
        if there:
            return there
        now = time.time_ns() // 1000
        self._connection.execute("INSERT INTO capture VALUES (?, ?, ?)", [secrets.token_hex(8), now, now])
        self._connection.execute("INSERT INTO look VALUES (?, ?, '[]')", [now, now / 1e6])
        made = self.capture()
        assert made is not None
        return made

    def tables(self) -> dict[str, Captured]:
        rows = self._connection.execute("SELECT name, definition, newest FROM captured").fetchall()
        return {
            name: Captured(definition, decode_value(orjson.loads(newest or "null")))
            for name, definition, newest in rows
        }

    def remember_table(self, table: str, definition: str, newest: Any) -> None:
        body = orjson.dumps(encode_value(newest)).decode()
        self._connection.execute(
            "INSERT OR REPLACE INTO captured VALUES (?, ?, ?)", [table, definition, body]
        )

    def forget_table(self, table: str) -> None:
        self._connection.execute("DELETE FROM captured WHERE name = ?", [table])
        self._connection.execute('DELETE FROM seen WHERE "table" = ?', [table])

    def seen(self, table: str, keys: Sequence[str]) -> dict[str, Seen]:
        """What is remembered of the rows with these keys; one that isn't known is absent."""
        found = {}
        for begin in range(0, len(keys), _ASK):
            part = keys[begin : begin + _ASK]
            marks = ",".join("?" * len(part))
            query = f'SELECT key, version, digest FROM seen WHERE "table" = ? AND key IN ({marks})'
            for key, version, digest in self._connection.execute(query, [table, *part]):
                found[key] = Seen(version, digest)
        return found

    def remember(self, table: str, rows: Iterable[tuple[str, Seen]]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", ((table, key, *seen) for key, seen in rows)
        )

    def present(self, keys: Iterable[str]) -> None:
        """Gather keys that are there now, for `gone`."""
        self._connection.execute(
            "CREATE TEMP TABLE IF NOT EXISTS present (key TEXT PRIMARY KEY) WITHOUT ROWID"
        )
        self._connection.executemany("INSERT OR IGNORE INTO present VALUES (?)", ((key,) for key in keys))

    def gone(self, table: str) -> Iterator[str]:
        """The keys of the table that are remembered and weren't `present`; they are forgotten with the last one."""
        self.present(())
        query = 'SELECT key FROM seen WHERE "table" = ? AND key NOT IN (SELECT key FROM present) ORDER BY key'
        for (key,) in self._connection.execute(query, [table]):
            yield key
        delete = 'DELETE FROM seen WHERE "table" = ? AND key NOT IN (SELECT key FROM present)'
        self._connection.execute(delete, [table])
        self._connection.execute("DELETE FROM present")

    def next_look(self) -> int:
        """The number of a look that begins now."""
        last: int = self._connection.execute("SELECT max(number) FROM look").fetchone()[0]
        return max(last + 1, time.time_ns() // 1000)

    def note(self, look: int, changes: Iterable[tuple[int, Change]]) -> None:
        """Keep changes of a look, each with its place."""
        rows = ((look, place, encode_change(change)) for place, change in changes)
        self._connection.executemany("INSERT INTO change VALUES (?, ?, ?)", rows)

    def looked(self, look: int, at: float, altered: Sequence[str]) -> None:
        """A look is complete. `at` in seconds since the epoch; `altered` tables have another definition since the one before."""
        self._connection.execute("INSERT INTO look VALUES (?, ?, ?)", [look, at, json.dumps(list(altered))])

    def last_look(self) -> int:
        number: int = self._connection.execute("SELECT max(number) FROM look").fetchone()[0]
        return number

    def following(self, after: Position, limit: int) -> Transaction | None:
        """The next look behind a position, or as much of it as `limit` changes; None when there is none."""
        look, place = (look_of(after), int(after.split("/")[1], 16)) if after != ORIGIN else (0, _WHOLE)
        row = self._connection.execute(
            "SELECT number, at, altered FROM look WHERE number > ? OR (number = ? AND ? < ?) ORDER BY number LIMIT 1",
            [look, look, place, _WHOLE],
        ).fetchone()
        if row is None:
            return None
        number, at, altered = row
        behind = place if number == look else -1
        query = "SELECT place, body FROM change WHERE look = ? AND place > ? ORDER BY place LIMIT ?"
        found = self._connection.execute(query, [number, behind, limit + 1]).fetchall()
        changes = [decode_change(body) for _, body in found[:limit]]
        here = position(number, found[limit - 1][0]) if len(found) > limit else position(number)
        return Transaction(here, str(number), at, changes, json.loads(altered) if behind < 0 else ())

    def waiting(self, after: Position) -> int:
        """How many changes are behind a position."""
        look = look_of(after) if after != ORIGIN else 0
        found: int = self._connection.execute(
            "SELECT count(*) FROM change WHERE look > ?", [look]
        ).fetchone()[0]
        return found

    def prune(self, acknowledged: Position) -> None:
        """Forget looks that are durable elsewhere. The last one is kept: its number isn't given again."""
        whole = acknowledged.endswith(f"{_WHOLE:08X}")
        look = look_of(acknowledged) - (not whole)
        with self.writing():
            self._connection.execute("DELETE FROM change WHERE look <= ?", [look])
            self._connection.execute(
                "DELETE FROM look WHERE number <= ? AND number < (SELECT max(number) FROM look)", [look]
            )
            self._connection.execute("UPDATE capture SET pruned = max(pruned, ?)", [look])


def removal(at: Position, table: str, key: Sequence[tuple[str, Any]]) -> Change:
    """The change that says that the row with this key is no more."""
    return Change(at, table, Operation.DELETE, dict(key), None)
