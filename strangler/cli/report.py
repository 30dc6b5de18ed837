"""`strangler report`: the progress of the migration as one HTML file, as Markdown or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.writing import write
from strangler.errors import ExitCode

HTML_PATH: Final = Path("build/report.html")
"""Where the HTML goes when nobody says: it is for a browser, not for a terminal."""


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "md", "json"]),
    default="html",
    show_default=True,
    help="html is one file that opens offline; md and json go to stdout.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help=f"Where to write it. [default: {HTML_PATH} for html, stdout for md and json]",
)
@pass_application
def command(application: Application, form: str, output: Path | None) -> ExitCode:
    """Write how far the migration is: stages, shares, drift, gates, history."""
    from strangler.progress import measure
    from strangler.report import render

    text = render(measure(application.settings, application.control), form)
    path = output or (HTML_PATH if form == "html" else None)
    if path is None or str(path) == "-":
        click.echo(text, nl=False)
        return ExitCode.OK
    write(path, text, "the report")
    click.echo(f"the report is in {path}", err=True)
    return ExitCode.OK
