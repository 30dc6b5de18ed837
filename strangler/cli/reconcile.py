"""`strangler reconcile FUNCTION`: compare legacy and store, list what differs, and record the run as evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from strangler.cli.application import Application, pass_application
from strangler.errors import ExitCode
from strangler.settings import part_names

if TYPE_CHECKING:
    from strangler.reconcile.jobs import Told
    from strangler.reconcile.runs import Reconciliation

EXIT_CODES: Final = {
    "clean": ExitCode.OK,
    "drift": ExitCode.FAILED,
    "failed": ExitCode.UNUSABLE,
    "incomplete": ExitCode.INCOMPLETE,
}
"""0 clean, 1 drift, 2 could not check: a check that failed never reads as a pass."""


@click.command()
@click.argument("function")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    metavar="N",
    help="Keys to list per entity.",
)
@click.option(
    "--confirm/--no-confirm",
    default=True,
    show_default=True,
    help="Wait for the store and look again, so that changes on their way don't count.",
)
@click.option("--history", is_flag=True, help="List the past runs instead of comparing.")
@pass_application
def command(
    application: Application, function: str, as_json: bool, limit: int, confirm: bool, history: bool
) -> ExitCode:
    """Compare FUNCTION's entities in the legacy database, seen through the mapping, with its store.

    Exit code 0: clean. 1: drift. 2: could not check.
    """
    from strangler.reconcile import runs
    from strangler.reconcile.jobs import Job

    application.function(function)
    if history:
        return _show_history(application, function, as_json)
    entities = application.settings.functions[function].entities.items()
    with _progress([part for name, entity in entities for part in part_names(name, entity)]) as told:
        job = Job(function, confirm=confirm)
        found = runs.reconcile(application.settings, application.control, job, told=told)
    _show(found, as_json, limit)
    return EXIT_CODES[found.status]


def _show(found: Reconciliation, as_json: bool, limit: int) -> None:
    from rich.console import Console

    from strangler.reconcile import showing

    if as_json:
        _print_json(showing.as_json(found, limit))
    else:
        Console(highlight=False).print(showing.as_tables(found, limit))


def _show_history(application: Application, function: str, as_json: bool) -> ExitCode:
    from rich.console import Console

    from strangler.control import reconciliations
    from strangler.reconcile import showing

    past = reconciliations.listed(application.control, function)
    if as_json:
        _print_json([showing.run_json(run) for run in past])
    elif past:
        Console(highlight=False).print(showing.history(past))
    else:
        click.echo(f"{function} was never reconciled")
    return ExitCode.OK


def _print_json(value: object) -> None:
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())


@contextmanager
def _progress(parts: list[str]) -> Iterator[Told]:
    """A bar on the terminal that says what is done now; nothing where there is none."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        SpinnerColumn(),
        BarColumn(20),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("opening both sides", total=len(parts))
        yield _teller(parts, lambda done, words: progress.update(task, completed=done, description=words))


def _teller(parts: list[str], update: Callable[[float, str], None]) -> Told:
    return lambda told: update(parts.index(told.part) + (told.share or 0.0), f"{told.part}: {told.words}")
