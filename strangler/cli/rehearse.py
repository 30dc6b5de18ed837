"""`strangler rehearse FUNCTION`: try the way back before anybody needs it. Writes nothing to either side."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.cutover import as_json
from strangler.cli.person import deciding
from strangler.errors import ExitCode
from strangler.people import Person
from strangler.roles import Action


@click.command()
@click.argument("function")
@click.option(
    "--rows", default=500, show_default=True, help="Rows of each entity, and of its children, to try."
)
@as_json
@deciding(Action.MOVE)
@pass_application
def command(application: Application, function: str, rows: int, wants_json: bool, who: Person) -> ExitCode:
    """Try what returns from the new service of FUNCTION to legacy: privileges, and whether rows come back as they are.

    Writes nothing to either side; what came of it is on the ledger, and the gate `way back` asks for it.

    Exit code 0: nothing stands in the way. 1: something does.
    """
    from strangler.control import rehearsals
    from strangler.cutover.rehearsal import rehearse

    application.function(function)
    found, why = rehearse(application.settings, function, rows=rows, at=time.time())
    rehearsals.record(application.control, function, found, actor=who.actor)
    if wants_json:
        click.echo(json.dumps({"function": function, **asdict(found), "why": why}, indent=2))
        return ExitCode.OK if found.holds else ExitCode.FAILED
    for what in found.missing:
        click.echo(f"✗ legacy can't be written to: {what}")
    for part, count in found.rows.items():
        bad = found.failed.get(part, 0)
        click.echo(f"{'✗' if bad else '✓'} {part}: {count - bad:,} of {count:,} rows come back as they are")
        if part in why:
            click.echo(f"    {why[part]}")
    for part, fields in found.lost.items():
        click.echo(f"  {part}: no way back for {', '.join(fields)}")
    return ExitCode.OK if found.holds else ExitCode.FAILED
