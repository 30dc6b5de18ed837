"""The worker: one thread per source, and per function one for delivery and one for backfill.

Parts may start in any order and fail at any time: each thread is kept going by `Keeper`, which tries again with growing
pauses and tells the control store what is wrong meanwhile. Nothing is kept in memory that isn't durable elsewhere, so a
kill is as good as a stop.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from strangler import assembly
from strangler.boundary import Boundary
from strangler.control import backfills, deliveries, sources, standings
from strangler.control.store import Control
from strangler.cutover.recovery import recover
from strangler.cutover.stages import RULES
from strangler.errors import StranglerError
from strangler.keeper import Bell, Keeper
from strangler.settings import Settings
from strangler.sync.backfill import Backfill
from strangler.sync.delivery import Delivery
from strangler.sync.stream import Stream

if TYPE_CHECKING:
    from strangler.mapping import EntityMapping

logger = logging.getLogger("strangler.worker")

LOOK_AROUND = 0.5
"""Seconds between two looks whether a backfill is wanted."""

RECOVER_EVERY = 2.0
"""Seconds between two looks for a switch of owners that was abandoned: writers wait behind its fence."""

DELIVERY_WAIT = 0.1
"""Longest wait for the log to grow when another process may be writing it."""


class Worker:
    """Moves everything that the configuration names. `start`, then `stop`; both return soon."""

    def __init__(self, settings: Settings, control: Control) -> None:
        self._settings, self._control = settings, control
        self._keeper = Keeper()
        self._grown = Bell()
        self._captured = {name: threading.Event() for name in settings.sources}
        """Per source: set once this process captures all the tables that this configuration names."""

    def start(self) -> None:
        self._keeper.keep("recovery", self._recover, lambda error: None)
        for name in self._settings.sources:
            functions = assembly.functions_of(self._settings, name)
            self._keeper.keep(f"source {name}", partial(self._read, name), partial(self._source_failed, name))
            for function in functions:
                failed = partial(self._delivery_failed, function)
                self._keeper.keep(f"delivery {function}", partial(self._deliver, function), failed)
                failed = partial(self._backfill_failed, function)
                self._keeper.keep(f"backfill {function}", partial(self._fill, function), failed)

    def stop(self, timeout: float = 20.0) -> None:
        """Let every thread finish what it has in hand, and wait for it."""
        self._keeper.stop.set()
        self._grown.ring()
        self._keeper.join(timeout)

    def _recover(self) -> None:
        """Invariant 6: a switch whose process is gone is undone or finished, without a hand."""
        while True:
            for ended in recover(self._control, actor="worker"):
                logger.warning(ended)
            if self._keeper.stop.wait(RECOVER_EVERY):
                return

    def _mappings(self, source: str, functions: Sequence[str]) -> list[EntityMapping]:
        with closing(assembly.source(self._settings, source)) as legacy:
            return [m for function in functions for m in assembly.mappings(self._settings, function, legacy)]

    def _read(self, name: str) -> None:
        """A source's thread: capture, translate, append."""
        mappings = self._mappings(name, assembly.functions_of(self._settings, name))
        boundary = Boundary(mappings)
        with (
            closing(assembly.source(self._settings, name, assembly.captured(mappings))) as source,
            closing(assembly.log(self._settings)) as log,
        ):
            batch = self._settings.sync.batch
            captured = partial(self._capture_made, name)
            stream = Stream(name, source, boundary, log, self._control, batch, self._grown.ring, captured)
            stream.run(self._keeper.stop)

    def _capture_made(self, source: str) -> None:
        """All mapped tables are captured from now on, and no others: what was taken out is filled anew if it comes back."""
        functions = self._settings.functions.items()
        backfills.forget_others(
            self._control, {(name, entity) for name, section in functions for entity in section.entities}
        )
        self._captured[source].set()

    def _await_capture(self, source: str) -> bool:
        """Wait until this process captures the source; False when stopped meanwhile.

        Only one process can, so a second worker that is started by mistake neither delivers nor fills.
        """
        while not self._captured[source].wait(LOOK_AROUND):
            if self._keeper.stop.is_set():
                return False
        return True

    def _deliver(self, function: str) -> None:
        """A function's delivery thread."""
        section = self._settings.functions[function]
        if not self._await_capture(section.source):
            return
        shapes = [m.shape for m in self._mappings(section.source, [function])]
        with (
            closing(assembly.log(self._settings)) as log,
            closing(assembly.store(self._settings, section.store)) as store,
        ):
            store.prepare(shapes)
            batch = self._settings.sync.batch
            delivery = Delivery(function, section.source, log, store, self._control, batch, shapes)
            delivery.run(self._keeper.stop, partial(self._grown.wait, DELIVERY_WAIT))

    def _fill(self, function: str) -> None:
        """A function's backfill thread: carries out what is asked for, from when the function is synced."""
        section = self._settings.functions[function]
        # Before, changes behind the stamp would be lost, also those of a table that only now joins a running capture.
        if not self._await_capture(section.source):
            return
        mappings = self._mappings(section.source, [function])
        while not self._keeper.stop.wait(LOOK_AROUND):
            if not RULES[standings.of(self._control, function).stage].delivery:
                continue
            for mapping in mappings:
                self._request_if_needed(mapping)
            if backfills.unfinished(self._control, function):
                self._backfill(function, mappings)

    def _request_if_needed(self, mapping: EntityMapping) -> None:
        """Ask for a backfill of what never had one, and of what was filled by a mapping that is no more."""
        function, entity = mapping.shape.function, mapping.shape.entity
        record = backfills.get(self._control, function, entity)
        if record is None or (record.stamp and record.mapping != mapping.version):
            backfills.request(self._control, function, entity)

    def _backfill(self, function: str, mappings: Sequence[EntityMapping]) -> None:
        section = self._settings.functions[function]
        with (
            closing(assembly.source(self._settings, section.source)) as source,
            closing(assembly.store(self._settings, section.store)) as store,
        ):
            store.prepare([m.shape for m in mappings])
            for mapping in mappings:
                Backfill(mapping, source, store, self._control, self._settings.sync.chunk).run(
                    self._keeper.stop
                )

    def _source_failed(self, name: str, error: StranglerError) -> None:
        sources.fail(self._control, name, error.what)

    def _delivery_failed(self, function: str, error: StranglerError) -> None:
        deliveries.fail(self._control, function, error.what)

    def _backfill_failed(self, function: str, error: StranglerError) -> None:
        backfills.fail(self._control, function, error.what)
