"""`strangler conflicts`: what the new service wrote and legacy doesn't take, and which side's state is to stand.

The commands only mark what is to be done; the reverse feed does it, if both sides still are what was decided about.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.person import deciding
from strangler.people import Person
from strangler.roles import Action

if TYPE_CHECKING:
    from strangler.control.conflicts import Conflict


@click.group()
def group() -> None:
    """List and decide what couldn't return to legacy.

    A KEY is held when legacy has changed it, too, or doesn't take what new has. Later changes of it wait; other keys go on.
    """


@group.command("list")
@click.argument("function", required=False)
@click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")
@pass_application
def listing(application: Application, function: str | None, wants_json: bool) -> None:
    """List what is held, oldest first, with where the sides differ; of one FUNCTION or of all. Sensitive values are masked."""
    from strangler.control import conflicts

    if function:
        application.function(function)
    held = conflicts.listed(application.control, function)
    if wants_json:
        click.echo(json.dumps([asdict(each) for each in held], indent=2))
    elif not held:
        click.echo("nothing is held on its way back to legacy")
    else:
        for each in held:
            _print(each)
        click.echo(
            f"{len(held):,} held in all; `strangler conflicts resolve FUNCTION ENTITY KEY --take new|legacy` decides"
        )


@group.command()
@click.argument("function")
@click.argument("entity")
@click.argument("key")
@click.option(
    "--take",
    type=click.Choice(["new", "legacy"]),
    required=True,
    help="The side whose state is to stand on both.",
)
@deciding(Action.MEND)
@pass_application
def resolve(application: Application, function: str, entity: str, key: str, take: str, who: Person) -> None:
    """Let one side's state of a KEY stand on both, as it is now. It goes on the ledger.

    If legacy's state is another one by the time that it is carried out, the key is held again.
    """
    from strangler.control import conflicts
    from strangler.cutover.stages import Side

    application.function(function)
    conflicts.decide(application.control, function, entity, key, Side(take), actor=who.actor, at=time.time())
    click.echo(f"{take}'s state of {entity} {key} will stand on both sides; the worker carries it out")


def _print(held: Conflict) -> None:
    since = datetime.fromtimestamp(held.at, UTC)
    decided = f", {held.take}'s state is to stand" if held.take else ""
    click.secho(
        f"{held.function}.{held.entity} {held.key}  (since {since:%Y-%m-%d %H:%M:%S} UTC{decided})", bold=True
    )
    click.echo(f"  {held.reason}")
    for field, legacy, new in held.fields:
        click.echo(f"    {field}: legacy {_shown(legacy)}, new {_shown(new)}")


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
