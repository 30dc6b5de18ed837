"""Repairing: say anew what legacy has of keys in which the store differs. Asked for by users, carried out beside the stream.

The rows are read in a thread of its own, for that may take as long as a scan of the table; they are said by the stream's thread,
between batches, so that the log has one writer.

What is said stands right behind a position P of the source, up to which two things hold. The read saw all of it: P is a safe position
that was taken before, or one that the stream had come to before that. And the log has all of it, for the stream has passed P by
then: so that nobody who reads so far takes the store for complete when it isn't. What legacy writes behind P is newer and wins, and
the repair wins over all that came before, a tombstone too (invariant 3). Killed between the log and the mark, the same is read and
said again, and changes nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Final

from strangler.boundary import Boundary, HeldKey
from strangler.changes import ORIGIN, Change, Operation, Position, behind
from strangler.control import ledger, repairs, stops
from strangler.control.repairs import Done, Repair, State
from strangler.control.standings import Snapshot
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Side
from strangler.errors import Refused, StranglerError, Unavailable
from strangler.events import Effect, Event
from strangler.mapping import EntityMapping
from strangler.outcomes import Outcome, event_anew
from strangler.ports import ChangeSource, EventLog
from strangler.reconcile.narrow import Kind
from strangler.rereading import Now, cohorts_of, reread
from strangler.sync.snapshot import require_followed

logger = logging.getLogger("strangler.sync.repairing")

EMITTED: Final = "keys re-emitted"
"""The kind of the entry on the ledger that says what became of what was asked for."""

LISTED: Final = 100
"""Keys that an entry on the ledger names."""

AT_ONCE: Final = 1000
"""Keys that are read in one go."""

WAIT: Final = 30.0
"""Seconds to wait for open transactions. The stream goes on meanwhile."""

AGAIN: Final = 5.0
"""Seconds after which a read is tried again that couldn't be made."""

WAITS_IN_QUARANTINE: Final = "it waits in quarantine; its own changes come first: strangler quarantine list"


def require_allowed(control: Control, function: str) -> Snapshot:
    """Where the function and its cohorts stand. Raises Refused unless legacy owns any of it (invariant 4), all of that is in the store, and
    nothing is about to change that."""
    stands = require_followed(control, function)
    if stop := stops.get(control, function):
        raise Refused(stop.words, why="all of it is filled again when it is resumed")
    return stands


def owned_by_new(stands: Snapshot, function: str, cohorts: Iterable[str | None]) -> str:
    """Invariant 4: why it isn't for legacy to say what becomes of a row that is of these cohorts, on either side; empty when it is."""
    counting = [stands.of_cohort(function, cohort) for cohort in cohorts]
    new = next((each for each in counting if each.owner is Side.NEW), None)
    return f"{new.name} is new's, in stage {new.stage}, so what new has of it counts" if new else ""


def operation_of(kind: Kind, now: Now) -> Operation | None:
    """What became of a key, by how the store differed and what legacy has; None where neither side has anything."""
    if now.data is None:
        return None if kind is Kind.MISSING else Operation.DELETE
    return Operation.INSERT if kind is Kind.MISSING else Operation.UPDATE


class Repairing:
    """Carries out the repairs of one source. Belongs to the stream's thread."""

    def __init__(
        self, name: str, source: ChangeSource, boundary: Boundary, log: EventLog, control: Control
    ) -> None:
        self._name, self._source, self._boundary = name, source, boundary
        self._log, self._control = log, control
        self._functions = {shape.function for shape in boundary.shapes}
        self._reading: _Reading | None = None
        self._not_before = 0.0

    def attend(self, reached: Position) -> bool:
        """Go on with what was asked for; `reached` is where the stream is. True when events were appended."""
        if self._reading is None:
            self._begin(reached)
            return False
        if not self._reading.is_done() or reached < self._reading.position:
            return False
        reading, self._reading = self._reading, None
        if isinstance(reading.error, Unavailable):
            self._put_off(reading, reading.error)
            return False
        return self._carry_out(reading)

    def _begin(self, reached: Position) -> None:
        if time.monotonic() < self._not_before:
            return
        asked = repairs.asked(self._control, self._functions, limit=AT_ONCE)
        if asked:
            self._reading = _Reading(self._source, self._boundary, asked, reached)

    def _put_off(self, reading: _Reading, error: Unavailable) -> None:
        logger.warning("a repair waits", extra={"source": self._name, "why": str(error)})
        self._not_before = time.monotonic() + AGAIN
        repairs.wait(self._control, [each.id for each in reading.asked], str(error))

    def _carry_out(self, reading: _Reading) -> bool:
        now = time.time()
        refusals = self._refusals(reading)
        events, done = [], []
        for repair in reading.asked:
            event, became = _become(repair, reading, refusals, now)
            done.append(became)
            if event is not None:
                events.append(event)
        if events:
            self._log.append(self._name, events, None)
        with self._control.begin():
            repairs.finish(self._control, done, at=now)
            _note(self._control, reading.asked, done, now)
        logger.info("repaired", extra={"source": self._name, "keys": len(done), "events": len(events)})
        return bool(events)

    def _refusals(self, reading: _Reading) -> dict[int, str]:
        """Why repairs can't be made now, though they could when they were asked for."""
        found = {}
        functions = {each.function: self._allowed(each.function) for each in reading.asked}
        for repair in reading.asked:
            stands = functions[repair.function]
            if isinstance(stands, Refused):
                found[repair.id] = str(stands)
            elif HeldKey(repair.function, repair.entity, repair.key) in self._boundary.held:
                found[repair.id] = WAITS_IN_QUARANTINE  # Invariant 7.
            elif why := owned_by_new(stands, repair.function, reading.cohorts(repair)):
                found[repair.id] = why
        return found

    def _allowed(self, function: str) -> Snapshot | Refused:
        try:
            return require_allowed(self._control, function)
        except Refused as refused:
            return refused


class _Reading:
    """Keys that are read anew. `reached` is where the stream was before. Once it is done, `found` has what each repair's key is now, and
    `position` is what all was seen up to; or `error` says what went wrong."""

    def __init__(
        self, source: ChangeSource, boundary: Boundary, asked: Sequence[Repair], reached: Position
    ) -> None:
        self.asked, self.position = asked, ORIGIN
        self.found: dict[int, tuple[EntityMapping, Now]] = {}
        self.error: StranglerError | None = None
        self._source, self._boundary, self._reached = source, boundary, reached
        self._thread = threading.Thread(target=self._run, name="repair", daemon=True)
        self._thread.start()

    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def cohorts(self, repair: Repair) -> set[str | None]:
        """Those that a repair's row is of, in the store and in legacy."""
        cohorts = set() if repair.cohort is None else {repair.cohort}
        mapping, now = self.found.get(repair.id, (None, Now()))
        return cohorts | (cohorts_of(mapping, now) if mapping else set())

    def _run(self) -> None:
        try:
            self._read()
        except StranglerError as error:
            self.error = error
        except Exception as error:
            logger.exception("a repair failed unexpectedly")
            self.error = StranglerError(f"it failed unexpectedly: {type(error).__name__}: {error}")

    def _read(self) -> None:
        # What the stream has read was committed; a safe position that is taken later makes sure that it is visible too.
        position = max(self._source.safe_position(WAIT), self._reached)
        by_entity: dict[tuple[str, str], list[Repair]] = defaultdict(list)
        for repair in self.asked:
            by_entity[repair.function, repair.entity].append(repair)
        with closing(self._source.reader()) as side:
            for (function, entity), wanted in by_entity.items():
                mapping = self._boundary.mapping(function, entity)
                if mapping is not None:
                    now = reread(mapping, side, {repair.key for repair in wanted})
                    self.found |= {repair.id: (mapping, now[repair.key]) for repair in wanted}
        self.position = position


def _become(
    repair: Repair, reading: _Reading, refusals: Mapping[int, str], now: float
) -> tuple[Event | None, Done]:
    """What becomes of a repair: its event, if there is to be one, and what is noted."""
    if why := refusals.get(repair.id) or (str(reading.error) if reading.error else ""):
        return None, Done(repair.id, State.LEFT, words=why)
    if repair.id not in reading.found:
        return None, Done(repair.id, State.LEFT, words=f"the configuration has no {repair.entity} any more")
    mapping, legacy = reading.found[repair.id]
    if legacy.fault:
        return None, Done(repair.id, State.LEFT, words=f"legacy can't be translated: {legacy.fault}")
    operation = operation_of(Kind(repair.kind), legacy)
    if operation is None:
        return None, Done(repair.id, State.LEFT, words="legacy has it no more, as the store")
    stands = behind(reading.position, repair.id)
    change = Change(stands, mapping.table.name, operation, None, legacy.row)
    event = _whose(event_anew(mapping, Outcome(repair.key, change, legacy.data or {}), now), repair.cohort)
    state = State.REMOVED if operation is Operation.DELETE else State.EMITTED
    return event, Done(repair.id, state, event.type, event.position)


def _whose(event: Event, stored: str | None) -> Event:
    """The event with the cohort that the store's row is of: should that have become new's by the time it is delivered, it doesn't flow."""
    if event.effect is Effect.REMOVE:
        return event._replace(cohort=None if stored == EVERYONE else stored)
    moves = stored is not None and stored != (event.cohort or EVERYONE)
    return event._replace(cohort_before=stored if moves else None)


def _note(control: Control, asked: Iterable[Repair], done: Sequence[Done], at: float) -> None:
    """Invariant 8: what became of what was asked for, by function and run."""
    became = {each.id: each for each in done}
    runs: dict[tuple[str, int], list[Repair]] = defaultdict(list)
    for repair in asked:
        runs[repair.function, repair.reconciliation].append(repair)
    for (function, run), members in runs.items():
        left = [each for each in members if became[each.id].state is State.LEFT]
        body = {
            "run": run,
            "emitted": len(members) - len(left),
            "left": [[each.entity, each.key, became[each.id].words] for each in left[:LISTED]],
        }
        ledger.append(control, actor="worker", kind=EMITTED, function=function, body=body, at=at)
