"""`strangler facades`: the facades that a switch waits for, and those that have fallen silent."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from strangler.cli.application import Application, pass_application
from strangler.cli.person import deciding
from strangler.errors import ExitCode, Refused
from strangler.people import Person
from strangler.roles import Action

if TYPE_CHECKING:
    from strangler.control.facades import FacadeRecord


@click.group(invoke_without_command=True)
@click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")
@click.pass_context
def group(context: click.Context, wants_json: bool) -> ExitCode | None:
    """Show the facades: who they are, which generation of the standings they apply, when they were last heard of.

    A switch waits for all that live. One that is silent was killed, or is cut off from the control store.
    """
    if context.invoked_subcommand is not None:
        return None
    from strangler.assembly import control
    from strangler.control import facades, standings

    now = time.time()
    with closing(control(context.obj.settings)) as opened:
        generation = standings.generation(opened)
        found = [("live", each) for each in facades.live(opened, now=now)]
        found += [("silent", each) for each in facades.silent(opened, now=now)]
    if wants_json:
        told = [
            {"id": f.id, "address": f.address, "state": state, "generation": f.generation, "seen": f.seen_at}
            for state, f in found
        ]
        click.echo(json.dumps({"generation": generation, "facades": told}, indent=2))
    elif not found:
        click.echo("no facade has been seen")
    else:
        _show(found, generation, now)
    return ExitCode.OK


def _show(found: list[tuple[str, FacadeRecord]], generation: int, now: float) -> None:
    from strangler.durations import format_duration

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("facade", "address", "state", "generation", "heard of"):
        table.add_column(column, no_wrap=True)
    for state, facade in found:
        behind = "" if facade.generation >= generation else f" of {generation}"
        ago = f"{format_duration(max(0.0, now - facade.seen_at))} ago"
        style = "" if state == "live" else "red"
        table.add_row(
            facade.id,
            facade.address,
            f"[{style}]{state}[/]" if style else state,
            f"{facade.generation}{behind}",
            ago,
        )
    Console().print(table)


@group.command()
@click.argument("id")
@deciding(Action.DRAIN)
@pass_application
def forget(application: Application, id: str, who: Person) -> ExitCode:
    """Take away a silent facade that has surely ended. One that still runs announces itself again."""
    from strangler.assembly import control
    from strangler.control import facades

    now = time.time()
    with closing(control(application.settings)) as opened:
        if any(each.id == id for each in facades.live(opened, now=now)):
            raise Refused(
                f"the facade {id} lives",
                why="it was heard of just now",
                do="stop it; then it says goodbye itself",
            )
        if not facades.declare_ended(opened, id, actor=who.actor, at=now):
            raise Refused(f"there is no facade {id}", do="`strangler facades` lists them")
    click.echo(f"forgotten: {id}")
    return ExitCode.OK
