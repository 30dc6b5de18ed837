"""Stream: from a source through the boundary into the event log, one thread per source.

The order of the steps is the guarantee: what can't be translated is held, then events are appended with the
source's position in one step, then the source is acknowledged (invariant 1). Killed between any two of them, the same
transactions are read again and the repetition changes nothing. Where a captured table was altered, the source keeps its place
before the alteration until the new shape is agreed to (`Schema`): nothing is translated by a wrong one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from functools import partial

from strangler.boundary import Boundary, Translation
from strangler.changes import ORIGIN, Position, Transaction
from strangler.control import backfills, sources, stops
from strangler.control.store import Control
from strangler.errors import SourceError, SourceLost, Unavailable
from strangler.mirror.reading import read
from strangler.ports import ChangeSource, ChangeStream, EventLog
from strangler.quarantine import to_record
from strangler.returning.echo import Echo
from strangler.returning.recognising import Recognising
from strangler.sync import limits, releasing
from strangler.sync.authors import Authors
from strangler.sync.repairing import Repairing
from strangler.sync.schema import Schema
from strangler.sync.witnessing import Witnessing

logger = logging.getLogger("strangler.sync.stream")

IDLE_WAIT = 0.2
"""Seconds to wait for a transaction: short, so that a stop or a retry is seen soon."""

NOTE_EVERY = 0.5
"""Seconds between two notes of progress in the control store: for people and gates, never for correctness."""


ATTEND_EVERY = 0.5
"""Seconds between two looks at what others decide: about the quarantine, and about this source."""

SAFE_POSITION_WAIT = 60.0
"""Seconds to wait for open transactions before a new capture; then the keeper tries again."""


class Stream:
    """Reads one source for as long as it is let. `run` returns when `stop` is set and raises when the source fails.

    `most`: function → keys of it that may wait in quarantine.

    `appended` is told that the log has grown; `captured` that from now on every change of every mapped table is seen.
    """

    def __init__(
        self,
        name: str,
        source: ChangeSource,
        schema: Schema,
        boundary: Boundary,
        log: EventLog,
        control: Control,
        batch: int,
        most: Mapping[str, int],
        appended: Callable[[], None],
        captured: Callable[[], None],
        asked: Iterable[str] = (),
    ) -> None:
        """`asked`: the functions of which what new writes returns by an API of legacy's."""
        self._name, self._source, self._schema, self._boundary = name, source, schema, boundary
        self._log, self._control, self._batch, self._most = log, control, batch, most
        self._appended, self._captured = appended, captured
        self._position = ORIGIN
        self._mirror = boundary.mirror
        self._repairing = Repairing(name, source, boundary, log, control)
        self._witnessing = Witnessing(name, boundary, control)
        self._recognising = Recognising(boundary, control, asked)
        self._taken: Transaction | None = None
        self._authors, self._echo = Authors(), Echo()
        self._noted = self._changed_at = 0.0
        self._attended = -ATTEND_EVERY

    def run(self, stop: threading.Event) -> None:
        """Open the source behind what the log has, and carry until `stop`."""
        self._position = self._log.position(self._name)
        try:
            with self._open() as stream:
                self._captured()
                logger.info("reading", extra={"source": self._name, "after": self._position})
                while not stop.is_set():
                    self._attend()
                    self._carry(stream)
        except SourceLost as lost:  # Only here is the source known by the name that the user gave it.
            raise SourceLost(lost.what, why=lost.why, do=f"strangler source reset {self._name}") from lost

    def _open(self) -> ChangeStream:
        identity = sources.identity(self._control, self._name)
        if identity is None:
            return self._begin()
        stream = self._reopened(identity)
        try:
            self._begin_schema()
            self._source.prepare()  # After the check that the capture is the remembered one: now new tables may join it.
            self._fill_mirror(identity)
        except BaseException:
            stream.close()
            raise
        return stream

    def _reopened(self, identity: str) -> ChangeStream:
        """The stream of the remembered capture, behind what both log and mirror have."""
        logged, mirror = self._position, self._mirror
        if mirror is not None and mirror.open(identity):
            # It is made durable after the log, so it may be behind; the log passes over what it has.
            self._position = min(logged, mirror.position)
        try:
            return self._source.stream(self._position, identity)
        except SourceLost:
            if self._position == logged:
                raise
            # Nothing is lost but for this mirror: another worker, with a mirror of its own, has read on since. It is filled again.
            self._position = logged
            return self._source.stream(logged, identity)

    def _begin(self) -> ChangeStream:
        """Make a capture and open it: at its beginning, or, where the log already has something of the source, at a safe
        position behind that. The latter after a reset; what changed before it is for the backfills that it asked for.

        Those write rows under a stamp that is newer still, so that they replace whatever the stores have: positions of one
        server only grow. They don't in a database that was put back from a copy, or in another one. Then what is in log
        and stores would win over all that comes (invariant 3), and nothing but empty ones help: SourceError.
        """
        # Killed between any two steps, nothing is remembered, and all of them are done again: `prepare` finds the same
        # capture or replaces it, and the safe position is a later one. What is passed over in between is missed by nobody, for backfills
        # begin only once the identity is remembered. Which comes last, while the stream is held that only one can hold.
        identity = self._source.prepare(anew=True)
        start = self._position if self._position == ORIGIN else self._safe_position()
        stream = self._source.stream(start, identity)
        try:
            self._begin_schema()
            if start != ORIGIN:
                self._log.append(self._name, [], start)
                self._position = start
            self._fill_mirror(identity)
            sources.remember(self._control, self._name, identity)
        except BaseException:
            stream.close()
            raise
        return stream

    def _fill_mirror(self, identity: str) -> None:
        """Fill the mirror, if there is to be one and it isn't there, or lacks what comes before the stream: while that is held, so
        that all that changes from now on comes by it. What changed meanwhile makes no events; backfills that begin after this make
        up for that."""
        mirror = self._mirror
        if mirror is None or (mirror.open(identity) and mirror.position >= self._position):
            return
        logger.info(
            "filling the mirror", extra={"source": self._name, "tables": sorted(mirror.layout.tables)}
        )
        self._source.safe_position(SAFE_POSITION_WAIT)
        with closing(self._source.reader()) as side:
            mirror.fill(identity, self._position, partial(read, side), self._filled)

    def _filled(self) -> Position:
        """What was filled from a mirror that is no more misses what changed since; and the position at which that is all known."""
        # Before the backfills are asked for: up to there nothing is said, so what they read has to be at least as new.
        known = self._source.safe_position(SAFE_POSITION_WAIT)
        mirror = self._mirror
        for mapping in mirror.mappings if mirror else ():
            shape = mapping.shape
            if backfills.get(self._control, shape.function, shape.entity) is not None:
                backfills.request(self._control, shape.function, shape.entity)
        return known

    def _safe_position(self) -> Position:
        safe = self._source.safe_position(SAFE_POSITION_WAIT)
        if safe < self._position:
            raise SourceError(
                f"source {self._name}: its database is behind what the log has of it",
                why=f"it is at {safe}, the log at {self._position}: it was put back from a copy, or is another database",
                do="stop the worker, drop what waits (`strangler quarantine drop`), name an empty log (`log.url`) and"
                " empty stores (`stores`) in the configuration, and start it: all is filled again",
            )
        return safe

    def _begin_schema(self) -> None:
        """See that the tables are those that are known. After the stream was opened, since from then on it tells what is altered;
        what was altered before that is seen here."""
        tables = self._source.describe(self._schema.tables)
        self._schema.begin(tables)
        if any(tables.get(name) != table for name, table in self._boundary.tables.items()):
            raise Unavailable(f"source {self._name} was altered just now: its mappings are compiled anew")

    def _carry(self, stream: ChangeStream) -> None:
        """Read what is there, at most a batch, and make it durable."""
        batch, idle = self._read(stream)
        gathered, last = self._gather(batch), batch[-1] if batch else None
        if last is not None:
            if gathered.held:
                now = time.time()
                # Invariant 7: before the position moves past them.
                records = [to_record(held, now) for held in gathered.held]
                if limits.hold(self._control, self._most, records, last.position):
                    self._boundary.stopped = stops.all_stops(self._control).keys()
            events = self._recognising.foreign(gathered.events)
            self._witnessing.see(batch, events)
            self._log.append(self._name, events, last.position)
            if self._mirror is not None:
                self._mirror.commit(last.position)
            stream.acknowledge(last.position)  # Invariant 1: only now.
            self._position = last.position
            changed = (each.committed_at for each in reversed(batch) if each.changes)
            self._changed_at = next(changed, self._changed_at)
            if events:
                self._appended()
        self._note(last, idle, stream.behind())

    def _attend(self) -> None:
        """Look after the quarantine and what is to be repaired now and then; others (a user, a backfill) write it too. And see whether
        the source was reset meanwhile: then this stream ends, and the keeper opens another."""
        if time.monotonic() - self._attended < ATTEND_EVERY:
            return
        self._attended = time.monotonic()
        if sources.identity(self._control, self._name) is None:
            raise Unavailable(f"source {self._name} was reset: its capture begins anew")
        self._witnessing.look()
        self._recognising.passed(self._position)
        released = releasing.attend(
            self._control, self._log, self._boundary, self._name, self._witnessing.see_anew
        )
        repaired = self._repairing.attend(self._position)
        if released or repaired:
            self._appended()

    def _gather(self, batch: list[Transaction]) -> Translation:
        """Translate a batch of transactions."""
        gathered = Translation([], [])
        marked = [each for transaction in batch for each in self._echo.marked(transaction)]
        if self._mirror is not None:
            self._mirror.bring(marked)
        for transaction in marked:
            self._boundary.translate(transaction, gathered)
        return gathered

    def _read(self, stream: ChangeStream) -> tuple[list[Transaction], bool]:
        """Read transactions until a batch is full or nothing more is here. Says whether the source has run dry."""
        batch: list[Transaction] = []
        changes = 0
        transaction, self._taken = self._taken or stream.read(IDLE_WAIT), None
        while transaction is not None:
            if transaction.position > self._position:
                if transaction.altered and batch:
                    self._taken = transaction  # What came before it is made durable first.
                    return batch, False
                if transaction.altered:
                    self._schema.require_known(self._source.describe(self._schema.tables))
                batch += self._authors.told(transaction)
            changes += max(1, len(transaction.changes))
            if changes >= self._batch:  # Not the events: a backlog may make none, or only what is held.
                return batch, False
            transaction = stream.read(0)
        return batch, True

    def _note(self, last: Transaction | None, idle: bool, behind: int | None) -> None:
        now = time.time()
        if now - self._noted < NOTE_EVERY:
            return
        self._noted = now
        committed = now if idle or last is None else last.committed_at
        sources.seen(
            self._control,
            self._name,
            self._position,
            seen_at=now,
            committed_at=committed,
            behind=behind,
            changed_at=self._changed_at,
        )
