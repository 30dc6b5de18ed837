"""The landscape: what the facades and the conductor are started with, and the evidence that lets every gate pass."""

from __future__ import annotations

import time
from typing import Any, Final

from strangler.changes import Position
from strangler.control import backfills, deliveries, reconciliations, sources, standings
from strangler.control.reconciliations import Status
from strangler.control.store import Control

FUNCTION: Final = "party"

BUDGET: Final = 4.0
"""Seconds that a write may take: less than the conductor waits for, beyond the lease, when a facade is silent."""

TIME_LIMIT: Final = 30.0
"""Seconds that a switch may take."""


def configuration(control: str, legacy: str, new: str) -> dict[str, Any]:
    """One function, with writes only. `control` is the URL by which the control store is reached."""
    return {
        "name": "owners",
        "control": {"url": control},
        "sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}},
        "stores": {"new": {"url": "sqlite:///new.db"}},
        "facade": {"port": 0, "legacy": legacy, "total_timeout": f"{BUDGET}s", "breaker": {"enabled": False}},
        "cutover": {"time_limit": f"{TIME_LIMIT}s"},
        "functions": {
            FUNCTION: {
                "source": "erp",
                "store": "new",
                "service": {"url": new},
                "entities": {FUNCTION: {"table": FUNCTION, "key": "id", "fields": {"id": "id"}}},
                "routes": [{"kind": "write", "match": {"path": "/parties/{id}"}}],
                "steps": [{"weight": 1.0}],
            }
        },
    }


def evidence(control: Control) -> None:
    """Everything that the gates ask for, as of now."""
    now = time.time()
    sources.seen(control, "erp", Position("0"), seen_at=now, committed_at=now)
    deliver(control, Position("0"))
    run = reconciliations.start(control, FUNCTION, mode="full", job={}, at=now)
    reconciliations.finish(control, run, Status.CLEAN, at=now, counts={"compared": 10})


def fill(control: Control) -> None:
    """The store is filled."""
    backfills.request(control, FUNCTION, FUNCTION)
    backfills.finish(control, FUNCTION, FUNCTION, run=1)


def deliver(control: Control, position: Position) -> None:
    """What legacy has up to there is in the store."""
    generation = standings.generation(control)
    deliveries.report(
        control, FUNCTION, position=position, generation=generation, rows=1, late_writes=0, lag=0.1
    )
