"""`strangler late-writes`: what legacy still writes of what new owns, told so that the job behind it is found; and accepting it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.person import deciding
from strangler.errors import Refused
from strangler.people import Person
from strangler.roles import Action

if TYPE_CHECKING:
    from strangler.control.late_writes import LateWrite


class _Listing(click.Group):
    """A group that lists when no command is named: the first word may be a function."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "-h")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Listing)
def group() -> None:
    """List what legacy still writes of what new owns, by table and hour and one by one; accept it.

    `strangler late-writes [FUNCTION] [--json]` lists. A late write isn't applied to the store; it keeps the function from its next stage
    until its job is stopped or moved, or until somebody accepts it.
    """


@group.command("list")
@click.argument("function", required=False)
@click.option("--limit", default=20, show_default=True, help="Most late writes to show one by one.")
@click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")
@pass_application
def listing(application: Application, function: str | None, limit: int, wants_json: bool) -> None:
    """List late writes, of one FUNCTION or of all."""
    from strangler.control import late_writes
    from strangler.cutover.lateness import habits

    if function:
        application.function(function)
    zone = ZoneInfo(application.settings.time_zone)
    hours = late_writes.hours(application.control, function)
    kept = late_writes.newest(application.control, function)
    found = habits(hours, kept, zone)
    if wants_json:
        body = {
            "writes": sum(each.writes for each in hours),
            "unexplained": sum(each.open for each in hours),
            "habits": [asdict(each) for each in found],
            "hours": [asdict(each) for each in hours],
            "newest": [asdict(each) for each in kept[:limit]],
        }
        click.echo(json.dumps(body, indent=2))
        return
    late = [each for each in kept if not each.pending]
    if not found:
        click.echo("legacy wrote nothing of what new owns")
        return
    for name in dict.fromkeys(each.function for each in found):
        mine = [each for each in found if each.function == name]
        writes, open = sum(each.writes for each in mine), sum(each.open for each in mine)
        click.secho(f"{name}: {_late(writes)}, {open:,} unexplained", bold=True)
        for each in mine:
            click.echo(f"  {each.words}" + ("" if each.open else " (explained)"))
    if limit:
        click.echo(f"the newest {min(limit, len(late)):,}:")
    for line in map(_line, late[:limit]):
        click.echo(f"  {line}")
    if any(each.open for each in found):
        click.echo("find the job that writes past the facade, and move or stop it; or accept what it wrote:")
        click.echo("  strangler late-writes accept FUNCTION --reason TEXT")


@group.command()
@click.argument("function")
@click.option("--table", help="Only those in this legacy table.")
@click.option("--reason", required=True, help="Why they may be: what wrote them, and what became of that.")
@deciding(Action.MEND)
@pass_application
def accept(application: Application, function: str, table: str | None, reason: str, who: Person) -> None:
    """Take the late writes of FUNCTION up to now for explained. They stay listed, and hold up nothing any more; later ones do.

    The store isn't changed: what new has is what counts.
    """
    from strangler.control import late_writes

    application.function(function)
    if not reason.strip():
        raise Refused("no reason was given", do="--reason 'the nightly price run, stopped on Friday'")
    count = late_writes.accept(
        application.control, function, table=table, reason=reason, actor=who.actor, at=time.time()
    )
    where = f" in {table}" if table else ""
    if not count:
        raise Refused(
            f"{function} has no late writes{where} that aren't explained", do="strangler late-writes"
        )
    click.echo(f"{_late(count)} of {function}{where} {'is' if count == 1 else 'are'} explained: {reason}")


def _line(each: LateWrite) -> str:
    at = datetime.fromtimestamp(each.committed_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    went = f", cohort {each.cohort}" if each.cohort is not None else ""
    if each.cohort_before is not None:
        went = f", from cohort {each.cohort_before} to {each.cohort or '*'}"
    transaction = f", transaction {each.transaction}" if each.transaction else ""
    by = f", by {each.author}" if each.author else ""
    return f"{at}  {each.operation} of {each.entity} {each.key} in {each.table}{went}{transaction}{by}"


def _late(count: int) -> str:
    return "1 late write" if count == 1 else f"{count:,} late writes"
