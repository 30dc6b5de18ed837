"""Following: the event log beside what new services foretold of writes, so that the two can be compared.

A facade lets a write wait with what was foretold of it (`strangler.facade.rehearsing`). Sync derives its events from what legacy did, in
its own time. They are kept here for a while as they come, and when a write has had its time to settle, it is judged
(`strangler.shadow.effects`). Nothing is said to be missing before all that legacy committed until then is surely in the log;
what can't be told in time is counted as late.

A write is let go of, and counted, in one transaction, so it counts once, whoever follows.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from itertools import count
from typing import Final

from strangler.control import comparisons, counted, effects, quarantine, sources, standings, stops
from strangler.control.comparisons import Mismatch
from strangler.control.effects import Expected
from strangler.control.sources import CLOCKS
from strangler.control.store import Control
from strangler.cutover.stages import SHADOWED
from strangler.errors import StoreError
from strangler.ports import EventLog, Offset
from strangler.sensitive import names
from strangler.settings import Settings, shadow_of
from strangler.shadow import redaction
from strangler.shadow.counting import Compared, Counting, EffectOutcome
from strangler.shadow.effects import Derived, Entities, Judgement, Named, Write, judge
from strangler.shadow.foretold import Foretold, foretold
from strangler.shadow.rules import Rules, compiled

PATIENCE: Final = 60.0
"""Seconds after which sync is too late to say anything about a write."""

KEPT: Final = 2 * PATIENCE
"""Seconds for which events are kept."""

EVENTS: Final = 20_000
"""Most events that are kept: with more, nothing is missing that isn't seen, it is unknown."""

BATCH: Final = 2000
LOOK_AROUND: Final = 0.5
"""Seconds between two looks."""

FORGOTTEN: Final = 3600.0
"""Seconds after which nobody compares a write any more; what it holds goes."""

_log: Final = logging.getLogger("strangler.sync.following")


class Window:
    """The events of a function that came lately. `since`: none that came after that is unknown."""

    def __init__(self, function: str, log: EventLog, now: float) -> None:
        self._function, self._log = function, log
        self._next = {number: log.end(function, number) for number in range(log.partitions(function))}
        self._events: deque[Derived] = deque()
        self._numbers = count()
        self.since = now

    def read(self, now: float) -> None:
        """Take in what has come, and let go of what is old."""
        for partition, start in self._next.items():
            while records := self._log.read(self._function, partition, start, BATCH):
                # What is said anew, to mend something, was derived from no write.
                fresh = (record.event for record in records if "~" not in record.event.position)
                self._events.extend(Derived(next(self._numbers), event, now) for event in fresh)
                self._next[partition] = start = Offset(records[-1].next)
                self._shorten(now)
        self._shorten(now)

    def after(self, moment: float) -> list[Derived]:
        """Those that were read at or after a moment."""
        return [each for each in self._events if each.seen >= moment]

    def claim(self, numbers: frozenset[int]) -> None:
        """These belong to a write that was judged."""
        if numbers:
            self._events = deque(each for each in self._events if each.number not in numbers)

    def _shorten(self, now: float) -> None:
        while self._events and (len(self._events) > EVENTS or self._events[0].seen < now - KEPT):
            self.since = max(self.since, self._events.popleft().seen)


class Followed:
    """One function, and how its events are compared."""

    def __init__(self, name: str, settings: Settings, hidden: frozenset[str]) -> None:
        function, facade = settings.functions[name], settings.facade
        assert facade is not None
        shadow = shadow_of(facade, function)
        self.name, self.source, self.hidden = name, function.source, hidden
        self.settle = shadow.settle.total_seconds()
        self.entities = Entities(function.entities)
        self.window: Window | None = None
        self._rules, self._day = shadow.rules, date.min
        self._maps = {name: each.held for name, each in settings.code_maps.items()}
        self._compiled = compiled([], {}, date.min)

    def rules(self) -> Rules:
        """Those that hold today."""
        today = datetime.now(UTC).date()
        if today != self._day:
            self._day, self._compiled = today, compiled(self._rules, self._maps, today)
        return self._compiled


class Following:
    """Judges the writes of functions. Belongs to one thread; the log is opened for it."""

    def __init__(
        self,
        settings: Settings,
        functions: Mapping[str, frozenset[str]],
        log: EventLog,
        control: Control,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`functions`: name → what its sensitive values are called, see `strangler.sensitive.names`."""
        self._functions = [Followed(name, settings, hidden) for name, hidden in functions.items()]
        self._log, self._control, self._clock = log, control, clock
        self._counting = Counting(f"worker-{socket.gethostname()[:40]}-{os.getpid()}")

    def run(self, stop: threading.Event, captured: Callable[[str], bool]) -> None:
        """Follow until `stop`. `captured`: whether this process reads a source, so that no other follows it."""
        while not stop.wait(LOOK_AROUND):
            for each in self._functions:
                if captured(each.source):
                    self.look(each)
            effects.forget(self._control, self._clock() - FORGOTTEN)

    def look(self, function: Followed) -> None:
        """Read what has come of one, and judge what has settled."""
        now = self._clock()
        writes = effects.waiting(self._control, function.name, now)
        if not writes and not self._is_shadowed(function.name):
            function.window = None
            return
        function.window = function.window or Window(function.name, self._log, now)
        # Before the log is read: what was covered then is in it.
        known = self._known(function)
        function.window.read(now)
        foretells = [self._foretells(expected) for expected in writes]
        later = Counter(_named(told) for each in foretells if not isinstance(each, str) for told in each)
        for expected, told in zip(writes, foretells, strict=True):
            if isinstance(told, str):
                self._settle(expected, _said(expected, "failed", told))
                continue
            later.subtract(map(_named, told))
            if expected.ended + function.settle <= now:
                came = self._judged(function, function.window, expected, told, later, known)
                if came is not None:
                    self._settle(expected, came)

    def _is_shadowed(self, function: str) -> bool:
        """Whether writes of it are, or of any of its cohorts."""
        return any(each.stage in SHADOWED for each in standings.snapshot(self._control).all_of(function))

    def _known(self, function: Followed) -> tuple[float, str]:
        """Until when all that legacy committed is in the log, and why events may be missing there all the same; empty when none are."""
        source = sources.get(self._control, function.source)
        covered = sources.covered(source) if source is not None and source.error is None else 0.0
        held = quarantine.counts(self._control).get(function.name, 0)
        doubt = f"{held:,} keys wait in quarantine, so events may be missing" if held else ""
        if stops.get(self._control, function.name):
            doubt = "the function is stopped, so no events are derived"
        return covered, doubt

    def _foretells(self, expected: Expected) -> list[Foretold] | str:
        """What was foretold, or why that can't be read."""
        try:
            return foretold(effects.opened(self._control, expected).encode())
        except StoreError as error:
            return error.what
        except ValueError as error:
            return str(error)

    def _judged(
        self,
        function: Followed,
        window: Window,
        expected: Expected,
        told: list[Foretold],
        later: Mapping[Named, int],
        known: tuple[float, str],
    ) -> Compared | None:
        """What is to be counted of a write; None when it has to wait still."""
        derived = window.after(expected.began - CLOCKS)
        write = Write(expected.began, expected.ended, told, expected.key)
        found = judge(write, derived, function.entities, function.rules(), later)
        # What was found is certain; what wasn't is only once it can't come any more.
        if found.missing or not told:
            covered, doubt = known
            if window.since > expected.began - CLOCKS:
                doubt = doubt or "the worker began to follow the log later"
            if not doubt and covered < expected.ended:
                if self._clock() <= expected.ended + PATIENCE:
                    return None
                doubt = f"sync was more than {PATIENCE:g} s behind"
            if doubt:
                return _said(expected, "late", doubt)
        if not told and not found.unexpected and derived:
            return _said(expected, "failed", "nothing was foretold, and whose the events are isn't known")
        window.claim(found.claimed)
        return _compared(function, expected, found)

    def _settle(self, expected: Expected, came: Compared) -> None:
        """Let go of the write and count it."""
        self._counting.add_effect(came)
        sums, samples = self._counting.take()
        with self._control.begin():
            if effects.take(self._control, expected):
                counted.record(self._control, sums)
                comparisons.add_mismatches(self._control, samples)
        if came.outcome != "matched":
            _log.info(f"a write had another effect: {came.outcome}", extra={"function": expected.function})


def followed(settings: Settings) -> dict[str, frozenset[str]]:
    """The functions whose writes have effects to be compared, and what their sensitive values are called."""
    if settings.facade is None:
        return {}
    hidden = names(settings)
    functions = settings.functions.items()
    return {name: hidden[name] for name, each in functions if each.shadow.writes and each.service is not None}


def _said(expected: Expected, outcome: EffectOutcome, reason: str) -> Compared:
    return Compared(
        expected.function,
        expected.cohort,
        expected.since,
        outcome,
        reason=redaction.storable(reason.splitlines()[0], 300),
    )


def _compared(function: Followed, expected: Expected, found: Judgement) -> Compared:
    words = function.rules().words
    sample = None
    if found.differences:
        examples = [redaction.difference(each, function.hidden) for each in found.differences]
        sample = Mismatch(
            expected.ended, expected.function, expected.cohort, expected.request, examples, "write"
        )
    return Compared(
        expected.function,
        expected.cohort,
        expected.since,
        found.outcome,
        spots=frozenset((each.place, each.kind) for each in found.differences),
        hidden={words[number]: figure for number, figure in found.hidden.items()},
        sample=sample,
    )


def _named(told: Foretold) -> Named:
    return told.type, told.key
