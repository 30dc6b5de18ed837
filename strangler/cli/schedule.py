"""`strangler reconcile schedule`: what the workers do without being asked, when next, and what came of it last."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from strangler.cli import accounts
from strangler.cli.application import Application, pass_application
from strangler.errors import ExitCode

if TYPE_CHECKING:
    from rich.table import Table

    from strangler.schedules.listing import Listed

NONE = "no schedule is configured; write one for a function: schedules: [{cron: '0 3 * * *', mode: full}]"


@click.command(short_help="List the schedules, their next and last runs.")
@click.argument("function", required=False)
@accounts.TABLE_OR_JSON
@pass_application
def schedule(application: Application, function: str | None, form: str) -> ExitCode:
    """List the schedules in the configuration, of one FUNCTION or of all, with their next and their last run."""
    from strangler.schedules.listing import listed

    if function is not None:
        application.function(function)
    settings = application.settings
    found = listed(settings, application.control, function, time.time())
    if form == "json":
        click.echo(accounts.as_json([_object(each) for each in found]), nl=False)
    elif found:
        accounts.put_table(_table(found, ZoneInfo(settings.time_zone)))
    else:
        click.echo(NONE)
    return ExitCode.OK


def _table(found: Sequence[Listed], zone: ZoneInfo) -> Table:
    from rich.table import Table
    from rich.text import Text

    from strangler.durations import write_duration
    from strangler.reconcile.showing.tables import STYLES

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in ("function", "cron", "mode", "within", "next"):
        table.add_column(name, no_wrap=True)
    table.add_column("last")
    for each in found:
        within, run = each.schedule.within, each.run
        last = Text()
        if run and each.slot:
            last.append(f"run {run.id} ").append(run.status.value, STYLES[run.status])
            last.append(f", {_local(each.slot.slot, zone)}")
        if each.state:
            last.append(f"{' ' if run else ''}({each.state})", "dim")
        next_at = _local(each.following, zone)
        cells = (
            each.function,
            each.schedule.cron,
            each.schedule.mode,
            write_duration(within) if within else "–",
        )
        table.add_row(*map(Text, cells), next_at, last)
    table.caption = f"times in {zone.key}"
    table.caption_justify = "left"
    return table


def _local(at: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M")


def _object(found: Listed) -> dict[str, Any]:
    from strangler.durations import moment, write_duration

    schedule, slot, run = found.schedule, found.slot, found.run
    return {
        "function": found.function,
        "cron": schedule.cron,
        "mode": schedule.mode,
        "within": write_duration(schedule.within) if schedule.within else None,
        "sample": schedule.sample,
        "since": write_duration(schedule.since) if schedule.since else None,
        "next_at": moment(found.following),
        "last_slot_at": moment(slot.slot) if slot and run else None,
        "last_run": run.id if run else None,
        "last_status": run.status.value if run else None,
        "state": found.state or None,
    }
