"""`strangler worker` and `strangler run`: the sync with its console, alone or together with the facade in one process."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.misfits import refuse_misfits
from strangler.errors import ExitCode, Unavailable

if TYPE_CHECKING:
    import socket

    from strangler.control.store import Control
    from strangler.settings import Settings

TRY_FOR = 5.0
"""Seconds to try to reach the control store before saying that it isn't there; then it is tried again."""


@click.command()
@pass_application
def worker(application: Application) -> ExitCode:
    """Run the sync: capture changes, translate them, fill the stores. Ctrl-C stops cleanly.

    The stores are filled by a second process for each source, which ends with this one.
    """
    refuse_misfits(application)
    with _stoppable() as stop, _working(application.settings, stop, apart=True):
        stop.wait()
    return ExitCode.OK


@click.command()
@pass_application
def run(application: Application) -> ExitCode:
    """Run worker, console and, when one is configured, the facade in one process. Ctrl-C stops cleanly."""
    from strangler.assembly import control

    settings = application.settings
    refuse_misfits(application)
    with _stoppable() as stop, _front(settings) as bound, _working(settings, stop):
        if bound is None or stop.is_set():
            stop.wait()
        else:
            from strangler.facade.server import serve

            serve(settings, lambda: control(settings), stop=stop, bound=bound)
    return ExitCode.OK


@contextlib.contextmanager
def _front(settings: Settings) -> Iterator[socket.socket | None]:
    """The facade's address, taken before the worker touches anything; None without a facade."""
    if settings.facade is None:
        yield None
        return
    from strangler.facade.server import bind

    with bind(settings.facade.host, settings.facade.port) as bound:
        yield bound


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
def _working(settings: Settings, stop: threading.Event, *, apart: bool = False) -> Iterator[None]:
    """The worker and its console, from when the control store is there."""
    from strangler.collector import collect_seldom
    from strangler.console.server import serving
    from strangler.control import configurations
    from strangler.worker import Worker

    control = _control(settings, stop)
    if control is None:
        yield
        return
    moving = Worker(settings, control, apart=apart)
    collect_seldom()
    with contextlib.closing(control), serving(settings, control):
        configurations.note_applied(control, settings, actor="worker", at=time.time())
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
