"""`strangler stages|status|plan|advance|hold|release|rollback`: where functions stand, and moving them.

Every one of them first ends a switch of owners that was interrupted, as the journal says.
"""

from __future__ import annotations

import getpass
import json
import socket
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from strangler.cli.application import Application, pass_application
from strangler.cutover.stages import Stage
from strangler.durations import parse_share

if TYPE_CHECKING:
    from strangler.cutover.assessment import Assessment
    from strangler.cutover.conductor import Conductor, Hand
    from strangler.cutover.journal import Step
    from strangler.cutover.world import Reach
    from strangler.mapping import EntityMapping
    from strangler.ports import ChangeSource


class Weight(click.ParamType[int]):
    """A share of the callers, in basis points."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            share: float = parse_share(value if value.endswith("%") else float(value))
        except ValueError:
            self.fail(f"{value!r} is not a share: write a percentage like 25%", param, ctx)
        return round(share * 10_000)


def acting_as(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that decides something the option `--as`."""
    return click.option(
        "--as", "actor", default=_user, show_default="user@host", help="Who decides, for the ledger."
    )(command)


def _user() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


to_stage = click.option(
    "--to", "stage", type=click.Choice(list(Stage), case_sensitive=False), help="The stage to go to."
)
dry_run = click.option("--dry-run", is_flag=True, help="Decide, say what would be done, and do nothing.")
as_json = click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")


@click.command()
def stages() -> None:
    """Explain the stages, and what each means for reads, writes and sync."""
    from strangler.cli import standing

    standing.console().print(standing.stages_table())


@click.command()
@as_json
@pass_application
def status(application: Application, wants_json: bool) -> None:
    """Show where every function stands, and what keeps it from going on."""
    from strangler.cli import standing
    from strangler.cli.worries import worries

    _recover(application, _user())
    assessed = _assess_all(application)
    if wants_json:
        click.echo(json.dumps([standing.status_json(each) for each in assessed], indent=2))
        return
    out = standing.console()
    out.print(standing.status(assessed, out.width))
    for line in worries(assessed, application.control):
        out.print(line)


@click.command()
@click.argument("function")
@as_json
@pass_application
def plan(application: Application, function: str, wants_json: bool) -> None:
    """Show the moves that are left for FUNCTION, what each does, and what its gates say now. Changes nothing."""
    from strangler import assembly
    from strangler.cli import returning, standing
    from strangler.cutover.assessment import assess
    from strangler.cutover.plan import plan as planned
    from strangler.inspection import by_row

    application.function(function)
    _recover(application, _user())
    assessed = assess(application.control, application.settings, function)
    steps = planned(application.settings, function, assessed.evidence)
    source = application.settings.functions[function].source
    with closing(assembly.source(application.settings, source)) as opened:
        unseen = list(opened.blind_spots())
        mappings, unchecked = _compiled(application, function, opened)
        slow = by_row(opened, mappings) if mappings else []
    if wants_json:
        back = {
            "returning": None if unchecked else returning.returning_json(mappings),
            "unchecked": unchecked,
            "by_row": {each.mapping.shape.entity: each.why for each in slow},
        }
        plan = {**standing.plan_json(assessed, steps), "unseen": unseen, **back}
        click.echo(json.dumps(plan, indent=2))
        return
    out = standing.console()
    standing.print_plan(out, assessed, steps)
    standing.print_unseen(out, source, unseen)
    standing.print_by_row(out, slow)
    if unchecked:
        returning.print_unchecked(out, unchecked)
    returning.print_returning(out, mappings)


def _compiled(
    application: Application, function: str, source: ChangeSource
) -> tuple[list[EntityMapping], str]:
    """The function's mappings, or why there are none: a plan is also of use while legacy doesn't answer."""
    from strangler import assembly
    from strangler.errors import StranglerError

    try:
        return assembly.mappings(application.settings, function, source), ""
    except StranglerError as error:
        return [], error.what


@click.command()
@click.argument("function")
@to_stage
@click.option(
    "--weight", type=Weight(), help="The share of callers that read from the new service, e.g. 25%."
)
@dry_run
@acting_as
@pass_application
def advance(
    application: Application,
    function: str,
    stage: str | None,
    weight: int | None,
    dry_run: bool,
    actor: str,
) -> None:
    """Move FUNCTION to its next stage or weight, if every gate passes.

    From canary to live the owner changes: writes are fenced for a moment.
    """
    application.function(function)
    wanted = Stage(stage) if stage else None
    _conduct(application, function, actor, dry_run, lambda it: it.advance(function, wanted, weight))


@click.command()
@click.argument("function")
@to_stage
@click.option("--weight", type=Weight(), help="A smaller share of callers, within canary.")
@click.option("--reason", default="", help="Why, for the ledger.")
@dry_run
@acting_as
@pass_application
def rollback(
    application: Application,
    function: str,
    stage: str | None,
    weight: int | None,
    reason: str,
    dry_run: bool,
    actor: str,
) -> None:
    """Move FUNCTION back: by default one stage, from live to syncing.

    From live the owner changes back, with a fence for a moment; it is refused as long as documents exist only in the new
    store, since they would be lost.
    """
    application.function(function)
    wanted = Stage(stage) if stage else None
    _conduct(
        application, function, actor, dry_run, lambda it: it.rollback(function, wanted, weight, reason=reason)
    )


@click.command()
@click.argument("function")
@click.option("--reason", required=True, help="Why; shown to whoever tries to advance it.")
@acting_as
@pass_application
def hold(application: Application, function: str, reason: str, actor: str) -> None:
    """Let nobody advance FUNCTION until it is released. Rolling back stays possible."""
    application.function(function)
    _recover(application, actor)
    held = _conductor(application, actor, _acting(application, actor)).hold(function, reason)
    click.echo(f"{function} is held in {held.stage}: {reason}")


@click.command()
@click.argument("function")
@acting_as
@pass_application
def release(application: Application, function: str, actor: str) -> None:
    """Lift the hold of FUNCTION."""
    application.function(function)
    _recover(application, actor)
    _conductor(application, actor, _acting(application, actor)).release(function)
    click.echo(f"{function} is free to advance")


def _conduct(
    application: Application, function: str, actor: str, dry: bool, decide: Callable[[Conductor], Any]
) -> None:
    """Let the conductor decide and act, or only say what it would do; then show where the function stands."""
    from strangler.cli import standing
    from strangler.control import standings
    from strangler.cutover.conductor import Recorder

    _recover(application, actor)
    if dry:
        recorder = Recorder()
        decide(_conductor(application, actor, recorder))
        for act in recorder.acts:
            click.echo(act)
        return
    before = standings.of(application.control, function)
    after = decide(_conductor(application, actor, _acting(application, actor)))
    standing.print_move(standing.console(), before, after)


def _conductor(application: Application, actor: str, hand: Hand) -> Conductor:
    from strangler.cutover.conductor import Conductor

    return Conductor(application.settings, application.control, hand, actor=actor)


def _acting(application: Application, actor: str) -> Hand:
    from strangler.cutover.conductor import Acting

    limit = application.settings.cutover.time_limit.total_seconds()
    return Acting(application.control, actor, limit, _reach(application), _Narrator())


def _reach(application: Application) -> Reach:
    from strangler.cutover.outside import outside

    return partial(outside, application.settings, application.control)


class _Narrator:
    """Tells the steps of a switch while they are done, with their times."""

    def __init__(self) -> None:
        self._began = 0.0

    def __call__(self, step: Step, done: bool) -> None:
        if not done:
            self._began = time.monotonic()
            return
        took = (time.monotonic() - self._began) * 1000
        click.echo(f"  {click.style('✓', fg='green')} {step:<14} {took:7,.0f} ms")


def _recover(application: Application, actor: str) -> None:
    from strangler.cutover.recovery import recover

    for words in recover(application.control, _reach(application), actor=actor):
        click.echo(f"{click.style('recovered:', fg='yellow', bold=True)} {words}", err=True)


def _assess_all(application: Application) -> list[Assessment]:
    """Every function, side by side, since each may wait for its service's answer."""
    from concurrent.futures import ThreadPoolExecutor

    from strangler.cutover.assessment import assess

    settings, control = application.settings, application.control
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(lambda name: assess(control, settings, name), settings.functions))
