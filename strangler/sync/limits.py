"""Limits: a broken mapping stops its function after so many keys, and puts neither the world into quarantine nor others to a halt.

The function is stopped behind a batch, so that up to there everything of it was translated or held. From then on the source goes on for
the other functions. What it says of rows of this one is passed over, said loudly, and made up for by the backfill that its resumption
asks for (invariant 7); only removals go on, for no backfill sees those. Nothing claims meanwhile that the store is complete: delivery
and backfill of the function refuse to go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from strangler.changes import Position
from strangler.control import backfills, ledger, stops
from strangler.control import quarantine as record
from strangler.control.lock import lock_decisions
from strangler.control.quarantine import Held
from strangler.control.stops import Stop
from strangler.control.store import Control
from strangler.errors import Refused, StranglerError

logger = logging.getLogger("strangler.quarantine")

STOPPED: Final = "function stopped"
RESUMED: Final = "function resumed"
"""Kinds of decisions on the ledger (invariant 8)."""


def hold(control: Control, most: Mapping[str, int], held: Sequence[Held], position: Position) -> bool:
    """Put changes into quarantine; True when that stops a function. `most`: function → keys of it that may wait.

    `position`: up to there everything was translated, or is held with this.
    """
    with control.begin():
        record.hold(control, held)
        waiting = record.counts(control)
        beyond = [
            Stop(name, position, waiting[name], most[name], time.time())
            for name in sorted({each.function for each in held})
            if name in most and waiting[name] > most[name]
        ]
        for stop in beyond:
            _stop(control, stop)
    return bool(beyond)


def refuse_stopped(control: Control, function: str) -> None:
    """Raise StranglerError when the function is stopped."""
    if stop := stops.get(control, function):
        raise StranglerError(stop.words)


def ask_to_resume(control: Control, function: str, *, actor: str, at: float) -> Stop:
    """Note that a person wants the function to go on. Raises Refused when it isn't stopped."""
    with control.begin() as connection:
        lock_decisions(connection)
        stop = stops.get(control, function)
        if stop is None:
            raise Refused(f"{function} isn't stopped", do="strangler quarantine list, to see what waits")
        ledger.append(control, actor=actor, kind=RESUMED, function=function, body=_body(stop), at=at)
        stops.ask_to_resume(control, function)
        return stop


def resume(control: Control, function: str) -> None:
    """Let the function go on: fill again what was passed over. By the stream alone, between batches, so that what isn't passed
    over any more comes behind the stamp of the backfills."""
    with control.begin():
        for filled in backfills.of_function(control, function):
            backfills.request(control, function, filled.entity)
        stops.end(control, function)
    logger.warning("resumed", extra={"function": function})


def _stop(control: Control, stop: Stop) -> None:
    with control.begin() as connection:
        lock_decisions(connection)
        if stops.begin(control, stop):
            ledger.append(
                control, actor="worker", kind=STOPPED, function=stop.function, body=_body(stop), at=stop.at
            )
            logger.error(stop.words)


def _body(stop: Stop) -> dict[str, object]:
    return {name: value for name, value in asdict(stop).items() if name in ("position", "keys", "most")}
