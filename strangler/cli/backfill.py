"""`strangler backfill FUNCTION`: watch the backfill that the worker carries out, or ask for another one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.person import deciding
from strangler.errors import ExitCode, Refused
from strangler.people import Person
from strangler.roles import Action

if TYPE_CHECKING:
    from strangler.control.backfills import BackfillRecord

LOOK_EVERY = 0.25
"""Seconds between two looks at the progress."""

SILENT = 15.0
"""Seconds without progress after which we ask whether a worker runs at all."""


@click.command()
@click.argument("function")
@click.option(
    "--again", is_flag=True, help="Ask for another backfill; rows that are newer in the store stay."
)
@click.option(
    "--watch/--no-watch", default=True, show_default=True, help="Show progress until it is finished."
)
@deciding(Action.MEND, when="again")
@pass_application
def command(application: Application, function: str, again: bool, watch: bool, who: Person) -> ExitCode:
    """Watch FUNCTION's backfill: rows, rate and time left. Ctrl-C stops watching, not the backfill."""
    from strangler.control import backfills, standings
    from strangler.cutover.stages import RULES

    section = application.function(function)
    stage = standings.of(application.control, function).stage
    if not RULES[stage].delivery:
        raise Refused(
            f"{function} isn't filled from legacy in stage {stage}",
            why="a backfill runs only while events flow into the store",
            do=f"strangler advance {function}" if stage == "legacy" else "strangler status",
        )
    if again:
        backfills.ask_again(
            application.control, function, list(section.entities), actor=who.actor, at=time.time()
        )
        click.echo(f"another backfill of {function} is asked for")
    if watch:
        _watch(application, function)
    else:
        for record in backfills.of_function(application.control, function):
            click.echo(_line(record))
    return ExitCode.OK


def _watch(application: Application, function: str) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from strangler.control import backfills

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )  # fmt: skip
    wanted = set(application.function(function).entities)
    with Progress(*columns) as progress:
        tasks = {entity: progress.add_task(entity, total=None, rate="") for entity in sorted(wanted)}
        heard = time.monotonic()
        seen: list[BackfillRecord] = []
        while True:
            records = backfills.of_function(application.control, function)
            for record in records:
                progress.update(
                    tasks[record.entity],
                    completed=record.rows,
                    total=max(record.estimate, record.rows) or None,
                    rate=f"{_rate(record):,.0f} rows/s",
                )
            if {r.entity for r in records if r.finished_at is not None} >= wanted:
                return
            if records != seen:
                heard, seen = time.monotonic(), records
            if time.monotonic() - heard > SILENT:
                silent = f"nothing was heard of it for {SILENT:.0f} s; perhaps no worker runs, or a long transaction is open in legacy"
                raise Refused(
                    f"the backfill of {function} makes no progress",
                    why="\n".join(record.error for record in records if record.error) or silent,
                    do="start `strangler run` or `strangler worker`, and look at `strangler status`",
                )
            time.sleep(LOOK_EVERY)


def _rate(record: BackfillRecord) -> float:
    """Rows per second so far."""
    return record.rows / max(record.updated_at - record.started_at, 0.001)


def _line(record: BackfillRecord) -> str:
    state = record.error or ("finished" if record.finished_at is not None else "running")
    return f"{record.entity}: {state}, {record.rows:,} of about {record.estimate:,} rows, {_rate(record):,.0f} rows/s"
