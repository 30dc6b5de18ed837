"""Filling: delivery and backfill of the functions that come from one source, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from strangler import assembly
from strangler.control import backfills, deliveries, sources, standings
from strangler.control.store import Control
from strangler.errors import StranglerError
from strangler.keeper import Bell, Keeper
from strangler.settings import Settings
from strangler.sync import limits
from strangler.sync.backfill import Backfill
from strangler.sync.delivery import Delivery
from strangler.sync.schema import Agreed

if TYPE_CHECKING:
    from strangler.mapping import EntityMapping

LOOK_AROUND = 0.5
"""Seconds between two looks whether a backfill is wanted."""


class Filling:
    """Fills the stores of one source's functions in threads of `keeper`. `grown` rings when the log has grown.

    `captured` waits until all tables are captured and says False when there is a stop first: before that, changes behind the
    stamp of a backfill would be lost, also those of a table that only now joins a running capture.
    """

    def __init__(
        self,
        settings: Settings,
        control: Control,
        source: str,
        keeper: Keeper,
        grown: Bell,
        captured: Callable[[], bool],
    ) -> None:
        self._settings, self._control, self._source = settings, control, source
        self._keeper, self._grown, self._captured = keeper, grown, captured

    def start(self) -> None:
        """Start the threads; they go on until the keeper stops."""
        for function in assembly.functions_of(self._settings, self._source):
            failed = partial(self._delivery_failed, function)
            self._keeper.keep(f"delivery {function}", partial(self._deliver, function), failed)
            failed = partial(self._backfill_failed, function)
            self._keeper.keep(f"backfill {function}", partial(self._fill, function), failed)

    def _deliver(self, function: str) -> None:
        """A function's delivery thread. Where the log can't be shared, only the worker that captures delivers, so that a
        second one that is started by mistake doesn't; where it can, every worker takes its part."""
        section = self._settings.functions[function]
        mappings, agreed = self._mappings(function)
        shapes = [mapping.shape for mapping in mappings]
        with (
            closing(assembly.log(self._settings)) as log,
            closing(assembly.store(self._settings, section.store)) as store,
        ):
            store.prepare(shapes)
            if section.return_ is not None:
                with closing(assembly.outbox(self._settings, function, shapes)) as outbox:
                    outbox.prepare()
            share = log.share(function)
            if share is None and not self._captured():
                return
            with closing(share) if share else nullcontext():
                batch = self._settings.sync.batch
                delivery = Delivery(function, section.source, log, share, store, self._control, batch, shapes)
                delivery.run(self._keeper.stop, partial(self._wait, agreed, mappings))

    def _wait(self, agreed: Agreed, mappings: Sequence[EntityMapping], seconds: float) -> None:
        """Wait for the log to grow. What it then has may be of another shape."""
        self._grown.wait(seconds)
        agreed.require_same(mappings)

    def _fill(self, function: str) -> None:
        """A function's backfill thread: carries out what is asked for, from when the function is synced."""
        if not self._captured():
            return
        mappings, agreed = self._mappings(function)
        while not self._keeper.stop.wait(LOOK_AROUND):
            agreed.require_same(mappings)
            if not standings.snapshot(self._control).follows(function):
                continue
            for mapping in mappings:
                self._request_if_needed(mapping)
            if backfills.unfinished(self._control, function):
                limits.refuse_stopped(self._control, function)
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
            chunk, most = self._settings.sync.chunk, section.quarantine.max_keys
            for mapping in mappings:
                backfill = Backfill(mapping, source, store, self._control, chunk, most, self._remembered)
                backfill.run(self._keeper.stop)

    def _remembered(self) -> bool:
        """Whether the source has a capture: none between its reset and the new one."""
        return sources.identity(self._control, self._source) is not None

    def _mappings(self, function: str) -> tuple[list[EntityMapping], Agreed]:
        """The function's mappings, and what was agreed to before they were compiled."""
        agreed = Agreed(self._source, self._control)
        with closing(assembly.source(self._settings, self._source)) as legacy:
            return assembly.mappings(self._settings, function, legacy), agreed

    def _delivery_failed(self, function: str, error: StranglerError) -> None:
        deliveries.fail(self._control, function, error.what)

    def _backfill_failed(self, function: str, error: StranglerError) -> None:
        backfills.fail(self._control, function, error.what)
