"""Sweeping: forget the tombstones of removed keys that nothing can need any more, so that they don't grow for ever.

A tombstone keeps what is older than the removal from bringing the key back. Three things could: a backfill that read before
the removal, so none may be under way; an event that is still in the log behind delivery; a change in quarantine.
What may go is therefore said before the log is read, and goes only when the log held nothing more: a change that is
released in between is then either still counted as held, or is in the log.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from strangler.changes import Position
from strangler.control import backfills, quarantine
from strangler.control.store import Control
from strangler.ports import ServiceStore
from strangler.shapes import Shape

logger = logging.getLogger("strangler.sync.sweeping")

SWEEP_EVERY = 60.0
"""Seconds between two sweeps: tombstones cost little, and finding none costs less."""


class Sweeping:
    """Sweeps the store of one function, now and then. Belongs to the thread that delivers into it."""

    def __init__(self, function: str, shapes: Sequence[Shape], store: ServiceStore, control: Control) -> None:
        self._function, self._shapes = function, shapes
        self._store, self._control = store, control
        self._swept = time.monotonic()

    def limits(self, delivered: Position) -> Mapping[str, Position]:
        """Entity → before which position its tombstones may go, once the log is read to its end; empty: none now.

        `delivered`: the store is complete up to there.
        """
        if time.monotonic() - self._swept < SWEEP_EVERY:
            return {}
        # Invariant 3: every backfill that is asked for later begins to read later, and sees what was removed.
        if backfills.unfinished(self._control, self._function):
            return {}
        held = {
            shape.entity: quarantine.oldest(self._control, self._function, shape.entity)
            for shape in self._shapes
        }
        return {
            entity: delivered if first is None else min(delivered, first) for entity, first in held.items()
        }

    def sweep(self, limits: Mapping[str, Position]) -> None:
        """Do it, within what `limits` said."""
        for shape in self._shapes:
            if before := limits.get(shape.entity):
                forgotten = self._store.sweep(shape, before)
                logger.debug("tombstones swept", extra={"entity": shape.entity, "count": forgotten})
        self._swept = time.monotonic()
