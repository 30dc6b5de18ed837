"""The reverse feed of a function, kept going: as long as new owns the function or a cohort of it, and there is a way back; and when new
no longer does, until what the service wrote in the last moment is decided."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Final

from strangler import assembly
from strangler.control import returning, standings
from strangler.control.holders import signs_of_life
from strangler.control.lock import lock_decisions
from strangler.control.returning import ReturnRecord
from strangler.control.store import Control
from strangler.control.turns import Turn
from strangler.cutover import journal
from strangler.cutover.stages import Side
from strangler.mapping import EntityMapping
from strangler.ports import ChangeSource, Outbox
from strangler.returning.asking import ByRequests
from strangler.returning.carrying import ByTables, Carrier
from strangler.returning.feed import Feed
from strangler.returning.owned import anything_returns
from strangler.settings import Settings
from strangler.sync.schema import Agreed

IDLE: Final = 0.2
"""Seconds between two looks into an outbox that was empty."""

NOT_OURS: Final = 1.0
"""Seconds between two looks whether new owns anything yet."""

NOTE_EVERY: Final = 1.0
"""Seconds between two notes of how much waits."""


class Returning:
    """See the module. Belongs to one thread."""

    def __init__(self, settings: Settings, control: Control, function: str) -> None:
        self._settings, self._control, self._function = settings, control, function
        back = settings.functions[function].return_
        self._by_turns = back is not None and back.through == "api"
        self._turn = Turn(control, (function, "return"))
        self._returned = 0
        self._noted = -NOTE_EVERY

    def run(self, stop: threading.Event) -> None:
        """Return what comes, until `stop`."""
        while not (self._is_wanted() and self._is_mine()):
            if stop.wait(NOT_OURS):
                return
        if not self._by_turns:
            self._return(stop)
            return
        try:
            with signs_of_life(self._turn.sign):
                self._return(stop)
        finally:
            self._turn.end()

    def _return(self, stop: threading.Event) -> None:
        known = returning.all_feeds(self._control).get(self._function)
        self._returned = known.returned if known else 0
        agreed = Agreed(self._settings.functions[self._function].source, self._control)
        with self._opened() as (feed, outbox, mappings):
            while not stop.is_set() and self._is_wanted() and self._is_mine():
                agreed.require_same(mappings)
                count = feed.step()
                self._returned += count
                if not count:
                    self._close_left_over(outbox)
                self._note(outbox)
                if not count:
                    stop.wait(IDLE)

    def _is_mine(self) -> bool:
        """Whether this process returns. A legacy database lets one at a time; an API can't tell two apart."""
        return not self._by_turns or self._turn.is_mine()

    def _is_wanted(self) -> bool:
        return self._anything_returns() or self._left_over()

    def _anything_returns(self) -> bool:
        return anything_returns(self._function, standings.snapshot(self._control))

    def _left_over(self) -> bool:
        known = returning.all_feeds(self._control).get(self._function)
        found = standings.snapshot(self._control).all_of(self._function)
        return known is not None and known.waiting > 0 and any(each.owner is Side.LEGACY for each in found)

    def _close_left_over(self, outbox: Outbox) -> None:
        """Nobody returns anything any more, and all that was left is decided. A switch that opens the way is kept out meanwhile."""
        if self._anything_returns():
            return
        with self._control.begin() as connection:
            lock_decisions(connection)
            if not journal.unfinished(self._control, self._function) and outbox.end_when_empty():
                returning.leave_over(self._control, self._function, 0, None)

    @contextmanager
    def _opened(self) -> Iterator[tuple[Feed, Outbox, Sequence[EntityMapping]]]:
        section = self._settings.functions[self._function]
        assert section.return_ is not None
        with ExitStack() as stack:
            source = stack.enter_context(closing(assembly.source(self._settings, section.source)))
            mappings = assembly.mappings(self._settings, self._function, source)
            shapes = [mapping.shape for mapping in mappings]
            outbox = stack.enter_context(closing(assembly.outbox(self._settings, self._function, shapes)))
            outbox.prepare()
            carrier = stack.enter_context(self._carrier(mappings, outbox, source))
            feed = Feed(
                self._function,
                mappings,
                outbox,
                carrier,
                source,
                self._control,
                batch=section.return_.batch,
                most=section.return_.max_conflicts,
            )
            yield feed, outbox, mappings

    @contextmanager
    def _carrier(
        self, mappings: Sequence[EntityMapping], outbox: Outbox, source: ChangeSource
    ) -> Iterator[Carrier]:
        back = self._settings.functions[self._function].return_
        if back and back.api:
            calling = assembly.calling(self._settings, self._function)
            yield ByRequests(mappings, source, self._control, back.api, calling, self._is_mine, time.time)
        else:
            with closing(assembly.writer(self._settings, self._function)) as writer:
                writer.prepare()
                yield ByTables(self._function, mappings, outbox, writer, time.time)

    def _note(self, outbox: Outbox) -> None:
        now = time.monotonic()
        if now - self._noted < NOTE_EVERY:
            return
        self._noted = now
        keys, since = outbox.waiting()
        returning.report(
            self._control, ReturnRecord(self._function, keys, since, self._returned, time.time(), None)
        )
