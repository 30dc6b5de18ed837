"""`strangler worker` and `strangler run`: the sync with its console, alone or together with the facade in one process."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

import click

from strangler.cli.application import Application, pass_application
from strangler.errors import ExitCode, Unavailable

if TYPE_CHECKING:
    from strangler.control.store import Control
    from strangler.settings import Settings

TRY_FOR = 5.0
"""Seconds to try to reach the control store before saying that it isn't there; then it is tried again."""


@click.command()
@pass_application
def worker(application: Application) -> ExitCode:
    """Run the sync: capture changes, translate them, fill the stores. Ctrl-C stops cleanly."""
    with _stoppable() as stop, _working(application.settings, stop):
        stop.wait()
    return ExitCode.OK


@click.command()
@pass_application
def run(application: Application) -> ExitCode:
    """Run worker, console and, when one is configured, the facade in one process. Ctrl-C stops cleanly."""
    from strangler.assembly import control

    settings = application.settings
    with _stoppable() as stop, _working(settings, stop):
        if settings.facade is None or stop.is_set():
            stop.wait()
        else:
            from strangler.facade.server import serve

            serve(settings, lambda: control(settings), stop=stop)
    return ExitCode.OK


@contextlib.contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Logs as JSON lines, and an event that SIGINT and SIGTERM set."""
    from strangler import logs

    logs.configure()
    stop = threading.Event()

    def asked(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, asked)
    yield stop


@contextlib.contextmanager
def _working(settings: Settings, stop: threading.Event) -> Iterator[None]:
    """The worker and its console, from when the control store is there."""
    from strangler.console.server import serving
    from strangler.worker import Worker

    control = _control(settings, stop)
    if control is None:
        yield
        return
    moving = Worker(settings, control)
    with contextlib.closing(control), serving(settings, control):
        moving.start()
        try:
            yield
        finally:
            moving.stop()


def _control(settings: Settings, stop: threading.Event) -> Control | None:
    """The control store, waited for as long as it takes; None when a stop came first."""
    import logging

    from strangler.assembly import control

    while not stop.is_set():
        try:
            return control(settings, wait=TRY_FOR)
        except Unavailable as error:
            logging.getLogger("strangler").warning(error.what, extra={"why": error.why, "do": error.do})
    return None
