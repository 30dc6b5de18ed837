"""Readiness: whether the store is close enough behind legacy that a switch can end within its time limit."""

from __future__ import annotations

from strangler.control import backfills, deliveries
from strangler.control.store import Control
from strangler.errors import Refused
from strangler.settings import Function


def refuse_behind(control: Control, function: str, section: Function) -> None:
    """Raise Refused while a backfill goes on, or while delivery is further behind than its gate allows."""
    for record in backfills.of_function(control, function):
        if record.finished_at is None:
            raise Refused(
                f"the backfill of {function}.{record.entity} is still in progress",
                do="wait until it is finished; `strangler status` shows how far it is, and what is wrong with it",
            )
    delivery, most = deliveries.get(control, function), section.gates.lag.max.total_seconds()
    if delivery is not None and delivery.lag is not None and delivery.lag > most:
        raise Refused(
            f"the store of {function} is {delivery.lag:.3g} s behind, more than {most:g} s",
            do="wait until it has caught up: strangler status; writers would have to wait that long",
        )
