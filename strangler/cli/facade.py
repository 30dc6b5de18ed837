"""`strangler facade`: the HTTP front that callers use, on its own."""

from __future__ import annotations

import signal
import threading

import click

from strangler.cli.application import Application
from strangler.errors import ExitCode


@click.command()
@click.option("--host", help="Address to listen on instead of facade.host.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on instead of facade.port; 0 takes a free one.",
)
@click.pass_obj
def command(application: Application, host: str | None, port: int | None) -> ExitCode:
    """Run the HTTP front that callers use. Ctrl-C stops it when the calls under way are finished."""
    from strangler import logs
    from strangler.assembly import control
    from strangler.facade.server import serve

    logs.configure()
    # uvicorn takes the signals while it serves, and raises them again at the end, when there is nothing left to stop.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    settings = application.settings
    serve(settings, lambda: control(settings), host=host, port=port, stop=stop)
    return ExitCode.OK
