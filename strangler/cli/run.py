"""`strangler worker` and `strangler run`: the sync on its own, or together with the facade in one process."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click

from strangler.cli.application import Application
from strangler.errors import ExitCode


@click.command()
@click.pass_obj
def worker(application: Application) -> ExitCode:
    """Run the sync: capture changes, translate them, fill the stores. Ctrl-C stops cleanly."""
    from strangler import logs
    from strangler.worker import Worker

    logs.configure()
    stop = threading.Event()

    def asked(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, asked)
    signal.signal(signal.SIGTERM, asked)
    moving = Worker(application.settings, application.patient_control())
    moving.start()
    stop.wait()
    moving.stop()
    return ExitCode.OK
