"""What every SQL store does alike: order, removals, partial rows and marks. Each database adds how it writes sets of rows.

A partial event says less than the whole row: a source leaves out large values that didn't change. One may come
before the backfill brings its row. Written at once it would leave holes that the backfill, being older, might
never fill; so it waits in `strangler_partial` until the row is there.

A row with position NULL was written by the service itself. While events flow legacy is the owner, so there should be
none, and an event that meets one is refused with its whole batch (invariant 4): to overwrite would destroy
what somebody entered, to skip would leave a row that no longer follows legacy. A trigger on each table sets the position
to NULL when the service changes a row, whether or not the service knows of the column.

An aggregate's rows are locked by its root, and written by what became of the root's row: where an event wins, all below goes that the
event doesn't say, the lowest first, and then comes what it says, the highest first, so that the service may let the tables refer to
each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import ClassVar, Generic, TypeVar

from strangler.aggregates import lines
from strangler.changes import ORIGIN, Position
from strangler.errors import StoreError, Unavailable
from strangler.events import Effect, Event
from strangler.mapping.canonical import quote
from strangler.ports import Chunk, Finding, Hand, Mark, Mended, Outbox
from strangler.shapes import Field, Shape
from strangler_adapters import sql_own_tables as own_tables
from strangler_adapters.sql_hand import SqlHand
from strangler_adapters.sql_image import image
from strangler_adapters.sql_layout import POSITION, Layout, Line, Row, entity_of
from strangler_adapters.sql_mending import mend
from strangler_adapters.sql_order import is_partial, rounds
from strangler_adapters.sql_outbox import SqlOutbox
from strangler_adapters.sql_session import Session, Side, Transaction

T = TypeVar("T", bound=Transaction)

_Said = dict[str, list[Line]]
"""Rows by the name of the part whose they are."""


class SqlStore(ABC, Generic[T]):
    """A `ServiceStore`; see the port. `apply` and `load` know the shapes that `prepare` was given."""

    def __init__(self, what: str, session: Session[T]) -> None:
        self._what, self._session = what, session
        self._layouts: dict[tuple[str, str], Layout] = {}
        self._marks: dict[str, Mark | None] = {}
        self._ready = False

    # What each database does in its own way.

    @abstractmethod
    def _examine(self, layouts: Sequence[Layout]) -> list[Finding]:
        """What is missing to fill these tables."""

    _dialect: ClassVar[str]
    """sqlglot's name of the SQL dialect."""

    @abstractmethod
    def _another_session(self) -> Session[T]:
        """A connection of its own, with the same database."""

    @abstractmethod
    def reader(self) -> Side: ...

    @abstractmethod
    def _close_to_writers(self, transaction: T, layouts: list[Layout]) -> None:
        """Let nobody else write to these tables until the transaction ends, the service included."""

    @staticmethod
    @abstractmethod
    def _differs(field: Field, left: str, right: str) -> str:
        """See `sql_mending.Differs`."""

    @abstractmethod
    def _create(self, transaction: T, layout: Layout) -> None:
        """Make the table, or see that the one that is there fits; then its index and its trigger."""

    @abstractmethod
    def _upsert(self, transaction: T, layout: Layout, rows: Sequence[Row]) -> int:
        """Write whole rows; how many were written."""

    @abstractmethod
    def _clear(self, transaction: T, layout: Layout, events: list[Event], said: Sequence[Line]) -> None:
        """Delete the rows below the roots of these events that aren't said, or aren't older than what is. The service's own stay."""

    @abstractmethod
    def _own_below(self, transaction: T, layout: Layout, events: list[Event]) -> tuple[str, Position] | None:
        """The key of a row below the roots of these events that the service itself wrote, and the event's position."""

    @abstractmethod
    def _update(self, transaction: T, layout: Layout, fields: tuple[str, ...], events: list[Event]) -> int:
        """Write these fields of rows that are there; how many were written."""

    @abstractmethod
    def _delete(self, transaction: T, layout: Layout, events: list[Event]) -> int:
        """Delete rows that are older than their event; how many were deleted."""

    @abstractmethod
    def _positions(self, transaction: T, layout: Layout, events: list[Event]) -> dict[str, Position | None]:
        """The positions of the rows of these keys, of those that are there."""

    @abstractmethod
    def _load(self, transaction: T, layout: Layout, chunk: Chunk, stamp: Position) -> int:
        """Write a chunk but for what is newer or removed since, or has no place; how many rows it has."""

    # The port.

    def examine(self, shapes: Sequence[Shape]) -> list[Finding]:
        return self._examine(_parts(map(Layout, shapes)))

    def prepare(self, shapes: Sequence[Shape]) -> None:
        layouts = _parts(map(Layout, shapes))
        with self._transaction() as transaction:
            transaction.lock("store")
            for layout in layouts:
                self._create(transaction, layout)
        self._layouts |= {(each.shape.function, each.shape.entity): each for each in layouts}

    def apply(self, events: Sequence[Event], mark: Mark) -> int:
        batches: dict[Layout, list[Event]] = {}
        for event in events:
            batches.setdefault(self._layout(event.function, event.entity), []).append(event)
        # In sorted order, so that two callers never wait for each other's tables.
        ordered = sorted(batches.items(), key=lambda batch: batch[0].shape.table)
        written = 0
        with self._transaction() as transaction:
            for layout, _ in ordered:
                self._lock(transaction, layout)
            for layout, batch in ordered:
                for decisive in rounds(batch, layout.is_whole):
                    written += self._write(transaction, layout, decisive)
            self._record(transaction, mark)
        self._marks[mark.reader] = mark
        return written

    def load(self, shape: Shape, chunk: Chunk, stamp: Position, mark: Mark) -> int:
        layout = self._layout(shape.function, shape.entity)
        with self._transaction() as transaction:
            self._lock(transaction, layout)
            rows = self._load(transaction, layout, chunk, stamp)
            self._complete(transaction, layout, own_tables.partial(transaction, layout.entity))
            self._record(transaction, mark)
        self._marks[mark.reader] = mark
        return rows

    def settle(self, shape: Shape, stamp: Position) -> int:
        layout = Layout(shape)
        with self._transaction() as transaction:
            self._lock(transaction, layout)
            return sum(
                transaction.change(
                    f"DELETE FROM {part.table} AS t WHERE t.{POSITION} < ? AND EXISTS"
                    f" (SELECT 1 FROM {layout.table} AS r WHERE {layout.same_key('r', 't')} AND r.{POSITION} = ?)",
                    (stamp, stamp),
                )
                for part in reversed(layout.below)
            )

    def mark(self, reader: str) -> Mark | None:
        if not self._ready:
            with self._transaction():
                pass  # Makes the tables.
        self._marks[reader] = own_tables.mark(self._session, reader)
        return self._marks[reader]

    def sweep(self, shape: Shape, before: Position) -> int:
        with self._transaction() as transaction:
            return own_tables.sweep(transaction, Layout(shape).entity, before)

    def image(self, shapes: Sequence[Shape], readers: Sequence[str]) -> Iterator[Mark | Event]:
        return image(self.reader(), [Layout(shape) for shape in shapes], readers)

    def replace(
        self,
        pairs: Sequence[tuple[Shape, Shape]],
        marks: Sequence[tuple[str, Mark]],
        allowed: Callable[[], None],
        *,
        even_own: bool = False,
    ) -> list[Mended]:
        layouts = [(Layout(live), Layout(beside)) for live, beside in pairs]
        with self._transaction() as transaction:
            # In sorted order, so that two callers never wait for each other's tables.
            for layout in sorted(chain(*layouts), key=lambda each: each.shape.table):
                self._lock(transaction, layout)
            self._close_to_writers(transaction, _parts(live for live, _ in layouts))
            for reader, mark in marks:
                if own_tables.mark(transaction, reader) != self._marks.get(reader):
                    raise self._moved(reader)
                self._record(transaction, mark)
            allowed()
            mended = [self._mend(transaction, *each, even_own=even_own) for each in layouts]
            self._drop(transaction, [beside for _, beside in layouts], [reader for reader, _ in marks])
        for reader, mark in marks:
            self._marks.pop(reader, None)
            self._marks[mark.reader] = mark
        return mended

    def _mend(self, transaction: T, live: Layout, beside: Layout, *, even_own: bool) -> Mended:
        for part in live.parts():
            [(own,)] = transaction.rows(f"SELECT count(*) FROM {part.table} WHERE {POSITION} IS NULL")
            if own and not even_own:
                raise StoreError(
                    f"{self._what}: {own} rows of {part.shape.table} were written by the service itself",
                    why="legacy owns them, and what the service wrote would be lost",
                    do="look at them, and say that they may be overwritten",
                )
        own_tables.hand_over(transaction, beside.entity, live.entity)
        return mend(transaction, list(zip(live.parts(), beside.parts(), strict=True)), self._differs)

    def drop(self, shapes: Sequence[Shape], readers: Sequence[str]) -> None:
        layouts = [Layout(shape) for shape in shapes]
        with self._transaction() as transaction:
            for layout in sorted(layouts, key=lambda each: each.shape.table):
                self._lock(transaction, layout)
            self._drop(transaction, layouts, readers)
        for reader in readers:
            self._marks.pop(reader, None)

    def _drop(self, transaction: T, layouts: Sequence[Layout], readers: Sequence[str]) -> None:
        transaction.script(f"DROP TABLE IF EXISTS {part.table}" for part in reversed(_parts(layouts)))
        for layout in layouts:
            own_tables.forget_entity(transaction, layout.entity)
        for reader in readers:
            own_tables.forget_mark(transaction, reader)

    def outbox(self, shapes: Sequence[Shape]) -> Outbox:
        return SqlOutbox(self._what, self._another_session(), self.reader, shapes, self._overwrite)

    def _overwrite(self, layout: Layout, event: Event, first: Callable[[T], None]) -> None:
        """Write an event over an aggregate, whoever wrote that. `first` is called in the same transaction."""
        with self._transaction() as transaction:
            self._lock(transaction, layout)
            first(transaction)
            for part in layout.parts():
                own = f"{POSITION} IS NULL AND {layout.key_is(self._dialect, event.key)}"
                transaction.change(f"UPDATE {part.table} SET {POSITION} = '' WHERE {own}")
            self._write(transaction, layout, [event])

    def hand(self) -> Hand:
        return SqlHand(self._dialect, self._another_session())

    def close(self) -> None:
        self._session.close()

    def _record(self, transaction: T, mark: Mark) -> None:
        """Write the mark with its effect (invariant 2), and undo both where somebody else has moved it since it was read here.

        So of two that deliver under one name by mistake, or because the one that was killed is slower to end than the next to
        start, only the one that knows where the store is goes on; a late batch of the other brings nothing back.
        """
        if mark.reader not in self._marks:
            own_tables.record(transaction, mark)
        elif not own_tables.move(transaction, self._marks[mark.reader], mark):
            raise self._moved(mark.reader)

    def _moved(self, reader: str) -> Unavailable:
        return Unavailable(
            f"{self._what}: another process fills it as {reader}",
            why="the mark of how far it is has moved since this process read it",
            do="run one worker only; this one goes on from the new mark",
        )

    # One round: no two events of one key.

    def _write(self, transaction: T, layout: Layout, events: list[Event]) -> int:
        """Write a round; how many rows were inserted, changed or deleted."""
        removed = own_tables.removed_since(self._each, transaction, layout.entity, events)
        live = [event for event in events if removed.get(event.key, ORIGIN) < event.position]  # Invariant 3.
        whole, partial, removals = [], [], []
        for event in live:
            if event.effect is Effect.REMOVE:
                removals.append(event)
            elif is_partial(event, layout.is_whole):
                partial.append(event)
            else:
                whole.append(event)
        return (
            self._remove(transaction, layout, removals)
            + self._write_whole(transaction, layout, whole)
            + self._write_partial(transaction, layout, partial)
        )

    def _remove(self, transaction: T, layout: Layout, events: list[Event]) -> int:
        if not events:
            return 0
        winning = self._winning(transaction, layout, events)
        self._clear_below(transaction, layout, winning, {})
        self._write_below(transaction, layout, winning, {})
        written = self._delete(transaction, layout, events)
        newer = self._refuse_own(transaction, layout, events) if written < len(events) else {}
        events = [event for event in events if event.key not in newer]
        own_tables.bury(self._each, transaction, layout.entity, events)
        waiting = own_tables.partial_of(self._each, transaction, layout.entity, events)
        own_tables.forget(self._each, transaction, layout.entity, _older(waiting, events))
        return written

    def _write_whole(self, transaction: T, layout: Layout, events: list[Event]) -> int:
        if not events:
            return 0
        winning = self._winning(transaction, layout, events)
        said = _said(layout, winning)
        self._clear_below(transaction, layout, winning, said)
        written = self._upsert(transaction, layout, events)
        if written < len(events):
            self._refuse_own(transaction, layout, events)
        self._write_below(transaction, layout, winning, said)
        waiting = own_tables.partial_of(self._each, transaction, layout.entity, events)
        self._complete(transaction, layout, waiting)
        return written

    def _write_partial(self, transaction: T, layout: Layout, events: list[Event]) -> int:
        if not events:
            return 0
        there = self._positions(transaction, layout, events)
        written = self._change(transaction, layout, [event for event in events if event.key in there])
        absent = [event for event in events if event.key not in there]
        own_tables.hold_partial(self._each, transaction, layout.entity, absent)
        return written

    def _complete(self, transaction: T, layout: Layout, waiting: list[Event]) -> None:
        """Apply partial events whose row has come in the meantime."""
        if not waiting:
            return
        there = self._positions(transaction, layout, waiting)
        ready = [event for event in waiting if event.key in there]
        self._change(transaction, layout, ready)
        own_tables.forget(self._each, transaction, layout.entity, ready)

    def _change(self, transaction: T, layout: Layout, events: list[Event]) -> int:
        """Apply partial events to rows that are there."""
        by_fields: dict[tuple[str, ...], list[Event]] = {}
        for event in events:
            by_fields.setdefault(tuple(name for name in layout.names if name in event.data), []).append(event)
        written = sum(self._update(transaction, layout, *batch) for batch in by_fields.items())
        if written < len(events):
            self._refuse_own(transaction, layout, events)
        return written

    def _refuse_own(self, transaction: T, layout: Layout, events: list[Event]) -> dict[str, Position | None]:
        """Invariant 4: raise StoreError if one of these rows was written by the service itself; else their positions."""
        positions = self._positions(transaction, layout, events)
        for event in events:
            if event.key in positions and positions[event.key] is None:
                raise self._own_row(layout, event.key, event.position)
        return positions

    def _own_row(self, layout: Layout, key: str, position: Position) -> StoreError:
        table, name = layout.table, layout.shape.key[0]
        return StoreError(
            f"{self._what}: the row {key} of {layout.shape.table} was written by the service itself",
            why=f"legacy owns it and has another state of it at {position}; neither may silently win",
            do=f"let legacy win: UPDATE {table} SET {POSITION} = '' WHERE {quote(name)} = …;"
            " and keep the service from writing before it is live",
        )

    def _same_key(self, layout: Layout) -> StoreError:
        """Invariant 7: of two rows with one key neither is dropped in silence."""
        return StoreError(
            f"{self._what}: several legacy rows become the same row of {layout.shape.table}",
            why=f"they have the same {', '.join(layout.shape.key)}, which is to be the key of {layout.shape.entity}",
            do="correct the key of the entity in the configuration",
        )

    # What stands below the roots.

    def _winning(self, transaction: T, layout: Layout, events: list[Event]) -> list[Event]:
        """Invariant 3: those of an aggregate's events that decide what stands below its root."""
        if not layout.below:
            return []
        positions = self._refuse_own(transaction, layout, events)
        return [event for event in events if (positions.get(event.key) or ORIGIN) < event.position]

    def _clear_below(self, transaction: T, layout: Layout, winning: list[Event], said: _Said) -> None:
        if winning:
            for part in reversed(layout.below):
                self._clear(transaction, part, winning, said.get(part.entity, []))

    def _write_below(self, transaction: T, layout: Layout, winning: list[Event], said: _Said) -> None:
        if winning:
            for part in layout.below:
                rows = said.get(part.entity, [])
                written = self._upsert(transaction, part, rows) if rows else 0
                if own := self._own_below(transaction, part, winning):
                    raise self._own_row(part, *own)
                if written < len(rows):
                    raise self._same_key(part)

    # Around it.

    @property
    def _each(self) -> str:
        return self._session.each

    @contextmanager
    def _transaction(self) -> Iterator[T]:
        with self._session.transaction() as transaction:
            if not self._ready:
                own_tables.create(transaction, self._session.binary_text)
            transaction.begin_delivery()
            yield transaction
            transaction.end_delivery()
        self._ready = True

    def _layout(self, function: str, entity: str) -> Layout:
        try:
            return self._layouts[function, entity]
        except KeyError:
            raise StoreError(
                f"{self._what} doesn't know the entity {entity} of {function}",
                do="prepare the store with its shape first",
            ) from None

    def _lock(self, transaction: T, layout: Layout) -> None:
        """Let no two calls write one aggregate's tables at once.

        Without this a backfill could bring a removed key back: it looks for tombstones, a removal deletes nothing
        (the row isn't there yet), leaves its tombstone and commits, and then the backfill inserts the row.
        """
        transaction.lock(f"table {layout.root.shape.table}")


def _parts(layouts: Iterable[Layout]) -> list[Layout]:
    """All parts of these aggregates, parents first."""
    return [part for layout in layouts for part in layout.parts()]


def _said(layout: Layout, events: list[Event]) -> _Said:
    """The rows below the root that these events say."""
    said: _Said = {}
    for event in events:
        for shape, row in lines(layout.shape, event.data):
            said.setdefault(entity_of(shape), []).append(Line(row, event.position))
    return said


def _older(waiting: list[Event], events: list[Event]) -> list[Event]:
    """Those that wait and are older than the event of their key."""
    positions = {event.key: event.position for event in events}
    return [event for event in waiting if event.position < positions[event.key]]
