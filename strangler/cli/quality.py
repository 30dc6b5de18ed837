"""`strangler quality`: make the checks of data on legacy, store or events; look at past runs; build their site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast, get_args

import click

from strangler.cli.application import Application, pass_application
from strangler.errors import ExitCode, StranglerError
from strangler.settings import CheckedSide

if TYPE_CHECKING:
    from strangler.control.quality_runs import QualityRun

EXIT_CODES: Final = {"passed": ExitCode.OK, "failed": ExitCode.FAILED, "unchecked": ExitCode.UNUSABLE}
"""0: every critical check holds. 1: one fails. 2: could not check, which never reads as a pass."""

SIDES: Final = get_args(CheckedSide)


@click.group()
def group() -> None:
    """Make the checks of data, and look at what they found."""


@group.command()
@click.argument("function")
@click.option(
    "--on",
    "side",
    type=click.Choice(SIDES),
    default="legacy",
    show_default=True,
    help="What to check: legacy rows seen through the mapping, the store, or the newest events.",
)
@click.option("--samples/--no-samples", default=False, help="Show rows that fail, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@pass_application
def run(application: Application, function: str, side: str, samples: bool, as_json: bool) -> ExitCode:
    """Make every check of FUNCTION, the declared ones and those that the mapping implies, and record the run.

    Exit code 0: every critical check holds. 1: a critical one fails. 2: could not check.
    """
    from rich.console import Console

    from strangler.quality import runs

    application.function(function)
    console = Console(stderr=True)
    with console.status("beginning") as status:
        made = runs.run(
            application.settings, application.control, function, cast(CheckedSide, side), told=status.update
        )
    _show(application, made, as_json, samples)
    return EXIT_CODES[made.status]


@group.command("list")
@click.argument("function", required=False)
@click.option("--on", "side", type=click.Choice(SIDES), help="Only runs on this side.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="Runs to list."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@pass_application
def listing(
    application: Application, function: str | None, side: str | None, limit: int, as_json: bool
) -> None:
    """List past runs, of FUNCTION or of all, the newest first."""
    from rich.console import Console

    from strangler.control import quality_runs
    from strangler.quality import showing

    if function is not None:
        application.function(function)
    past = quality_runs.listed(application.control, function, side, limit=limit)
    if as_json:
        _print_json([showing.run_json(each) for each in past])
    elif past:
        Console(highlight=False).print(showing.history(past))
    else:
        click.echo("nothing was checked yet")


@group.command()
@click.argument("number", metavar="RUN", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@pass_application
def show(application: Application, number: int, as_json: bool) -> None:
    """Show what RUN found, with rows that fail. Sensitive fields are masked."""
    from strangler.control import quality_runs

    found = quality_runs.get(application.control, number)
    if found is None:
        raise StranglerError(f"there is no run {number}", do="strangler quality list")
    _show(application, found, as_json, samples=True)


@group.command()
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="Runs to put into it.",
)
@pass_application
def docs(application: Application, limit: int) -> None:
    """Build the site of past runs (Data Docs) anew, and say where it is."""
    from strangler.quality import site

    page = site.build(application.settings, application.control, limit=limit)
    click.echo(page)


def _show(application: Application, run: QualityRun, as_json: bool, samples: bool) -> None:
    from rich.console import Console

    from strangler.control import quality_runs
    from strangler.quality import showing

    results = quality_runs.results(application.control, run.id)
    if as_json:
        _print_json(showing.as_json(run, results))
    else:
        Console(highlight=False).print(showing.as_tables(run, results, samples=samples))


def _print_json(value: Any) -> None:
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())
