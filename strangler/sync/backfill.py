"""Backfill: move what legacy already has into the store, set-wise, in key ranges, beside the running stream.

All rows of a run carry one stamp: a position taken by `safe_position` before the first read. Every change that commits later has
a newer position and wins, whichever arrives first; every change before it is seen by the reads. So no lock is needed and
nothing has to be paused. The mark (the last key done) is written with each chunk (invariant 2), so a kill repeats
at most the reading of one chunk.

An entity's children are moved behind it, each part with a mark of its own, all under one stamp; then the store is settled, for lines
that are no more are in no chunk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

import orjson

from strangler.boundary import Held, HeldKey
from strangler.changes import Change, Operation, Position
from strangler.control import backfills, standings
from strangler.control.store import Control
from strangler.cutover.stages import Side
from strangler.legacy_values import decode_value, encode_value
from strangler.mapping import EntityMapping, Translated, translated
from strangler.mapping.dialects import Inexpressible
from strangler.outcomes import cohorts_of
from strangler.owned import EVERYTHING, Owned
from strangler.parts import Part, parts_of
from strangler.ports import ChangeSource, Mark, ServiceStore, SqlSide
from strangler.quarantine import to_record
from strangler.shapes import Shape
from strangler.sync import limits
from strangler.sync.ranges import count, next_range

logger = logging.getLogger("strangler.sync.backfill")

SAFE_POSITION_WAIT = 600.0
"""Seconds to wait for transactions that were open when the backfill began; an ERP's night batch may be one."""


HELD_AT_ONCE = 500
"""Rows that are held before it is asked whether too many wait."""


class Chunk:
    """The rows of a key range, translated by the legacy database as far as it can, the rest here, one by one.

    A row that can't be translated doesn't abort the others: it is held, as it would be from the stream. Rows that legacy doesn't own
    aren't among them (invariant 4).
    """

    def __init__(
        self,
        mapping: EntityMapping,
        side: SqlSide,
        where: str | None,
        hold: Callable[[Iterable[Translated]], None],
        owned: Owned = EVERYTHING,
    ) -> None:
        self._mapping, self._side, self._where, self._hold = mapping, side, where, hold
        self._select, self._owned = mapping.select(side.dialect), owned
        self._pushed, self._left = self._statements()

    def _statements(self) -> tuple[str | None, str | None]:
        """The SELECTs of what the database translates, and of what is translated here; None: nothing is."""
        select, where, mapping = self._select, self._where, self._mapping
        if mapping.cohort_of is None and not self._owned.has(None):
            return None, None
        try:
            whose = self._owned.condition(mapping, self._side.dialect) if select.pushed else None
        except Inexpressible:
            return None, select.legacy_sql(where)
        both = " AND ".join(f"({each})" for each in (where, whose) if each) or None
        return select.rows_sql(both), select.rest_sql(where)

    def rows(self) -> Iterator[Sequence[Any]]:
        if self._pushed:
            yield from self._side.rows(self._pushed)
        faulty = []
        for each in self._rest():
            if each.fault is None:
                yield tuple(each.data.values())
            else:
                faulty.append(each)
        self._hold(faulty)  # Invariant 7: before the store commits the mark that moves past them.

    def copy_out(self, into: BinaryIO) -> bool:
        if self._pushed is None or not self._side.copy_out(self._pushed, into):
            return False
        self._hold(self._rest())  # Invariant 7
        return True

    def _rest(self) -> Iterator[Translated]:
        if self._left:
            for each in translated(self._mapping, self._side.dialect, self._side.rows(self._left)):
                if (seen := self._owned.seen(self._mapping, each)) is not None:
                    yield seen


class _At(NamedTuple):
    """What the mark of a backfill says: the last legacy key that is done (None: none yet). The mark's position is the stamp,
    by which a run is told from every other one, also after the control store was lost."""

    after: list[Any] | None
    done: bool

    @classmethod
    def read(cls, mark: Mark) -> _At:
        body = orjson.loads(mark.at)
        after = None if body["after"] is None else [decode_value(value) for value in body["after"]]
        return cls(after, body["done"])

    def text(self) -> str:
        after = None if self.after is None else [encode_value(value) for value in self.after]
        return orjson.dumps({**self._asdict(), "after": after}).decode()


def reader_of(function: str, entity: str) -> str:
    """The name under which a backfill keeps its mark in the store, of an entity or of children (`sale.lines`)."""
    return f"backfill/{function}/{entity}"


@dataclass(frozen=True, slots=True)
class Filling:
    """What fills the table of `into`, the shape of a part, from legacy: range by range, all rows with position `stamp`; `reader`
    keeps the mark. `most` keys of the function may wait in quarantine."""

    part: Part
    into: Shape
    reader: str
    store: ServiceStore
    control: Control
    chunk: int
    stamp: Position
    most: int

    def left(self, side: SqlSide) -> Iterator[int]:
        """Move what the store's mark says is left, range by range; the rows of each."""
        mark = self.store.mark(self.reader)
        at = _At.read(mark) if mark is not None and mark.position == self.stamp else _At(None, False)
        return self._from(side, at)

    def whole(self, side: SqlSide) -> Iterator[int]:
        """Move all ranges; the rows of each."""
        return self._from(side, _At(None, False))

    def _from(self, side: SqlSide, at: _At) -> Iterator[int]:
        while not at.done:
            at, rows = self._move(side, at)
            yield rows

    def _move(self, side: SqlSide, at: _At) -> tuple[_At, int]:
        """Move the next key range; where that leaves the backfill, and how many rows it had."""
        span = next_range(side, self.part.mapping.table, at.after, self.chunk)
        reached = _At(span.last, span.last is None)
        mark = Mark(self.reader, reached.text(), self.stamp)
        # Invariant 4: asked for each chunk, for a cohort may come to be new's on the way.
        owned = Owned.by(Side.LEGACY, standings.snapshot(self.control), self.part.root.shape.function)
        chunk = Chunk(self.part.mapping, side, span.condition(), self._hold, owned)
        return reached, self.store.load(self.into, chunk, self.stamp, mark)

    def _hold(self, faulty: Iterable[Translated]) -> None:
        """Raises StranglerError when more would wait than may: then the chunk isn't moved, and nothing of it is passed over."""
        function, now, rows = self.part.root.shape.function, time.time(), iter(faulty)
        while held := [to_record(self._held(each), now) for each in islice(rows, HELD_AT_ONCE)]:
            if limits.hold(self.control, {function: self.most}, held, self.stamp):
                limits.refuse_stopped(self.control, function)

    def _held(self, faulty: Translated) -> Held:
        """What can't be translated holds its whole aggregate."""
        shape, part = self.part.root.shape, self.part
        why = str(faulty.fault or "the legacy database can't translate it, though the stream could")
        change = Change(self.stamp, part.mapping.table.name, Operation.INSERT, None, faulty.row)
        key = HeldKey(shape.function, shape.entity, part.key_of(faulty.row))
        return Held(key, change, part.reason(faulty.row, why), cohorts_of(part.mapping, change))


def settled(store: ServiceStore, shape: Shape, stamp: Position) -> None:
    """All parts of the shape are loaded: what wasn't found any more goes."""
    if shape.children:
        store.settle(shape, stamp)


class Backfill:
    """One entity's backfill with all its parts, resumable: run it again and it goes on where the store says it was. In the control
    store it is one: it counts the rows of all parts."""

    def __init__(
        self,
        mapping: EntityMapping,
        source: ChangeSource,
        store: ServiceStore,
        control: Control,
        chunk: int,
        most: int,
        captured: Callable[[], bool] = lambda: True,
    ) -> None:
        """`most`: keys of the function that may wait in quarantine. `captured`: whether the source's changes are seen now."""
        self._mapping, self._source, self._store, self._control = mapping, source, store, control
        self._chunk, self._most, self._captured = chunk, most, captured

    def run(self, stop: threading.Event) -> bool:
        """Do what is left of the newest run that was asked for; True when it is finished, False when it is stopped, or
        can't begin because the source isn't captured."""
        shape = self._mapping.shape
        note = backfills.get(self._control, shape.function, shape.entity)
        if note is None or note.finished_at is not None:
            return True
        # Asked after the note was read: a source that is reset is forgotten in one step with asking for this run, and what
        # changes before its new capture is seen only by a backfill that begins after it.
        if not note.stamp and not self._captured():
            return False
        stamp = Position(note.stamp) if note.stamp else self._begin(note.run)
        for part in parts_of(self._mapping):
            if not self._moved(part, stamp, stop):
                return False
        settled(self._store, shape, stamp)
        backfills.finish(self._control, shape.function, shape.entity, run=note.run)
        logger.info("backfill finished", extra={"function": shape.function, "entity": shape.entity})
        return True

    def _moved(self, part: Part, stamp: Position, stop: threading.Event) -> bool:
        """Move what is left of a part; False when it is stopped."""
        into, whole = part.mapping.shape, self._mapping.shape
        reader = reader_of(into.function, into.entity)
        filling = Filling(part, into, reader, self._store, self._control, self._chunk, stamp, self._most)
        with closing(self._source.reader()) as side:
            ranges = filling.left(side)
            while not stop.is_set():
                rows = next(ranges, None)
                if rows is None:
                    return True
                backfills.add_rows(self._control, whole.function, whole.entity, rows)
        return False

    def _begin(self, run: int) -> Position:
        shape = self._mapping.shape
        stamp = self._source.safe_position(SAFE_POSITION_WAIT)
        with closing(self._source.reader()) as side:
            estimate = sum(count(side, part.table) for part in self._mapping.parts())
        version = self._mapping.version
        backfills.begin(
            self._control,
            shape.function,
            shape.entity,
            run=run,
            stamp=stamp,
            estimate=estimate,
            mapping=version,
        )
        logger.info(
            "backfill begins", extra={"function": shape.function, "entity": shape.entity, "rows": estimate}
        )
        return stamp
