"""Backfill: move what legacy already has into the store, set-wise, in key ranges, beside the running stream.

All rows of a run carry one stamp: a position taken by `safe_position` before the first read. Every change that commits later has
a newer position and wins, whichever arrives first; every change before it is seen by the reads. So no lock is needed and
nothing has to be paused. The mark (the last key done) is written with each chunk (invariant 2), so a kill repeats
at most the reading of one chunk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

import orjson

from strangler.outcomes import key_of
from strangler.boundary import Held, HeldKey
from strangler.changes import Change, Operation, Position
from strangler.control import backfills
from strangler.control.store import Control
from strangler.legacy_values import decode_value, encode_value
from strangler.mapping import EntityMapping, Translated, translated
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


class Part:
    """A chunk: the rows of a key range, translated by the legacy database as far as it can, the rest here, one by one.

    A row that can't be translated doesn't abort its chunk: it is held, as it would be from the stream.
    """

    def __init__(
        self,
        mapping: EntityMapping,
        side: SqlSide,
        where: str | None,
        hold: Callable[[Iterable[Translated]], None],
    ) -> None:
        self._mapping, self._side, self._where, self._hold = mapping, side, where, hold
        self._select = mapping.select(side.dialect)

    def rows(self) -> Iterator[Sequence[Any]]:
        if sql := self._select.rows_sql(self._where):
            yield from self._side.rows(sql)
        faulty = []
        for each in self._rest():
            if each.fault is None:
                yield tuple(each.data.values())
            else:
                faulty.append(each)
        self._hold(faulty)  # Invariant 7: before the store commits the mark that moves past them.

    def copy_out(self, into: BinaryIO) -> bool:
        sql = self._select.rows_sql(self._where)
        if sql is None or not self._side.copy_out(sql, into):
            return False
        self._hold(self._rest())  # Invariant 7
        return True

    def _rest(self) -> Iterator[Translated]:
        if sql := self._select.rest_sql(self._where):
            yield from translated(self._mapping, self._side.dialect, self._side.rows(sql))


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
    """The name under which a backfill keeps its mark in the store."""
    return f"backfill/{function}/{entity}"


@dataclass(frozen=True, slots=True)
class Filling:
    """What fills the table of `into`, an entity's shape, from legacy: range by range, all rows with position `stamp`; `reader`
    keeps the mark. `most` keys of the function may wait in quarantine."""

    mapping: EntityMapping
    into: Shape
    reader: str
    store: ServiceStore
    control: Control
    chunk: int
    stamp: Position
    most: int

    def whole(self, side: SqlSide) -> Iterator[int]:
        """Move all ranges; the rows of each."""
        at = _At(None, False)
        while not at.done:
            at, rows = self.move(side, at)
            yield rows

    def move(self, side: SqlSide, at: _At) -> tuple[_At, int]:
        """Move the next key range; where that leaves the backfill, and how many rows it had."""
        span = next_range(side, self.mapping.table, at.after, self.chunk)
        reached = _At(span.last, span.last is None)
        mark = Mark(self.reader, reached.text(), self.stamp)
        part = Part(self.mapping, side, span.condition(), self._hold)
        return reached, self.store.load(self.into, part, self.stamp, mark)

    def _hold(self, faulty: Iterable[Translated]) -> None:
        """Raises StranglerError when more would wait than may: then the chunk isn't moved, and nothing of it is passed over."""
        function, now, rows = self.mapping.shape.function, time.time(), iter(faulty)
        while part := [to_record(self._held(each), now) for each in islice(rows, HELD_AT_ONCE)]:
            if limits.hold(self.control, {function: self.most}, part, self.stamp):
                limits.refuse_stopped(self.control, function)

    def _held(self, faulty: Translated) -> Held:
        shape = self.mapping.shape
        reason = str(faulty.fault or "the legacy database can't translate it, though the stream could")
        change = Change(self.stamp, self.mapping.table.name, Operation.INSERT, None, faulty.row)
        return Held(HeldKey(shape.function, shape.entity, key_of(self.mapping, faulty.row)), change, reason)


class Backfill:
    """One entity's backfill, resumable: run it again and it goes on where the store says it was."""

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
        self._reader = reader_of(mapping.shape.function, mapping.shape.entity)

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
        mark = self._store.mark(self._reader)
        at = _At.read(mark) if mark is not None and mark.position == stamp else _At(None, False)
        filling = Filling(
            self._mapping, shape, self._reader, self._store, self._control, self._chunk, stamp, self._most
        )
        side = self._source.reader()
        try:
            while not at.done:
                if stop.is_set():
                    return False
                at, rows = filling.move(side, at)
                backfills.add_rows(self._control, shape.function, shape.entity, rows)
        finally:
            side.close()
        backfills.finish(self._control, shape.function, shape.entity, run=note.run)
        logger.info("backfill finished", extra={"function": shape.function, "entity": shape.entity})
        return True

    def _begin(self, run: int) -> Position:
        shape = self._mapping.shape
        stamp = self._source.safe_position(SAFE_POSITION_WAIT)
        side = self._source.reader()
        try:
            estimate = count(side, self._mapping.table)
        finally:
            side.close()
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
