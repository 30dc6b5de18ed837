"""`strangler export nginx --follow` and its like: a process beside a proxy that keeps its configuration to the standings."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from strangler.cli.application import Application
from strangler.errors import ExitCode

if TYPE_CHECKING:
    from strangler.following.proxy import Proxy
    from strangler.planes.export import Export
    from strangler.routing import Standings


class Asked(NamedTuple):
    """What the user wants of following: the proxy, and the folder of its files."""

    target: str
    output: Path
    proxy: Proxy

    @property
    def id(self) -> str:
        """Always the same for a folder of a machine, so that whoever follows next takes over."""
        where = hashlib.sha256(str(self.place).encode()).hexdigest()[:8]
        return f"{self.target}-{socket.gethostname()[:40]}-{where}"

    @property
    def place(self) -> Path:
        # Not `resolve`: the folder is a link that changes.
        return Path(os.path.abspath(self.output))


Command = TypeVar("Command", bound=Callable[..., Any])


def following_options(command: Command) -> Command:
    """The options of a command that may follow its proxy."""
    options = (
        click.option(
            "--follow",
            is_flag=True,
            help="Go on: write anew for each generation, let the proxy load it, and let switches wait until it acts by it. Needs --output, "
            "--reload and --pid. Ctrl-C stops it; the proxy goes on, and no function is switched until it is followed again.",
        ),
        click.option(
            "--test", metavar="COMMAND", help="Checks the files before they are loaded, e.g. 'nginx -t'."
        ),
        click.option(
            "--reload", metavar="COMMAND", help="Lets the proxy load the files, e.g. 'nginx -s reload'."
        ),
        click.option(
            "--pid",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Where the proxy writes the number of its first process, e.g. /run/nginx.pid.",
        ),
        click.option(
            "--probe",
            metavar="URL",
            help="Where the proxy says of which generation it is, whatever it answers. [default: a path that it refuses, at --listen]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def asked_to_follow(
    target: str,
    title: str,
    output: Path | None,
    listen: str,
    *,
    follow: bool,
    test: str | None,
    reload: str | None,
    pid: Path | None,
    probe: str | None,
) -> Asked | None:
    """None when the export is to be written once. Raises UsageError for what doesn't go together."""
    if not follow:
        if test or reload or pid or probe:
            raise click.UsageError("--test, --reload, --pid and --probe are for --follow")
        return None
    if output is None or reload is None or pid is None:
        raise click.UsageError("--follow needs --output DIR, --reload COMMAND and --pid FILE")
    from strangler.following.proxy import Proxy, probe_of
    from strangler.planes.plane import upstream

    asked = probe or probe_of(listen)
    upstream("probe", asked)  # It can be asked there, or says what is wrong with the URL.
    return Asked(target, output, Proxy(title, test, reload, pid, asked))


def follow(application: Application, asked: Asked, make: Callable[[Standings], Export]) -> ExitCode:
    """Follow until a signal comes."""
    from strangler import logs
    from strangler.assembly import control
    from strangler.facade.background import Background, Line
    from strangler.facade.memory import Memory
    from strangler.facade.server import section
    from strangler.following.folder import Folder
    from strangler.following.follower import Effect, Follower

    settings, folder, effect = application.settings, Folder(asked.place), Effect()
    memory = Memory({}, section(settings))
    line = Line(asked.id, f"{asked.proxy.title} by {asked.place} on {socket.gethostname()}", lasts=True)
    with folder.alone():
        logs.configure()
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        background = Background(lambda: control(settings), line, effect, memory)
        background.open(0.0)
        Follower(make, folder, asked.proxy, effect).run(background.current, stop)
        background.close(5.0)
    return ExitCode.OK
