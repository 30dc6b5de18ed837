"""A service's store in memory: the in-memory peer of the port, one event after the other, as plain as can be.

What SQL stores do set-wise and cleverly must come to the same as this.
"""

from __future__ import annotations

import copy
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, TypeVar

from strangler.aggregates import lines, own_names, whole
from strangler.changes import ORIGIN, Position
from strangler.errors import StoreError, Unavailable
from strangler.events import Effect, Event, encode_key
from strangler.mapping.canonical import quote
from strangler.ports import Chunk, Finding, Mark, Mended, Pressure, SqlSide
from strangler.shapes import Shape

_Of = tuple[str, str]
"""A table and a key."""

Kept = TypeVar("Kept")


@dataclass
class MemoryRow:
    """A row: its values by field, and the position of the event that last wrote it (None: the service itself)."""

    values: dict[str, Any]
    position: Position | None


@dataclass
class _Held:
    """All that a transaction may change."""

    rows: dict[str, dict[str, MemoryRow]] = field(default_factory=dict)
    tombstones: dict[tuple[str, str], Position] = field(default_factory=dict)
    partial: dict[tuple[str, str], Event] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)


@dataclass
class MemoryDatabase:
    """What several handles of one store share. `shapes` by table."""

    shapes: dict[str, Shape] = field(default_factory=dict)
    held: _Held = field(default_factory=_Held)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def transaction(self) -> Iterator[_Held]:
        """All or nothing, one at a time."""
        with self.lock:
            changed = copy.deepcopy(self.held)
            yield changed
            self.held = changed


class MemoryStore:
    """A `ServiceStore` over `database`; another one over the same database is another handle of the same store."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self.database = database or MemoryDatabase()
        self._marks: dict[str, Mark | None] = {}

    def prepare(self, shapes: Sequence[Shape]) -> None:
        with self.database.lock:
            parts = [part for shape in shapes for part in shape.parts()]
            for shape in parts:
                there = {f.name: f.type for f in self.database.shapes.get(shape.table, shape).fields}
                for wanted in shape.fields:
                    if there.get(wanted.name) is not wanted.type:
                        raise StoreError(f"the table {shape.table} doesn't fit: {wanted.name}")
            for shape in parts:
                self.database.shapes[shape.table] = shape
                self.database.held.rows.setdefault(shape.table, {})

    def apply(self, events: Sequence[Event], mark: Mark) -> int:
        with self.database.transaction() as held:
            written = {(e.entity, e.key) for e in events if self._apply(held, self._shape(e), e)}
            self._record(held, mark)
        return len(written)

    def load(self, shape: Shape, chunk: Chunk, stamp: Position, mark: Mark) -> int:
        names = [each.name for each in shape.fields]
        with self.database.transaction() as held:
            keys = set()
            count = 0
            for values in chunk.rows():
                row = dict(zip(names, values, strict=True))
                keys.add(key := _key_of(shape, row))
                self._load(held, shape, _told(shape, Effect.UPSERT, key, stamp, row))
                count += 1
            if len(keys) < count:
                raise StoreError(f"several rows for {shape.table} have the same key")
            self._record(held, mark)
        return count

    def _load(self, held: _Held, shape: Shape, event: Event) -> None:
        """Write a row, and nothing of what stands under it."""
        if self._wins(held, shape, event) and _has_place(held, shape, event):
            held.rows[shape.table][event.key] = MemoryRow(dict(event.data), event.position)
            if waiting := held.partial.pop((shape.table, event.key), None):
                self._apply(held, shape, waiting)

    def settle(self, shape: Shape, stamp: Position) -> int:
        removed = 0
        with self.database.transaction() as held:
            for key, root in held.rows[shape.table].items():
                if root.position == stamp:
                    old = [
                        (part, of)
                        for part, of, row in _under(held, shape, key)
                        if row.position is not None and row.position < stamp
                    ]
                    for part, of in old:
                        del held.rows[part.table][of]
                    removed += len(old)
        return removed

    def mark(self, reader: str) -> Mark | None:
        self._marks[reader] = self.database.held.marks.get(reader)
        return self._marks[reader]

    def _record(self, held: _Held, mark: Mark) -> None:
        if mark.reader in self._marks and held.marks.get(mark.reader) != self._marks[mark.reader]:
            raise Unavailable(f"somebody else moved the mark of {mark.reader}")
        held.marks[mark.reader] = mark  # Invariant 2.
        self._marks[mark.reader] = mark

    def sweep(self, shape: Shape, before: Position) -> int:
        with self.database.transaction() as held:
            old = [of for of, at in held.tombstones.items() if of[0] == shape.table and at < before]
            for of in old:
                del held.tombstones[of]
        return len(old)

    def image(self, shapes: Sequence[Shape], readers: Sequence[str]) -> Iterator[Mark | Event]:
        held = copy.deepcopy(self.database.held)
        yield from (held.marks[reader] for reader in readers if reader in held.marks)
        for shape in shapes:
            for part in shape.parts():
                for key, row in held.rows[part.table].items():
                    if row.position is None:
                        raise StoreError(f"the row {key} was written by the service itself")
            for key, row in held.rows[shape.table].items():
                assert row.position is not None
                yield _told(shape, Effect.UPSERT, key, row.position, _gathered(held, shape, row.values))
            for (table, key), position in held.tombstones.items():
                if table == shape.table:
                    yield _told(shape, Effect.REMOVE, key, position, {})
            for (table, key), event in held.partial.items():
                if table == shape.table:
                    yield _told(shape, Effect.UPSERT, key, event.position, event.data)

    def replace(
        self,
        pairs: Sequence[tuple[Shape, Shape]],
        marks: Sequence[tuple[str, Mark]],
        allowed: Callable[[], None],
        *,
        even_own: bool = False,
    ) -> list[Mended]:
        with self.database.transaction() as held:
            for reader, mark in marks:
                for each in (reader, mark.reader):
                    if held.marks.get(each) != self._marks.get(each):
                        raise Unavailable(f"somebody else moved the mark of {each}")
            allowed()
            mended = [self._mend(held, live, beside, even_own=even_own) for live, beside in pairs]
            for _, mark in marks:
                self._record(held, mark)
            self._drop(held, [beside for _, beside in pairs], [reader for reader, _ in marks])
        return mended

    def _mend(self, held: _Held, live: Shape, beside: Shape, *, even_own: bool) -> Mended:
        pairs = zip(live.parts(), beside.parts(), strict=True)
        each = [self._mend_part(held, *pair, even_own=even_own) for pair in pairs]
        return Mended(*map(sum, zip(*each, strict=True)))

    def _mend_part(self, held: _Held, live: Shape, beside: Shape, *, even_own: bool) -> Mended:
        old, new = held.rows[live.table], held.rows[beside.table]
        if not even_own and any(row.position is None for row in old.values()):
            raise StoreError(f"rows of {live.table} were written by the service itself")  # Invariant 4.
        held.rows[live.table] = new
        held.tombstones = _handed_over(held.tombstones, live, beside)
        held.partial = _handed_over(held.partial, live, beside)
        changed = sum(key in old and old[key].values != row.values for key, row in new.items())
        return Mended(len(old.keys() - new.keys()), changed, len(new.keys() - old.keys()))

    def drop(self, shapes: Sequence[Shape], readers: Sequence[str]) -> None:
        with self.database.transaction() as held:
            self._drop(held, shapes, readers)
        for reader in readers:
            self._marks.pop(reader, None)

    def _drop(self, held: _Held, shapes: Sequence[Shape], readers: Sequence[str]) -> None:
        for shape in (part for each in shapes for part in each.parts()):
            self.database.shapes.pop(shape.table, None)
            held.rows.pop(shape.table, None)
            held.tombstones = {of: at for of, at in held.tombstones.items() if of[0] != shape.table}
            held.partial = {of: event for of, event in held.partial.items() if of[0] != shape.table}
        for reader in readers:
            held.marks.pop(reader, None)

    def examine(self, shapes: Sequence[Shape]) -> list[Finding]:
        with self.database.lock:
            parts = [part for shape in shapes for part in shape.parts()]
            there = [(self.database.shapes.get(shape.table), shape) for shape in parts]
        return [
            Finding(f"the table {shape.table} doesn't fit", "take another table")
            for found, shape in there
            if found and {f.name: f.type for f in found.fields} != {f.name: f.type for f in shape.fields}
        ]

    def reader(self) -> SqlSide:
        return MemorySide(self.database)

    def close(self) -> None:
        """Nothing to release; the rows stay."""

    def _shape(self, event: Event) -> Shape:
        for shape in self.database.shapes.values():
            if (shape.function, shape.entity) == (event.function, event.entity):
                return shape
        raise StoreError(f"the store doesn't know the entity {event.entity}", do="prepare it first")

    def _wins(self, held: _Held, shape: Shape, event: Event) -> bool:
        """Invariant 3: whether the event is newer than its row and its tombstone."""
        row = held.rows[shape.table].get(event.key)
        if row is not None and row.position is None:
            raise _own_row(event.key, shape)
        newest = max(
            (row.position or ORIGIN) if row else ORIGIN,
            held.tombstones.get((shape.table, event.key), ORIGIN),
        )
        return event.position > newest

    def _apply(self, held: _Held, shape: Shape, event: Event) -> bool:
        if not self._wins(held, shape, event):
            return False
        if event.effect is Effect.REMOVE:
            return self._remove(held, shape, event)
        of, is_whole = (shape.table, event.key), whole(shape)(event.data)
        row = held.rows[shape.table].get(event.key)
        if row is None and not is_whole:
            self._hold(held, of, event)
            return False
        if is_whole:
            self._put_lines(held, shape, event)
        known = row.values if row else {}
        values = {each.name: event.data.get(each.name, known.get(each.name)) for each in shape.fields}
        held.rows[shape.table][event.key] = MemoryRow(values, event.position)
        if waiting := held.partial.pop(of, None):
            self._apply(held, shape, waiting)
        return True

    def _put_lines(self, held: _Held, shape: Shape, event: Event) -> None:
        """What stands under the row becomes what the event says."""
        self._clear_lines(held, shape, event)
        for part, row in lines(shape, event.data):
            key = _key_of(part, row)
            if key in held.rows[part.table]:
                raise StoreError(f"several rows for {part.table} have the same key")
            values = {each.name: row[each.name] for each in part.fields}
            held.rows[part.table][key] = MemoryRow(values, event.position)

    def _clear_lines(self, held: _Held, shape: Shape, event: Event) -> None:
        for part, key, row in _under(held, shape, event.key):
            if row.position is None:
                raise _own_row(key, part)
            del held.rows[part.table][key]

    def _remove(self, held: _Held, shape: Shape, event: Event) -> bool:
        of = (shape.table, event.key)
        self._clear_lines(held, shape, event)
        held.tombstones[of] = event.position
        if of in held.partial and held.partial[of].position < event.position:
            del held.partial[of]
        return held.rows[shape.table].pop(event.key, None) is not None

    def _hold(self, held: _Held, of: tuple[str, str], event: Event) -> None:
        before = held.partial.get(of)
        if before is None or before.position < event.position:
            held.partial[of] = event._replace(data={**(before.data if before else {}), **event.data})


def _key_of(shape: Shape, values: Mapping[str, Any]) -> str:
    return encode_key([values[name] for name in shape.key])


def _own_row(key: str, shape: Shape) -> StoreError:
    """Invariant 4"""
    return StoreError(f"the row {key} of {shape.table} was written by the service itself")


def _under(held: _Held, shape: Shape, key: str) -> list[tuple[Shape, str, MemoryRow]]:
    """All that stands under a row, at any depth: its shape, its key, the row."""
    return [
        (part, each, row)
        for _, child in shape.children
        for part in child.parts()
        for each, row in held.rows[part.table].items()
        if _key_of(shape, row.values) == key
    ]


def _has_place(held: _Held, shape: Shape, event: Event) -> bool:
    """Whether the row above is there, as a backfill of the event's position left it or older."""
    if shape.under is None:
        return True
    above = held.rows[shape.under.table].get(encode_key([event.data[name] for name in shape.under.key]))
    return above is not None and above.position is not None and above.position <= event.position


def _gathered(held: _Held, shape: Shape, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row with the lists of what stands under it, as an event says them."""
    data = dict(values)
    for name, child in shape.children:
        own = own_names(child)
        data[name] = [
            {each: said[each] for each in (*own, *(name for name, _ in child.children))}
            for row in held.rows[child.table].values()
            if all(row.values[each] == values[each] for each in shape.key)
            for said in [_gathered(held, child, row.values)]
        ]
    return data


def _handed_over(kept: dict[_Of, Kept], live: Shape, beside: Shape) -> dict[_Of, Kept]:
    """What is kept of `beside` as of `live`."""
    others = {of: each for of, each in kept.items() if of[0] not in (live.table, beside.table)}
    return others | {(live.table, of[1]): each for of, each in kept.items() if of[0] == beside.table}


def _told(shape: Shape, effect: Effect, key: str, position: Position, data: Mapping[str, Any]) -> Event:
    return Event("", shape.function, shape.entity, effect, key, position, 0.0, "", data)


class MemorySide:
    """A `SqlSide` on a memory store: each query runs in a SQLite of its own, filled with the rows of that moment."""

    dialect: Final = "sqlite"

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        from strangler.mapping import sqlite_functions

        connection = sqlite3.connect(":memory:")
        try:
            sqlite_functions.register(connection)
            with self._database.lock:
                for table, shape in self._database.shapes.items():
                    _fill(connection, shape, self._database.held.rows[table])
            connection.execute("PRAGMA query_only = ON")
            yield from connection.execute(sql)
        except sqlite3.Error as error:
            raise StoreError("the store in memory refused", why=str(error)) from error
        finally:
            connection.close()

    def copy_out(self, sql: str, into: BinaryIO) -> bool:
        return False

    def pressure(self) -> Pressure:
        return Pressure()

    def close(self) -> None:
        """Nothing to release."""


def _fill(connection: sqlite3.Connection, shape: Shape, rows: Mapping[str, MemoryRow]) -> None:
    names = [each.name for each in shape.fields]
    columns = ", ".join(map(quote, [*names, "_position"]))
    connection.execute(f"CREATE TABLE {quote(shape.table)} ({columns})")
    connection.executemany(
        f"INSERT INTO {quote(shape.table)} VALUES ({', '.join('?' * (len(names) + 1))})",
        [(*(row.values[name] for name in names), row.position) for row in rows.values()],
    )
