"""`strangler reconcile list|show|diff`: the runs that were, what one of them found, and what has changed between two."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from strangler.cli import accounts
from strangler.cli.application import Application, pass_application
from strangler.errors import ExitCode, Refused, StranglerError

if TYPE_CHECKING:
    from strangler.control.reconciliations import Run

NAMED: Final = 5
"""Runs that are named to somebody who asked for one that isn't there."""


def _number(_context: click.Context, _argument: click.Parameter, text: str | None) -> int | str | None:
    """The number of a run, or `latest`."""
    if text is None or text == "latest":
        return text
    if not text.isdecimal():
        raise click.BadParameter(f"{text!r} is neither the number of a run nor `latest`")
    return int(text)


@click.command("list", short_help="List the runs that were, newest first.")
@click.argument("function", required=False)
@click.option(
    "--status",
    type=click.Choice(["clean", "drift", "failed", "incomplete", "running"]),
    help="Only runs that ended so.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="Most runs."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="csv has a row for each run.",
)
@accounts.OUTPUT
@pass_application
def listing(
    application: Application,
    function: str | None,
    status: str | None,
    limit: int,
    form: str,
    output: Path | None,
) -> ExitCode:
    """List the reconciliations that were, newest first, of one FUNCTION or of all."""
    from strangler.control import reconciliations
    from strangler.control.reconciliations import Status
    from strangler.reconcile.showing import flat, objects, tables

    _prepare(application, function)
    wanted = Status(status) if status else None
    past = reconciliations.listed(application.control, function, status=wanted, limit=limit)
    if form == "json":
        accounts.put(accounts.as_json([objects.summary(run) for run in past]), output)
    elif form == "csv":
        accounts.put(flat.history(past), output)
    elif past:
        accounts.put_table(tables.history(past), output)
    else:
        click.echo(_nothing(function, status))
    return ExitCode.OK


@click.command(short_help="Show a run whole: figures, keys, why.")
@click.argument("run", callback=_number)
@click.argument("function", required=False)
@accounts.LIMIT
@accounts.FORM
@accounts.OUTPUT
@pass_application
def show(
    application: Application,
    run: int | str,
    function: str | None,
    limit: int | None,
    form: str,
    output: Path | None,
) -> ExitCode:
    """Show RUN, the number of a reconciliation or `latest`, whole: what it compared, which keys differ, why.

    The latest one of all functions, or that of FUNCTION.
    """
    from strangler.reconcile.showing import account

    found = account.read(application.control, _found(application, run, function))
    accounts.give([found.limited(accounts.most(form, limit))], form, output)
    return ExitCode.OK


@click.command(short_help="Show what is newly different between two runs.")
@click.argument("older", callback=_number, required=False)
@click.argument("newer", callback=_number, required=False)
@click.option("--function", metavar="F", help="The last two runs of this function.")
@accounts.TABLE_OR_JSON
@accounts.OUTPUT
@pass_application
def diff(
    application: Application,
    older: int | str | None,
    newer: int | str | None,
    function: str | None,
    form: str,
    output: Path | None,
) -> ExitCode:
    """Show which keys are newly different, have healed, or still differ, between the full runs OLDER and NEWER of a function.

    Without NEWER: between the run before that one and that one. Without both: the last two of --function.

    Exit code 0: no key is newly different. 1: some are. 2: it can't be told, since a run listed only some of the keys.
    """
    from strangler.reconcile.between import between
    from strangler.reconcile.showing import account, objects, tables

    runs = _two(application, older, newer, function)
    before, after = (account.read(application.control, each) for each in runs)
    found = between(before, after)
    if form == "json":
        accounts.put(accounts.as_json(objects.change(before, after, found)), output)
    else:
        accounts.put_table(tables.change(before, after, found), output)
    if found.newly:
        return ExitCode.FAILED
    return ExitCode.UNUSABLE if found.untold else ExitCode.OK


def _two(
    application: Application, older: int | str | None, newer: int | str | None, function: str | None
) -> tuple[Run, Run]:
    """The two runs that are meant, the older one first. Raises StranglerError where there are none, or they say nothing."""
    if newer is None:
        last = _found(
            application, "latest" if older is None else older, function, whole=older in (None, "latest")
        )
        return _before(application, last), _telling(last)
    first, second = (_found(application, each, function) for each in (older or "latest", newer))
    if first.function != second.function:
        raise Refused(
            f"run {first.id} is one of {first.function}, run {second.id} one of {second.function}",
            why="keys of two functions have nothing to do with each other",
            do=f"strangler reconcile list {second.function}",
        )
    one, other = sorted((_telling(first), _telling(second)), key=lambda run: run.id)
    return one, other


def _found(application: Application, run: int | str, function: str | None, *, whole: bool = False) -> Run:
    """The run that is meant. `whole`: of the latest, the latest that looked at everything and came to its end."""
    from strangler.control import reconciliations

    control = application.control
    _prepare(application, function)
    if isinstance(run, int):
        found = reconciliations.get(control, run)
        if found is None or function not in (None, found.function):
            raise _no_such(application, f"there is no reconciliation {run}", function)
        return found
    past = reconciliations.listed(control, function, limit=None if whole else 1)
    found = next((each for each in past if not whole or _tells(each)), None)
    if found is None:
        raise _no_such(application, "there is no such reconciliation yet", function)
    return found


def _prepare(application: Application, function: str | None) -> None:
    """That there is such a function, and that a run whose process is gone isn't shown as one that goes on."""
    from strangler.control import reconciliations

    if function is not None:
        application.function(function)
    reconciliations.mark_abandoned(application.control, now=time.time())


def _before(application: Application, run: Run) -> Run:
    """The last run before this one of the same function that can be compared with it."""
    from strangler.control import reconciliations

    past = reconciliations.listed(application.control, run.function, limit=None)
    found = next((each for each in past if each.id < run.id and _tells(each)), None)
    if found is None:
        raise StranglerError(
            f"there is no run of {run.function} before run {run.id} to compare it with",
            why="only full runs that came to their end tell which keys differ",
            do=f"strangler reconcile run {run.function}, and compare afterwards",
        )
    return found


def _tells(run: Run) -> bool:
    from strangler.control.reconciliations import ENDED

    return run.mode == "full" and run.status in ENDED


def _telling(run: Run) -> Run:
    """The run, if it tells which keys differ and which don't."""
    if not _tells(run):
        raise Refused(
            f"run {run.id} ({run.mode}, {run.status}) doesn't tell which keys are equal",
            why="only full runs that came to their end do",
            do=f"strangler reconcile list {run.function} shows which these are",
        )
    return run


def _no_such(application: Application, what: str, function: str | None) -> StranglerError:
    """With the runs that there are."""
    from strangler.control import reconciliations

    there = reconciliations.listed(application.control, function, limit=NAMED)
    of = f" of {function}" if function else ""
    named = ", ".join(f"{run.id} ({run.function}, {run.status})" for run in there)
    return StranglerError(
        what + of,
        why=f"the last ones{of} are: {named}" if there else f"nothing{of} was ever reconciled",
        do="strangler reconcile list"
        if there
        else f"strangler reconcile run{f' {function}' if function else ''}",
    )


def _nothing(function: str | None, status: str | None) -> str:
    if status:
        return f"no reconciliation{f' of {function}' if function else ''} is {status}"
    return f"{function or 'nothing'} was never reconciled"
