"""The reverse feed of a function, kept going: as long as new owns the function or a cohort of it, and there is a way back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Final

from strangler import assembly
from strangler.control import returning, standings
from strangler.control.returning import ReturnRecord
from strangler.control.store import Control
from strangler.mapping import EntityMapping
from strangler.ports import Outbox
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
        self._returned = 0
        self._noted = -NOTE_EVERY

    def run(self, stop: threading.Event) -> None:
        """Return what comes, until `stop`."""
        while not self._is_wanted():
            if stop.wait(NOT_OURS):
                return
        known = returning.all_feeds(self._control).get(self._function)
        self._returned = known.returned if known else 0
        agreed = Agreed(self._settings.functions[self._function].source, self._control)
        with self._opened() as (feed, outbox, mappings):
            while not stop.is_set() and self._is_wanted():
                agreed.require_same(mappings)
                count = feed.step()
                self._returned += count
                self._note(outbox)
                if not count:
                    stop.wait(IDLE)

    def _is_wanted(self) -> bool:
        return anything_returns(self._function, standings.snapshot(self._control))

    @contextmanager
    def _opened(self) -> Iterator[tuple[Feed, Outbox, Sequence[EntityMapping]]]:
        section = self._settings.functions[self._function]
        assert section.return_ is not None
        with ExitStack() as stack:
            source = stack.enter_context(closing(assembly.source(self._settings, section.source)))
            mappings = assembly.mappings(self._settings, self._function, source)
            shapes = [mapping.shape for mapping in mappings]
            outbox = stack.enter_context(closing(assembly.outbox(self._settings, self._function, shapes)))
            writer = stack.enter_context(closing(assembly.writer(self._settings, self._function)))
            outbox.prepare()
            writer.prepare()
            feed = Feed(
                self._function,
                mappings,
                outbox,
                writer,
                source,
                self._control,
                batch=section.return_.batch,
                most=section.return_.max_conflicts,
            )
            yield feed, outbox, mappings

    def _note(self, outbox: Outbox) -> None:
        now = time.monotonic()
        if now - self._noted < NOTE_EVERY:
            return
        self._noted = now
        keys, since = outbox.waiting()
        returning.report(
            self._control, ReturnRecord(self._function, keys, since, self._returned, time.time(), None)
        )
