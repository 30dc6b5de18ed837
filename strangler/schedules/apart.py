"""A schedule carried out, in a process of its own: the stream goes on beside it as if it weren't there."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Final

from strangler.apart import CONTROL_WAIT, Child, as_child
from strangler.control import schedules
from strangler.control.holders import signs_of_life
from strangler.control.store import Control
from strangler.settings import Schedule, Settings

if TYPE_CHECKING:
    from strangler.reconcile.jobs import Job
    from strangler.reconcile.runs import Reconciliation

logger = logging.getLogger("strangler.schedules")

NICENESS: Final = 10
"""How much the process stands back behind those that move data, where there isn't processor enough for all."""


def start(settings: Settings, function: str, schedule: Schedule) -> Child:
    """Carry it out from now on."""
    return Child(f"{schedule.name} of {function}", _child, settings, function, schedule)


def _child(settings: Settings, function: str, schedule: Schedule, lifeline: Connection) -> None:
    """The process: do it, or as much of it as there is time until the pipe ends."""
    from strangler import assembly

    as_child()
    os.nice(NICENESS)
    stop = threading.Event()
    threading.Thread(target=_await_end, args=(lifeline, stop), daemon=True).start()
    with closing(assembly.control(settings, wait=CONTROL_WAIT)) as control:
        carry_out(settings, control, function, schedule, stop.is_set)


def carry_out(
    settings: Settings, control: Control, function: str, schedule: Schedule, stop: Callable[[], bool]
) -> None:
    """Hold the slot while it is done. What `stop` ended half way is free to be gone on with at once."""
    key = (function, schedule.name)
    with signs_of_life(lambda: schedules.hold(control, key, at=time.time())):
        found = _reconcile(settings, control, job_of(function, schedule, time.time()), stop)
    if stop() and found.status == "incomplete":
        schedules.release(control, key, found.run)
    else:
        schedules.end(control, key, found.run)


def _reconcile(settings: Settings, control: Control, job: Job, stop: Callable[[], bool]) -> Reconciliation:
    """Do the job, and log what came of it."""
    from strangler.control.reconciliations import ENDED
    from strangler.reconcile import runs

    found = runs.reconcile(settings, control, job, stop=stop)
    level = logging.INFO if found.status == "clean" else logging.WARNING
    why = {"why": found.reason} if found.status not in ENDED else {"drift": found.drift}
    what = f"the scheduled {job.mode} reconciliation {found.run} of {job.function}: {found.status}"
    logger.log(level, what, extra=why)
    return found


def job_of(function: str, schedule: Schedule, now: float) -> Job:
    """What a schedule asks for. It always goes on with what was stopped half way."""
    from strangler.reconcile.jobs import SAMPLE, Job, Mode

    return Job(
        function,
        Mode(schedule.mode),
        sample=schedule.sample or SAMPLE,
        since=now - schedule.since.total_seconds() if schedule.since else None,
        within=schedule.within.total_seconds() if schedule.within else None,
        resume=True,
    )


def _await_end(lifeline: Connection, stop: threading.Event) -> None:
    with suppress(EOFError, OSError):
        while True:
            lifeline.recv_bytes()
    stop.set()
