"""`strangler reconcile`: compare legacy and store, and look at what was found, now and before."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from strangler.cli import accounts, reconciled, repair
from strangler.cli.application import Application, pass_application
from strangler.cli.bar import bar
from strangler.cli.person import deciding
from strangler.cli.schedule import schedule
from strangler.durations import parse_duration, parse_since
from strangler.errors import ExitCode
from strangler.names import unknown
from strangler.people import Person
from strangler.roles import Action
from strangler.settings import part_names

if TYPE_CHECKING:
    from types import FrameType

    from strangler.reconcile.jobs import Job
    from strangler.reconcile.showing.account import Account

EXIT_CODES: Final = {
    "clean": ExitCode.OK,
    "drift": ExitCode.FAILED,
    "failed": ExitCode.UNUSABLE,
    "incomplete": ExitCode.INCOMPLETE,
}
"""0 clean, 1 drift, 2 could not check, 3 incomplete: neither of the last two ever reads as a pass."""

WORST: Final = (ExitCode.UNUSABLE, ExitCode.INCOMPLETE, ExitCode.FAILED, ExitCode.OK)
"""Of several functions the first of these that one of them gives: what wasn't looked at may hide anything."""

ASKED: Final = b"\nstopping as soon as what is done until now can be kept; once more to stop at once\n"


@click.group()
def group() -> None:
    """Compare what legacy means with what the stores hold; look at what was found."""


for command in (reconciled.listing, reconciled.show, reconciled.diff, repair.command, schedule):
    group.add_command(command)


def _seconds(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    try:
        return None if text is None else float(parse_duration(text).total_seconds())
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is {error}") from None


def _moment(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    try:
        # In whole seconds, as the command that goes on with it says it.
        return None if text is None else float(int(parse_since(text, time.time())))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is {error}") from None


@group.command(short_help="Compare a function, or all of them, now.")
@click.argument("function", required=False)
@click.option("--all", "everything", is_flag=True, help="Every function, as without FUNCTION.")
@click.option(
    "--mode",
    type=click.Choice(["full", "quick", "sample", "recent"]),
    default="full",
    show_default=True,
    help="full: every row. quick: which keys there are, and balances. sample: random keys. recent: keys touched since a moment.",
)
@click.option("--entity", "entities", multiple=True, metavar="E", help="Only this entity; may be repeated.")
@click.option(
    "--sample", type=click.IntRange(min=1), metavar="N", help="Keys to draw per entity, with --mode sample."
)
@click.option(
    "--since",
    callback=_moment,
    metavar="WHEN",
    help="With --mode recent: 1h, or 2026-11-30T03:00Z. [default: since the run before]",
)
@click.option(
    "--confirm/--no-confirm",
    default=True,
    show_default=True,
    help="Wait for the store and look again, so that changes on their way don't count.",
)
@click.option(
    "--within", callback=_seconds, metavar="TIME", help="Stop after so long, e.g. 10m: then it is incomplete."
)
@click.option("--resume", is_flag=True, help="Go on with the last such run, if it was stopped half way.")
@click.option(
    "--repair", "repairs", is_flag=True, help="Say afterwards what it would take to repair what differs."
)
@repair.APPLY
@repair.MAX_KEYS
@deciding(Action.MEND, when="applies")
@accounts.LIMIT
@accounts.FORM
@accounts.OUTPUT
@pass_application
def run(
    application: Application,
    function: str | None,
    everything: bool,
    mode: str,
    entities: tuple[str, ...],
    sample: int | None,
    since: float | None,
    confirm: bool,
    within: float | None,
    resume: bool,
    repairs: bool,
    applies: bool,
    max_keys: int,
    who: Person,
    limit: int | None,
    form: str,
    output: Path | None,
) -> ExitCode:
    """Compare FUNCTION's entities in the legacy database, seen through the mapping, with its store. Without FUNCTION: all functions.

    Exit code 0: clean. 1: drift, repaired or not. 2: could not check. 3: incomplete.
    Ctrl-C ends it as incomplete; --resume goes on.
    """
    from strangler.reconcile.jobs import MOST_FINDINGS, SAMPLE, Job, Mode

    _require_fitting(function, everything, mode, entities, sample, since)
    _require_entities(application, function, entities)
    if applies and not repairs:
        raise click.UsageError("--apply goes with --repair")
    if repairs and not _at_once(form, output):
        raise click.UsageError(
            "--repair goes with a table on the terminal; else: strangler reconcile repair RUN --json"
        )
    jobs = [
        Job(
            name,
            Mode(mode),
            entities,
            confirm,
            max(MOST_FINDINGS, limit or 0),
            sample or SAMPLE,
            since,
            within,
            resume,
        )
        for name in ([function] if function else application.settings.functions)
    ]
    found = _run_all(application, jobs, form, output, accounts.most(form, limit))
    if found and not _at_once(form, output):
        accounts.give(found, form, output, several=function is None)
    for account in found if repairs else ():
        if account.run.drift:
            repair.repair(application, account.run, applies=applies, max_keys=max_keys, actor=who.actor)
    return _worst(found, len(jobs))


def _require_fitting(
    function: str | None,
    everything: bool,
    mode: str,
    entities: tuple[str, ...],
    sample: int | None,
    since: float | None,
) -> None:
    """That the options go together."""
    if function and everything:
        raise click.UsageError("name FUNCTION, or give --all")
    if entities and not function:
        raise click.UsageError("--entity is one of a FUNCTION: name it")
    if sample is not None and mode != "sample":
        raise click.UsageError("--sample goes with --mode sample")
    if since is not None and mode != "recent":
        raise click.UsageError("--since goes with --mode recent")


def _require_entities(application: Application, function: str | None, entities: tuple[str, ...]) -> None:
    if function is None:
        return
    known = application.function(function).entities
    for entity in entities:
        if entity not in known:
            raise unknown("entity", entity, known, where=f"in function {function}")


def _run_all(
    application: Application, jobs: list[Job], form: str, output: Path | None, most: int | None
) -> list[Account]:
    """One function after the other; what is for the terminal is shown as soon as it is there."""
    found: list[Account] = []
    with _until_asked() as asked:
        for job in jobs:
            account = None if asked() else _run(application, job, asked)
            if account is None:
                break
            found.append(account.limited(most))
            if _at_once(form, output):
                accounts.give(found[-1:], form, output)
    for job in jobs[len(found) + 1 :]:
        click.echo(f"{job.function}: not begun", err=True)
    return found


def _at_once(form: str, output: Path | None) -> bool:
    return form == "table" and output is None


def _worst(found: list[Account], wanted: int) -> ExitCode:
    codes = [EXIT_CODES[each.run.status.value] for each in found]
    codes += [ExitCode.INCOMPLETE] * (len(found) < wanted)
    return next(code for code in WORST if code in codes)


def _run(application: Application, job: Job, asked: Callable[[], bool]) -> Account | None:
    """Do a job; its account, or None when it was ended at once."""
    from strangler.control import reconciliations
    from strangler.reconcile import runs
    from strangler.reconcile.jobs import balance_part
    from strangler.reconcile.showing import account

    settings, control = application.settings, application.control
    entities = settings.functions[job.function].entities.items()
    wanted = [(name, entity) for name, entity in entities if not job.entities or name in job.entities]
    parts = [part for name, entity in wanted for part in part_names(name, entity)]
    parts += map(balance_part, settings.functions[job.function].balances)
    with bar(job.function, parts) as tell:
        try:
            found = runs.reconcile(settings, control, job, told=tell, stop=asked)
        except KeyboardInterrupt:
            (run,) = reconciliations.listed(control, job.function, limit=1)
            again = account.resuming(run)
            click.echo(f"{job.function}: incomplete, stopped at once\ngo on with: {again}", err=True)
            return None
    recorded = reconciliations.get(control, found.run)
    assert recorded is not None, "it has just been recorded"
    return account.read(control, recorded)


@contextmanager
def _until_asked() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM asked to stop. The second time it is KeyboardInterrupt."""
    asked = threading.Event()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        os.write(2, ASKED)  # What a signal interrupts may be printing itself.

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
