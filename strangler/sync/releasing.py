"""Releasing: carry out what users asked of the quarantine (`retry`, `drop`, `resume`). Done by the stream's thread, between batches.

So there is one writer of the log, and a released key's later changes can't overtake what was held. Killed between the log
and the quarantine, the same events are appended again; a store takes each only once (invariant 3).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from strangler.boundary import Boundary, HeldKey
from strangler.control import quarantine as record
from strangler.control import stops
from strangler.control.quarantine import State
from strangler.control.store import Control
from strangler.events import Event
from strangler.mapping import EntityMapping
from strangler.ports import EventLog
from strangler.quarantine import release
from strangler.sync import limits

logger = logging.getLogger("strangler.quarantine")


def attend(
    control: Control,
    log: EventLog,
    boundary: Boundary,
    source: str,
    witness: Callable[[Sequence[Event]], None],
) -> bool:
    """Do what was asked for, then let the boundary know which keys are held now, and which functions are stopped. True when
    events were appended; `witness` is told of them before."""
    appended = False
    resumed = _resumed(control, boundary)
    for function in resumed:
        record.retry_all(control, function)
    asked = {HeldKey(held.function, held.entity, held.key) for held in record.take(control)}
    for key in sorted(asked):
        mapping = boundary.mapping(key.function, key.entity)
        if mapping is not None:
            appended = _carry_out(control, log, boundary, mapping, source, key, witness) or appended
    for function in resumed:  # Only now: what waited before doesn't count against the limit any more.
        limits.resume(control, function)
    boundary.stopped = stops.all_stops(control).keys()
    boundary.held = {
        HeldKey(shape.function, shape.entity, key)
        for shape in boundary.shapes
        for key in record.keys(control, shape.function, shape.entity)
    }
    return appended


def _resumed(control: Control, boundary: Boundary) -> list[str]:
    """The stopped functions of this source that somebody wants to go on."""
    functions = {shape.function for shape in boundary.shapes}
    found = stops.all_stops(control)
    return [name for name, stop in found.items() if stop.resuming and name in functions]


def _carry_out(
    control: Control,
    log: EventLog,
    boundary: Boundary,
    mapping: EntityMapping,
    source: str,
    key: HeldKey,
    witness: Callable[[Sequence[Event]], None],
) -> bool:
    """Drop what is to be dropped, and try again all else of the key: also what came to wait after the user asked."""
    waiting = record.show(control, *key)
    if mapping.mirrored and _is_ahead(waiting, boundary):
        return False
    kept = [held for held in waiting if held.state is not State.DROP]
    result = release(mapping, kept, boundary.mirror)
    if result.events:
        witness(result.events)
        log.append(source, result.events, None)
    with control.begin():
        record.remove(control, waiting)
        record.hold(control, result.held)
    counts = {"dropped": len(waiting) - len(kept), "released": len(result.events), "held": len(result.held)}
    logger.info("quarantine attended", extra={"key": key._asdict(), **counts})
    return bool(result.events)


def _is_ahead(waiting: Sequence[record.Held], boundary: Boundary) -> bool:
    """Whether what waits is newer than the mirror, or that stands within a transaction: a backfill, which holds rows under a stamp,
    may be ahead of the stream."""
    mirror = boundary.mirror
    if mirror is None or not mirror.is_whole:
        return True
    return any(held.position >= mirror.position for held in waiting)
