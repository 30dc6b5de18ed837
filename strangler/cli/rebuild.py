"""`strangler snapshot STORE` and `strangler rebuild STORE`: keep what a store holds, and make a store anew from the log."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.person import deciding
from strangler.errors import ExitCode, Refused, StranglerError
from strangler.people import Person
from strangler.roles import Action

if TYPE_CHECKING:
    from strangler.snapshots import Snapshot

STORE: Final = click.argument("store")
FUNCTION: Final = click.option("--function", help="Only this function; by default all that the store serves.")


@click.command()
@STORE
@FUNCTION
@click.option("--list", "wants_list", is_flag=True, help="List the snapshots instead of taking one.")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="Afterwards delete all but the newest N of a function.",
)
@click.option("--json", "wants_json", is_flag=True, help="The list as JSON, for programs.")
@pass_application
def snapshot(
    application: Application,
    store: str,
    function: str | None,
    wants_list: bool,
    keep: int | None,
    wants_json: bool,
) -> ExitCode:
    """Copy what STORE holds, with its marks, as of one moment, into the data directory.

    `strangler rebuild` begins with it, and goes on with the log.
    """
    from strangler import snapshots
    from strangler.sync.snapshot import take

    settings, control = application.settings, application.control
    if wants_list or wants_json:
        return _list(application, store, function, wants_json)
    for each in _filled(application, store, function):
        with _console_status(f"{each}: copying"):
            taken = take(settings, control, each)
        click.echo(f"{each}: {taken.name}, {_rows(taken)}, {_size(taken.bytes)}")
        if keep is not None:
            for old in snapshots.keep(settings.data_dir, store, each, keep):
                click.echo(f"{each}: {old.name} is deleted")
    return ExitCode.OK


@click.command()
@STORE
@FUNCTION
@click.option("--snapshot", "name", metavar="NAME", help="Begin with this snapshot; by default the newest.")
@click.option(
    "--from-legacy", is_flag=True, help="Begin with what legacy has now; so it is where there is no snapshot."
)
@click.option("--discard-own", is_flag=True, help="Give up rows that the service itself wrote.")
@deciding(Action.MEND)
@pass_application
def rebuild(
    application: Application,
    store: str,
    function: str | None,
    name: str | None,
    from_legacy: bool,
    discard_own: bool,
    who: Person,
) -> ExitCode:
    """Make what STORE should hold anew, beside it, from a snapshot and the log, and put right what is different.

    The worker may go on, and readers see the old state until the new one is whole. Interrupted, the store stays as it is.
    """
    from strangler.sync.rebuild import rebuild as rebuilt

    if name and from_legacy:
        raise click.UsageError("--snapshot and --from-legacy exclude each other")
    for each in _filled(application, store, function):
        base = None if from_legacy else _base(application, store, each, name)
        click.echo(f"{each}: from {f'the snapshot {base.name}' if base else 'what legacy has now'}")
        with _console_status(each) as status:
            found = rebuilt(
                application.settings,
                application.control,
                each,
                base,
                actor=who.actor,
                even_own=discard_own,
                told=lambda words, each=each, status=status: status.update(f"{each}: {words}"),  # type: ignore[misc]
            )
        for entity, mended in found:
            removed, changed, added = mended
            click.echo(f"{each}.{entity}: {added:,} added, {changed:,} changed, {removed:,} removed")
        click.echo(f"afterwards: strangler reconcile run {each}")
    return ExitCode.OK


def _functions(application: Application, store: str, function: str | None) -> list[str]:
    """The functions that the user means."""
    settings = application.settings
    if store not in settings.stores:
        from strangler.names import unknown

        raise unknown("store", store, settings.stores, where=f"in {application.path}")
    served = [name for name, section in settings.functions.items() if section.store == store]
    if function is not None and application.function(function) and function not in served:
        raise StranglerError(
            f"{function} isn't served by store {store}", do=f"name store {settings.functions[function].store}"
        )
    if not served:
        raise StranglerError(f"no function is served by store {store}")
    return served if function is None else [function]


def _filled(application: Application, store: str, function: str | None) -> list[str]:
    """Of several, those that are filled from legacy now; of the others it is said that they are left out."""
    from strangler.control import standings
    from strangler.cutover.stages import RULES

    found = _functions(application, store, function)
    stages = {each: standings.of(application.control, each).stage for each in found}
    filled = [each for each in found if RULES[stages[each]].delivery]
    if not filled:
        return found[:1]  # Which is then refused, with the reason.
    for each in found:
        if each not in filled:
            click.echo(f"{each} is left out: it isn't filled from legacy in stage {stages[each]}")
    return filled


def _base(application: Application, store: str, function: str, name: str | None) -> Snapshot | None:
    """The snapshot to begin with; None where there is none."""
    from strangler import snapshots

    found = snapshots.listed(application.settings.data_dir, store, function)
    if name is None:
        return found[-1] if found else None
    for each in found:
        if each.name == name:
            return each
    raise Refused(
        f"there is no snapshot {name} of {function}",
        do=f"strangler snapshot {store} --list shows what there is",
    )


def _list(application: Application, store: str, function: str | None, wants_json: bool) -> ExitCode:
    from strangler import snapshots

    functions = _functions(application, store, function)
    found = [
        (each, _outdated(application, each))
        for name in functions
        for each in snapshots.listed(application.settings.data_dir, store, name)
    ]
    if wants_json:
        click.echo(json.dumps([_as_json(*each) for each in found], indent=2))
    elif found:
        _print_table(found)
    else:
        click.echo(f"there is no snapshot of {', '.join(functions)}; strangler snapshot {store} takes one")
    return ExitCode.OK


def _outdated(application: Application, snapshot: Snapshot) -> str | None:
    """Why it doesn't go with the log any more, as far as that can be told without the legacy database."""
    from strangler.sync.snapshot import refilled

    marks = {mark.reader: mark for mark in snapshot.marks}
    reasons = (
        refilled(application.control, snapshot.function, entity, snapshot.mappings, marks)
        for entity in application.settings.functions[snapshot.function].entities
    )
    return next((reason for reason in reasons if reason), None)


def _print_table(found: Sequence[tuple[Snapshot, str | None]]) -> None:
    from rich import box
    from rich.table import Table

    from strangler.cli.standing import console

    table = Table("function", "snapshot", "taken", "rows", "size", "", box=box.SIMPLE_HEAD, pad_edge=False)
    for each, reason in found:
        taken = datetime.fromtimestamp(each.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        words = f"of no use: {reason}" if reason else ""
        table.add_row(each.function, each.name, taken, _rows(each), _size(each.bytes), words)
    console().print(table)


def _as_json(snapshot: Snapshot, reason: str | None) -> dict[str, Any]:
    return {
        "function": snapshot.function,
        "name": snapshot.name,
        "at": snapshot.at,
        "mappings": dict(snapshot.mappings),
        "marks": [mark._asdict() for mark in snapshot.marks],
        "rows": dict(snapshot.rows),
        "bytes": snapshot.bytes,
        "sha256": snapshot.sha256,
        "folder": str(snapshot.folder),
        "outdated": reason,
    }


def _console_status(words: str) -> Any:
    """What is done now, on the terminal; nothing where there is none."""
    from rich.console import Console

    return Console(stderr=True).status(words)


def _rows(snapshot: Snapshot) -> str:
    return ", ".join(f"{count:,} of {entity}" for entity, count in snapshot.rows.items())


def _size(count: int) -> str:
    return f"{count / 1_000_000:,.1f} MB" if count >= 100_000 else f"{count / 1000:,.1f} kB"
