"""`strangler quarantine`: look at what couldn't be translated, and decide what becomes of it.

The commands only mark what is to be done; the worker does it, since it alone writes to the log.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.person import deciding
from strangler.errors import Refused
from strangler.people import Person
from strangler.roles import Action

if TYPE_CHECKING:
    from strangler.control.quarantine import Held, State, Waiting

as_json = click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")
everything = click.option("--all", "everything", is_flag=True, help="Every key of the function.")


@click.group()
def group() -> None:
    """List, retry or drop what couldn't be translated.

    Later changes of a key wait behind its first held one; other keys go on. A KEY is written as `list` shows it.
    """


@group.command("list")
@click.argument("function", required=False)
@click.option("--limit", default=100, show_default=True, help="Most keys to show; with --json, most changes.")
@as_json
@pass_application
def listing(application: Application, function: str | None, limit: int, wants_json: bool) -> None:
    """List the keys that wait, oldest first; of one FUNCTION or of all."""
    from strangler.control import quarantine, stops

    if function:
        application.function(function)
    if wants_json:
        held = quarantine.listed(application.control, function, limit=limit)
        click.echo(json.dumps([_as_json(application, each) for each in held], indent=2))
    elif waiting := quarantine.waiting(application.control, function, limit=limit):
        _print_table(waiting)
        total = sum(quarantine.counts(application.control).values())
        click.echo(f"{total:,} {'key waits' if total == 1 else 'keys wait'} in all")
    else:
        click.echo("nothing waits in quarantine")
    for name, stop in stops.all_stops(application.control).items():
        if not wants_json and function in (None, name):
            click.secho(stop.words, fg="red")


@group.command()
@click.argument("function")
@click.argument("entity")
@click.argument("key")
@pass_application
def show(application: Application, function: str, entity: str, key: str) -> None:
    """Show every change that waits for one KEY, with the row as legacy sent it. Sensitive values are masked."""
    held = _of_key(application, function, entity, key)
    behind = f", {_changes(len(held) - 1)} behind the first" if len(held) > 1 else ""
    click.echo(f"{_changes(len(held))} of {function}.{entity} {key} in quarantine{behind}")
    for each in held:
        change = _shown(application, each)
        head = f"{change['operation']} of {change['table']} at {each.position}"
        click.echo(click.style(f"\n{head}  ({each.state} since {_when(each)})", bold=True))
        click.echo("  " + each.reason.replace("\n", "\n  "))
        for line in _row_lines(change["before"] or {}, change["after"] or {}):
            click.echo(f"    {line}")


@group.command()
@click.argument("function")
@click.argument("entity", required=False)
@click.argument("key", required=False)
@everything
@deciding(Action.MEND)
@pass_application
def retry(
    application: Application,
    function: str,
    entity: str | None,
    key: str | None,
    everything: bool,
    who: Person,
) -> None:
    """Translate what waits for a KEY again; what still can't be stays, with the reason of then."""
    from strangler.control.quarantine import State

    count = _decide(application, function, entity, key, everything, State.RETRY, who.actor)
    click.echo(f"{_changes(count)} will be tried again by the worker; see `strangler quarantine list`")


@group.command()
@click.argument("function")
@deciding(Action.MEND)
@pass_application
def resume(application: Application, function: str, who: Person) -> None:
    """Let FUNCTION go on that was stopped, since too many of its keys wait. Mend its mapping and restart the worker first.

    What waits is tried again, and everything is filled again: what was written meanwhile was passed over.
    """
    from strangler.sync import limits

    application.function(function)
    stop = limits.ask_to_resume(application.control, function, actor=who.actor, at=time.time())
    click.echo(
        f"{function} is resumed by the worker: {stop.keys:,} keys are tried again, and all is filled again"
    )
    click.echo(f"afterwards: strangler quarantine list {function}; strangler reconcile run {function}")


@group.command()
@click.argument("function")
@click.argument("entity", required=False)
@click.argument("key", required=False)
@everything
@click.option("--yes", is_flag=True, help="Don't ask.")
@deciding(Action.MEND)
@pass_application
def drop(
    application: Application,
    function: str,
    entity: str | None,
    key: str | None,
    everything: bool,
    yes: bool,
    who: Person,
) -> None:
    """Forget what waits for a KEY. The store keeps what it has; the next change of the key goes through again."""
    from strangler.control.quarantine import State

    _which(entity, key, everything)
    if not yes:
        click.confirm("What is dropped never reaches the store. Drop it?", abort=True)
    count = _decide(application, function, entity, key, everything, State.DROP, who.actor)
    click.echo(
        f"{_changes(count)} will be dropped by the worker; `strangler reconcile run {function}` tells what is missing"
    )


def _decide(
    application: Application,
    function: str,
    entity: str | None,
    key: str | None,
    everything: bool,
    state: State,
    actor: str,
) -> int:
    from strangler.control import quarantine

    _which(entity, key, everything)
    control = application.control
    if everything:
        application.function(function)
        keys = {(held.entity, held.key) for held in quarantine.listed(control, function)}
    else:
        keys = {(held.entity, held.key) for held in _of_key(application, function, entity or "", key or "")}
    return quarantine.decide(control, function, keys, state, actor=actor, at=time.time())


def _which(entity: str | None, key: str | None, everything: bool) -> None:
    if everything == bool(entity and key):
        raise click.UsageError("name ENTITY and KEY, or give --all")


def _of_key(application: Application, function: str, entity: str, key: str) -> list[Held]:
    from strangler.control import quarantine

    section = application.function(function)
    if entity not in section.entities:
        from strangler.names import unknown

        raise unknown("entity", entity, section.entities, where=f"in function {function}")
    held = quarantine.show(application.control, function, entity, key)
    if not held:
        raise Refused(
            f"nothing waits in quarantine for key {key} of {function}.{entity}",
            do=f"strangler quarantine list {function}, and write the key as it is shown there, in quotes",
        )
    return held


def _shown(application: Application, held: Held) -> dict[str, Any]:
    """The change for people. Of an entity that the configuration no longer has nobody knows what is sensitive: all is."""
    from strangler.quarantine import shown_change
    from strangler.sensitive import of_entity

    function = application.settings.functions.get(held.function)
    known = function is not None and held.entity in function.entities
    hidden = of_entity(application.settings, held.function, held.entity).all_columns if known else None
    return shown_change(held.change, hidden)


def _row_lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """A line for each column: `name = new`, with the old value where it is another, or the only one."""
    for name in dict.fromkeys((*before, *after)):
        old, new = (json.dumps(row.get(name), ensure_ascii=False) for row in (before, after))
        if name not in after:
            yield f"{name} was {old}"
        else:
            yield f"{name} = {new}" + (f" (was {old})" if name in before and old != new else "")


def _print_table(waiting: Sequence[Waiting]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from strangler.cli.standing import console

    table = Table(
        "function", "entity", "key", "since", "behind", "state", "reason", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for each, behind in waiting:
        cells = (each.function, each.entity, each.key, _when(each), f"{behind:,}", each.state, each.reason)
        table.add_row(*map(Text, cells))
    console().print(table)


def _as_json(application: Application, held: Held) -> dict[str, Any]:
    return {
        "function": held.function,
        "entity": held.entity,
        "key": held.key,
        "position": held.position,
        "state": held.state,
        "at": held.at,
        "reason": held.reason,
        "change": _shown(application, held),
    }


def _when(held: Held) -> str:
    return datetime.fromtimestamp(held.at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _changes(count: int) -> str:
    return f"{count:,} {'change' if count == 1 else 'changes'}"
