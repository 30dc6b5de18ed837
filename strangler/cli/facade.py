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
@click.option(
    "--workers", type=click.IntRange(1, 256), help="Processes, one for each core, instead of facade.workers."
)
@click.pass_obj
def command(application: Application, host: str | None, port: int | None, workers: int | None) -> ExitCode:
    """Run the HTTP front that callers use. Ctrl-C stops it when the calls under way are finished."""
    from strangler import logs
    from strangler.assembly import control
    from strangler.facade.server import bind, listening, section, serve
    from strangler.facade.workers import serve_many

    logs.configure()
    # The event loop takes the signals while it serves; until then, and with several workers, they set this.
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    settings = application.settings
    facade = section(settings)
    bound = bind(host or facade.host, facade.port if port is None else port)
    count = workers or facade.workers
    if count == 1:
        serve(settings, lambda: control(settings), stop=stop, bound=bound)
    else:
        with listening(bound) as listener:
            serve_many(settings, listener, count, stop, facade.drain.total_seconds())
    return ExitCode.OK
