"""`strangler export flags`: where functions stand as flag definitions for flagd, which code asks by OpenFeature."""

from __future__ import annotations

import json
from pathlib import Path

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.export_planes import check_stamp, checking, standings_now
from strangler.cli.writing import write
from strangler.errors import ExitCode


@click.command("flags")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A file, whose folder is made when missing. [default: to stdout]",
)
@checking
@pass_application
def command(application: Application, output: Path | None, check: Path | None) -> ExitCode:
    """Write where functions stand now as flag definitions for flagd.

    Three flags for each function: F (legacy or new: who answers reads), F.owner (who may write), F.new (true or false). It is of one
    generation: export anew when a function has moved.
    """
    from strangler.planes.flags import flags, notes

    if check is not None:
        return check_stamp(application, check)
    definitions = flags(application.settings, standings_now(application))
    text = json.dumps(definitions, indent=2, ensure_ascii=False) + "\n"
    for note in notes(application.settings):
        click.echo(f"note: {note}", err=True)
    if output is None:
        click.echo(text, nl=False)
    else:
        write(output, text, "the flags")
        click.echo(f"the flags of {len(application.settings.functions)} functions are in {output}", err=True)
    return ExitCode.OK
