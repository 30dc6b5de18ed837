"""`strangler reconcile repair RUN`: let the legacy state of keys that differ be said anew, which brings the store to it.

Without `--apply` it only says what that comes to. The worker does it, since it alone writes to the log.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.person import deciding
from strangler.errors import ExitCode, Refused
from strangler.people import Person
from strangler.roles import Action

if TYPE_CHECKING:
    from strangler.control.reconciliations import Run
    from strangler.reconcile.following import Followed, Told
    from strangler.reconcile.repair import Drifted, Plan

MAX_KEYS: Final = click.option(
    "--max-keys",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="Repair nothing where more keys would be.",
)
APPLY: Final = click.option(
    "--apply", "applies", is_flag=True, help="Ask for the repair; without, only say what it comes to."
)


@click.command("repair")
@click.argument("run")
@APPLY
@MAX_KEYS
@click.option("--key", "keys", multiple=True, help="Only this key, as `show` has it; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@deciding(Action.MEND, when="applies")
@pass_application
def command(
    application: Application,
    run: str,
    applies: bool,
    max_keys: int,
    keys: tuple[str, ...],
    as_json: bool,
    who: Person,
) -> ExitCode:
    """Say anew what legacy has of the keys in which RUN, or the last run of the function RUN, found the store to differ.

    Exit code 0: the store has it all, or, without --apply, nothing stands in the way. 1: some can't be repaired so. 3: it isn't done yet.
    """
    found = run_of(application, run)
    return repair(
        application, found, applies=applies, max_keys=max_keys, keys=keys, as_json=as_json, actor=who.actor
    )


def run_of(application: Application, named: str) -> Run:
    """The run of this number, or the last one of the function of this name. Raises StranglerError where there is none."""
    from strangler.control import reconciliations

    control = application.control
    if named.isdigit():
        found = reconciliations.get(control, int(named))
    else:
        application.function(named)
        found = reconciliations.latest(control, named)
    if found is None or found.finished_at is None:
        raise Refused(f"there is no reconciliation {named} that has ended", do="strangler reconcile list")
    application.function(found.function)
    return found


def repair(
    application: Application,
    run: Run,
    *,
    applies: bool,
    max_keys: int,
    keys: Collection[str] = (),
    as_json: bool = False,
    actor: str,
) -> ExitCode:
    """Plan the repair of a run and, if it `applies`, ask for it and wait until it is done; print what comes of it."""
    from strangler.reconcile import following
    from strangler.reconcile.repair import ask, plan

    settings, control = application.settings, application.control
    planned = plan(settings, control, run, max_keys=max_keys, only=keys)
    if not applies or not planned.events:
        _show_plan(planned, as_json)
        return ExitCode.FAILED if planned.refused else ExitCode.OK
    numbers = ask(control, planned, actor=actor, at=time.time())
    with _progress() as told:
        followed = following.follow(settings, control, run.function, numbers, told=told)
    _show_followed(planned, followed, as_json)
    if any(each.mended is None for each in followed):
        return ExitCode.INCOMPLETE
    return ExitCode.FAILED if planned.refused or not all(each.mended for each in followed) else ExitCode.OK


def _show_plan(plan: Plan, as_json: bool) -> None:
    from strangler.reconcile import repair

    if as_json:
        _print_json(repair.as_json(plan))
        return
    if not plan.events and not plan.refused:
        click.echo(f"run {plan.run.id} of {plan.run.function} found nothing to repair")
        return
    _print_table(
        [_cells(each, type) for each, type in plan.events.items()]
        + [_cells(each, "nothing") for each in plan.refused],
        ("entity", "key", "in the store", "would be said", "changes"),
    )
    _print_refused(plan.refused)
    if plan.events:
        click.echo(
            f"{_keys(len(plan.events))} would be said anew; --apply asks the worker of {plan.run.function} for it"
        )
    _print_others(plan)


def _show_followed(plan: Plan, followed: Sequence[Followed], as_json: bool) -> None:
    from strangler.reconcile import repair

    if as_json:
        became = [
            {"entity": each.repair.entity, "key": each.repair.key, "mended": each.mended, "words": each.words}
            for each in followed
        ]
        _print_json(repair.as_json(plan) | {"followed": became})
        return
    _print_table(
        [(each.repair.entity, each.repair.key, _mended(each), each.words) for each in followed],
        ("entity", "key", "mended", "by"),
    )
    _print_refused(plan.refused)
    click.echo(
        f"{_keys(sum(each.mended is True for each in followed))} of {len(followed) + len(plan.refused):,} mended;"
        f" afterwards: strangler reconcile run {plan.run.function}"
    )
    _print_others(plan)


def _mended(each: Followed) -> str:
    return {True: "yes", False: "no", None: "not yet"}[each.mended]


def _cells(each: Drifted, type: str) -> tuple[str, ...]:
    return each.entity, each.key, each.kind, type, ", ".join(each.fields)


def _print_refused(refused: Mapping[Drifted, str]) -> None:
    for each, why in refused.items():
        click.secho(f"{each.entity} {each.key} can't be repaired so: {why}", fg="yellow")


def _print_others(plan: Plan) -> None:
    if plan.others:
        click.echo(f"{_keys(plan.others)} more differ, which the run didn't keep: reconcile again afterwards")


def _keys(count: int) -> str:
    return f"{count:,} {'key' if count == 1 else 'keys'}"


def _print_table(rows: Sequence[Sequence[str]], names: Sequence[str]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from strangler.cli.standing import console

    table = Table(*names, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)


def _print_json(value: object) -> None:
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())


@contextmanager
def _progress() -> Iterator[Told]:
    """Words on the terminal while it waits; nothing where there is none."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda words: None
        return
    with console.status("asked for") as status:
        yield status.update
