"""`strangler facade`: the HTTP front that callers use, on its own; `strangler comparer`: what another proxy mirrors to."""

from __future__ import annotations

import signal
import threading

import click

from strangler.cli.application import Application
from strangler.errors import ExitCode


def _stoppable() -> threading.Event:
    """Logs as JSON lines, and an event that signals set until the event loop takes them."""
    from strangler import logs

    logs.configure()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


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
    from strangler.assembly import control
    from strangler.facade.server import bind, listening, section, serve
    from strangler.facade.workers import serve_many

    stop, settings = _stoppable(), application.settings
    facade = section(settings)
    bound = bind(host or facade.host, facade.port if port is None else port)
    count = workers or facade.workers
    if count == 1:
        serve(settings, lambda: control(settings), stop=stop, bound=bound)
    else:
        with listening(bound) as listener:
            serve_many(settings, listener, count, stop, facade.drain.total_seconds())
    return ExitCode.OK


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), required=True, help="Port to listen on; 0 takes a free one."
)
@click.pass_obj
def comparer(application: Application, host: str, port: int) -> ExitCode:
    """Take the calls that another proxy mirrors, ask both sides, and compare. Ctrl-C stops it.

    For an exported configuration of nginx, HAProxy or Envoy; see docs/data-planes.md.
    """
    from strangler.assembly import control
    from strangler.facade.server import bind, serve

    stop, settings = _stoppable(), application.settings
    serve(settings, lambda: control(settings), stop=stop, bound=bind(host, port), compares=True)
    return ExitCode.OK
