"""`strangler export nginx` and its like: the routes as they stand now, as configuration of another proxy.

What the proxy can't do is said on stderr and in the file itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.export_follow import asked_to_follow, follow, following_options
from strangler.cli.writing import write
from strangler.errors import ExitCode, StranglerError

if TYPE_CHECKING:
    from strangler.planes.export import Export
    from strangler.planes.stamp import Stamp
    from strangler.routing import Standings

TARGETS: Final = {
    "nginx": "nginx",
    "haproxy": "HAProxy",
    "envoy": "Envoy",
    "gateway-api": "the Gateway API of Kubernetes",
}
"""Commands, with the names by which people know the proxies. A target is a plugin of `strangler.dataplanes`."""

FOLLOWED: Final = ("nginx", "haproxy")
"""Those that load new files while they run, and are told to by a command."""


checking: Final = click.option(
    "--check",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write nothing; say whether this exported file is of the present generation and configuration, and exit with 1 when it isn't.",
)
"""The option of every export that is of one generation."""


def _command(target: str, title: str) -> click.Command:
    @click.command(target, short_help=f"Write the routes as configuration of {title}.")
    @click.option("--facade", metavar="URL", help="A running facade: what only it can decide is sent to it.")
    @click.option(
        "--comparer",
        metavar="URL",
        help="Where copies of the reads go that are shadowed. [default: the facade]",
    )
    @click.option(
        "--listen", metavar="HOST:PORT", help="Where the proxy listens. [default: as the facade would]"
    )
    @click.option(
        "--without-body-routes",
        is_flag=True,
        help="Leave out the routes that look into a body; such calls go to legacy while it owns all that they could be, and are "
        "refused from then on.",
    )
    @click.option(
        "--output",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="A folder, made when missing. [default: to stdout, where it is one file]",
    )
    @checking
    @pass_application
    def command(
        application: Application,
        /,
        facade: str | None,
        comparer: str | None,
        listen: str | None,
        without_body_routes: bool,
        output: Path | None,
        check: Path | None,
        **following: Any,
    ) -> ExitCode:
        from strangler import plugins
        from strangler.planes.drawing import Wishes, draw

        if check is not None:
            return check_stamp(application, check)
        section = application.settings.facade
        own = f"{section.host}:{section.port}" if section else ""
        wishes = Wishes(listen or own, facade, comparer, without_body_routes)
        compile = plugins.load("dataplanes", target)
        asked = asked_to_follow(target, title, output, wishes.listen, **following) if following else None
        if asked is not None:
            return follow(
                application, asked, lambda standings: compile(draw(application.settings, standings, wishes))
            )
        _write(compile(draw(application.settings, standings_now(application), wishes)), output)
        return ExitCode.OK

    follows = "; or let --follow do it, for which switches wait" if target in FOLLOWED else ""
    command.help = (
        f"Write the routes as configuration of {title}, as the functions stand now.\n\nIt is of one generation: export anew when a "
        f"function has moved or is fenced{follows}. What can't be said to the proxy is told on stderr and in the file."
    )
    return following_options(command) if target in FOLLOWED else command


COMMANDS: Final = [_command(target, title) for target, title in TARGETS.items()]


def standings_now(application: Application) -> Standings:
    """Where everything stands at this moment, for what is made of it once."""
    from strangler.control import standings
    from strangler.routing import picture

    news = standings.snapshot(application.control)
    return picture(news.generation, news.standings)


def _write(export: Export, output: Path | None) -> None:
    for note in export.notes:
        click.echo(f"note: {note}", err=True)
    if output is not None:
        for name, text in export.files.items():
            write(output / name, text, "the configuration")
        click.echo(f"{', '.join(export.files)}: written to {output}", err=True)
        return
    if len(export.files) > 1:
        raise StranglerError(
            f"the configuration is {len(export.files)} files: {', '.join(export.files)}",
            do="name a folder with --output",
        )
    click.echo(next(iter(export.files.values())), nl=False)


def check_stamp(application: Application, path: Path) -> ExitCode:
    """Say whether an exported file is of the present generation and configuration."""
    from strangler.control import standings
    from strangler.planes.stamp import Stamp, fingerprint, outdated

    found = _stamp(path)
    present = Stamp(standings.generation(application.control), fingerprint(application.settings))
    why = outdated(found, present)
    click.echo(f"{path}: {why or f'is of the present generation {present.generation}'}")
    return ExitCode.FAILED if why else ExitCode.OK


def _stamp(path: Path) -> Stamp:
    from strangler.planes import stamp

    try:
        found = stamp.read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise StranglerError(f"{path} can't be read", why=str(error), do="name an exported file") from error
    if found is None:
        raise StranglerError(
            f"{path} doesn't say of which generation it is",
            why="there is no line with its stamp, so it wasn't made by `strangler export`, or was edited",
            do="export it anew",
        )
    return found
