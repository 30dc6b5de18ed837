"""The file of a mirror: SQLite, one table for each legacy table, a row as JSON beside its identity and those that it names.

All access is set-wise. What is written becomes durable with `commit`, together with the position that it belongs to.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from strangler.changes import Position, Row
from strangler.errors import StoreError, Unavailable
from strangler.legacy_values import TAG, decode_value, encode_value
from strangler.mirror.identity import Identity
from strangler.mirror.layout import Edge, Kept, Layout

_PLAIN: Final = frozenset({str, int, bool, type(None)})
"""What JSON gives back as it was."""

_TAGGED: Final = f'{{"{TAG}":'
"""Stands in the text of a row that has another value; in a text it would be written with a backslash."""


class State(NamedTuple):
    """How far a mirror is: complete up to `position`; events are made of what comes behind `horizon`, when its filling had
    ended."""

    position: Position
    horizon: Position


class MirrorFile:
    """The mirror of one source. Belongs to one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._layout: Layout | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            # A mirror that a power cut tears is filled again; a process that is killed tears nothing.
            self._connection.executescript(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;"
                "CREATE TABLE IF NOT EXISTS mirror (fingerprint TEXT, capture TEXT, position TEXT, horizon TEXT);"
                "CREATE TABLE IF NOT EXISTS pending (entity TEXT, id, body TEXT, PRIMARY KEY (entity, id)) WITHOUT ROWID;"
            )
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"the mirror {path} can't be opened", why=str(error), do="remove the file: it is filled again"
            ) from error

    def open(self, layout: Layout, capture: str) -> State | None:
        """How far the file is with this layout and this capture of the source; None: it has to be filled."""
        self._layout = layout
        row = self._connection.execute("SELECT * FROM mirror").fetchone()
        if row is None or row[:2] != (layout.fingerprint, capture):
            return None
        return State(Position(row[2]), Position(row[3]))

    def begin(self, layout: Layout) -> None:
        """Empty it, for this layout; until `complete` it counts as not there."""
        self._layout = layout
        self._rollback()
        names = [
            row[0]
            for row in self._connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'rows of %'")
        ]
        for name in names:
            self._connection.execute(f"DROP TABLE {_quoted(name)}")
        self._connection.execute("DELETE FROM mirror")
        self._connection.execute("DELETE FROM pending")
        for kept in layout.tables.values():
            named = "".join(f", {edge.name}" for edge in kept.edges)
            self._connection.execute(
                f"CREATE TABLE {_table(kept)} (id PRIMARY KEY, row TEXT{named}) WITHOUT ROWID"
            )
        self._connection.execute("BEGIN")

    def fill(self, kept: Kept, rows: Iterable[Row]) -> None:
        """Write rows as they come."""
        identity = kept.identity
        self._connection.executemany(
            _upsert(kept), (_values(kept, key, row) for row in rows if (key := identity(row)) is not None)
        )

    def complete(self, capture: str, state: State) -> None:
        """All tables are filled: what the edges lead back by is made, and the file counts."""
        assert self._layout is not None
        for kept in self._layout.tables.values():
            for edge in kept.edges:
                name = _quoted(f"{edge.name} of {kept.table.name}")
                self._connection.execute(f"CREATE INDEX {name} ON {_table(kept)} ({edge.name})")
        self._connection.execute(
            "INSERT INTO mirror VALUES (?, ?, ?, ?)", (self._layout.fingerprint, capture, *state)
        )
        self._connection.execute("COMMIT")

    def rows(self, kept: Kept, ids: Collection[Identity]) -> dict[Identity, Row]:
        """The rows of these identities, of those that are there."""
        found = self._ask(
            f"SELECT id, row FROM {_table(kept)} WHERE id IN (SELECT value FROM json_each(?))", ids
        )
        return {key: _row(kept, text) for key, text in found}

    def naming(self, kept: Kept, edge: Edge, ids: Collection[Identity]) -> dict[Identity, list[Identity]]:
        """Identity → those of the table's rows that name it by the edge."""
        found: dict[Identity, list[Identity]] = {each: [] for each in ids}
        query = f"SELECT {edge.name}, id FROM {_table(kept)} WHERE {edge.name} IN (SELECT value FROM json_each(?))"
        for one, many in self._ask(query, ids):
            found[one].append(many)
        return found

    def every(self, kept: Kept) -> list[Identity]:
        """The identities of all rows of the table."""
        return [row[0] for row in self._connection.execute(f"SELECT id FROM {_table(kept)}")]

    def write(self, kept: Kept, rows: Mapping[Identity, Row | None], moved: Collection[Identity]) -> None:
        """Put rows in their place; None: the row is no more. Those that aren't `moved` were there, and name the same as before."""
        self._begin()
        there = [(key, row) for key, row in rows.items() if row is not None]
        self._connection.executemany(
            f"DELETE FROM {_table(kept)} WHERE id = ?", [(key,) for key, row in rows.items() if row is None]
        )
        self._connection.executemany(
            _upsert(kept), (_values(kept, key, row) for key, row in there if key in moved)
        )
        self._connection.executemany(  # Without its indexes.
            f"UPDATE {_table(kept)} SET row = ? WHERE id = ?",
            ((_text(kept, row), key) for key, row in there if key not in moved),
        )

    def pend(self, bodies: Mapping[tuple[str, Identity], str]) -> None:
        """Keep what is to be gone on with, in place of what was kept before."""
        self._begin()
        self._connection.execute("DELETE FROM pending")
        self._connection.executemany(
            "INSERT INTO pending VALUES (?, ?, ?)", ((*key, body) for key, body in bodies.items())
        )

    def pending(self) -> dict[tuple[str, Identity], str]:
        """What `pend` kept."""
        return {
            (entity, key): body for entity, key, body in self._connection.execute("SELECT * FROM pending")
        }

    def commit(self, before: Position, position: Position) -> None:
        """Make durable what was written: the mirror is complete up to `position`, as it was up to `before`.

        Raises Unavailable, and writes nothing, where it isn't `before` any more: another worker goes on in the file.
        """
        self._begin()
        moved = self._connection.execute(
            "UPDATE mirror SET position = ? WHERE position = ?", (position, before)
        )
        if moved.rowcount != 1:
            self._rollback()
            raise Unavailable(
                f"the mirror {self._path} is written by another worker", do="run one worker only"
            )
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._rollback()
        self._connection.close()

    def _ask(self, query: str, ids: Collection[Identity]) -> Iterator[Any]:
        return self._connection.execute(query, (orjson.dumps(list(ids)).decode(),))

    def _begin(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _values(kept: Kept, key: Identity, row: Row) -> tuple[Any, ...]:
    return (key, _text(kept, row), *(edge.of(row) for edge in kept.edges))


def _text(kept: Kept, row: Row) -> str:
    values = [row[name] for name in kept.columns]
    if not _PLAIN.issuperset(map(type, values)):
        values = [value if type(value) in _PLAIN else encode_value(value) for value in values]
    try:
        return orjson.dumps(values).decode()
    except orjson.JSONEncodeError:  # An integer beyond 64 bits.
        return orjson.dumps([encode_value(each) if type(each) is int else each for each in values]).decode()


def _row(kept: Kept, text: str) -> Row:
    values = orjson.loads(text)
    if _TAGGED in text:
        values = [decode_value(value) if type(value) is dict else value for value in values]
    return dict(zip(kept.columns, values, strict=True))


def _upsert(kept: Kept) -> str:
    marks = ", ".join("?" * (2 + len(kept.edges)))
    return f"INSERT OR REPLACE INTO {_table(kept)} VALUES ({marks})"


def _table(kept: Kept) -> str:
    return _quoted(f"rows of {kept.table.name}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
