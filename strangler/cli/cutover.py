"""`strangler stages|status|cohorts|plan|advance|hold|release|rollback|separate|rejoin`: where functions stand, and moving them.

Every one of them first ends a switch of owners that was interrupted, as the journal says.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.person import deciding, user
from strangler.cutover.stages import EVERYONE, Stage
from strangler.durations import parse_share
from strangler.errors import ExitCode, Refused
from strangler.people import Person, claimed
from strangler.roles import Action

if TYPE_CHECKING:
    from strangler.cutover.assessment import Assessment
    from strangler.cutover.conductor import Conductor, Hand
    from strangler.cutover.journal import Step
    from strangler.cutover.way_home import Home
    from strangler.cutover.world import Outside, Reach
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


to_stage = click.option(
    "--to", "stage", type=click.Choice(list(Stage), case_sensitive=False), help="The stage to go to."
)
dry_run = click.option(
    "--dry-run", "dry", is_flag=True, help="Decide, say what would be done, and do nothing."
)
one_cohort = click.option(
    "--cohort",
    default=EVERYONE,
    metavar="COHORT",
    help="Only this cohort of it; by default all that don't move on their own.",
)
new_cohort = click.option(
    "--new-cohort", "unseen", is_flag=True, help="The cohort is meant, although no row is of it yet."
)
as_json = click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")


@click.command()
@as_json
def stages(wants_json: bool) -> None:
    """Explain the stages, and what each means for reads, writes and sync."""
    from strangler.cli import standing

    if wants_json:
        click.echo(json.dumps(standing.stages_json(), indent=2))
        return
    standing.console().print(standing.stages_table())


@click.command()
@click.option("--cohort", metavar="COHORT", help="Where this cohort stands, of the functions that have some.")
@as_json
@pass_application
def status(application: Application, cohort: str | None, wants_json: bool) -> None:
    """Show where every function stands, and below it its cohorts that move on their own; and what keeps each from going on."""
    from strangler.cli import overview, standing
    from strangler.cli.worries import worries

    _recover(application, claimed(user()))
    found = _assess_all(application, cohort)
    if wants_json:
        click.echo(json.dumps([overview.functions_json(those) for those in found], indent=2))
        return
    assessed = [each for those in found for each in those]
    out = standing.console()
    overview.print_overview(out, assessed)
    for line in worries(assessed, application.control):
        out.print(line)


@click.command()
@click.argument("function")
@one_cohort
@new_cohort
@as_json
@pass_application
def plan(application: Application, function: str, cohort: str, unseen: bool, wants_json: bool) -> None:
    """Show the moves that are left for FUNCTION, what each does, and what its gates say now. Changes nothing."""
    from strangler import assembly
    from strangler.cli import returning, standing
    from strangler.control import paces
    from strangler.cutover.assessment import assess
    from strangler.cutover.foretelling import switches_ahead
    from strangler.cutover.plan import plan as planned
    from strangler.inspection import by_row
    from strangler.numbering.lasting import lasting

    application.function(function, cohort)
    _recover(application, claimed(user()))
    unknown = _unknown(application, function, cohort, unseen)
    assessed = assess(application.control, application.settings, function, cohort=cohort)
    steps = planned(application.settings, function, assessed.evidence, assessed.way)
    section = application.settings.functions[function]
    outage = application.settings.sources[section.source].outage.total_seconds()
    source, api = section.source, section.return_.api if section.return_ else None
    with closing(assembly.source(application.settings, source)) as opened:
        blind = list(opened.blind_spots())
        mappings, unchecked = _compiled(application, function, opened)
        slow = by_row(opened, mappings) if mappings else []
    with closing(_reach(application)(function, cohort)) as world:
        owner, stages = assessed.evidence.standing.owner, [step.target.stage for step in steps]
        switches = switches_ahead(owner, stages, world)
        home = _home(application, function, cohort, world)
    lasts = [
        lasting(each, paces.of(application.control, function, str(each), now=time.time()), outage)
        for each in (section.numbers if section.cohorts else ())
    ]
    if wants_json:
        back = {
            "numbers": [standing.lasting_json(each) for each in lasts],
            "returning": None if unchecked else returning.returning_json(mappings, api),
            "unchecked": unchecked,
            "unknown": standing.refused_json(unknown),
            "by_row": {each.mapping.shape.entity: each.why for each in slow},
        }
        plan = {**standing.plan_json(assessed, steps, switches, home), "unseen": blind, **back}
        click.echo(json.dumps(plan, indent=2))
        return
    out = standing.console()
    standing.print_unknown(out, unknown)
    standing.print_plan(out, assessed, steps, switches, home)
    standing.print_unseen(out, source, blind)
    standing.print_by_row(out, slow)
    standing.print_lasting(out, lasts)
    if unchecked:
        returning.print_unchecked(out, unchecked)
    returning.print_returning(out, mappings, api)


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
@one_cohort
@new_cohort
@dry_run
@as_json
@deciding(Action.MOVE)
@pass_application
def advance(
    application: Application,
    function: str,
    cohort: str,
    unseen: bool,
    stage: str | None,
    weight: int | None,
    dry: bool,
    wants_json: bool,
    who: Person,
) -> ExitCode:
    """Move FUNCTION to its next stage or weight, if every gate passes.

    From canary to live the owner changes: writes are fenced for a moment.
    """
    require_seen(application, function, cohort, unseen)
    wanted = Stage(stage) if stage else None
    return _conduct(
        application, function, cohort, who, "advance", dry, wants_json,
        lambda it: it.advance(function, wanted, weight, cohort=cohort),
    )  # fmt: skip


@click.command()
@click.argument("function")
@to_stage
@click.option("--weight", type=Weight(), help="A smaller share of callers, within canary.")
@click.option("--reason", default="", help="Why, for the ledger.")
@click.option(
    "--accept-loss",
    "accepted",
    type=click.IntRange(min=0),
    default=0,
    metavar="COUNT",
    help="Let just so many documents go that legacy doesn't have as new has them; the refusal names them.",
)
@one_cohort
@new_cohort
@dry_run
@as_json
@deciding(Action.MOVE)
@pass_application
def rollback(
    application: Application,
    function: str,
    cohort: str,
    unseen: bool,
    stage: str | None,
    weight: int | None,
    reason: str,
    accepted: int,
    dry: bool,
    wants_json: bool,
    who: Person,
) -> ExitCode:
    """Move FUNCTION back: by default one stage, from live to syncing.

    From live the owner changes back, with a fence for a moment; it is refused as long as documents exist only in the new
    store, since they would be lost.
    """
    require_seen(application, function, cohort, unseen)
    wanted = Stage(stage) if stage else None
    return _conduct(
        application, function, cohort, who, "rollback", dry, wants_json,
        lambda it: it.rollback(function, wanted, weight, cohort=cohort, reason=reason, accepted=accepted),
    )  # fmt: skip


@click.command()
@click.argument("function")
@click.option("--reason", required=True, help="Why; shown to whoever tries to advance it.")
@one_cohort
@new_cohort
@deciding(Action.HOLD)
@pass_application
def hold(
    application: Application, function: str, cohort: str, unseen: bool, reason: str, who: Person
) -> None:
    """Let nobody advance FUNCTION, with all of its cohorts, until it is released. Rolling back stays possible.

    With --cohort only that is held, and moves on its own from then on.
    """
    require_seen(application, function, cohort, unseen)
    held = _decider(application, function, cohort, who).hold(function, reason, cohort=cohort)
    click.echo(f"{held.name} is held in {held.stage}: {reason}")


@click.command()
@click.argument("function")
@one_cohort
@deciding(Action.HOLD)
@pass_application
def release(application: Application, function: str, cohort: str, who: Person) -> None:
    """Lift the hold of FUNCTION, or of a cohort of it."""
    free = _decider(application, function, cohort, who).release(function, cohort=cohort)
    click.echo(f"{free.name} is free to advance")


@click.command()
@click.argument("function")
@as_json
@pass_application
def cohorts(application: Application, function: str, wants_json: bool) -> None:
    """List the cohorts of FUNCTION that move on their own, and where all the others stand."""
    from strangler.cli import standing
    from strangler.control import standings

    application.function(function)
    _recover(application, claimed(user()))
    picture = standings.snapshot(application.control)
    whole, own = picture.of(function), picture.cohorts(function)
    if wants_json:
        click.echo(json.dumps([standing.cohort_json(each, whole) for each in (whole, *own)], indent=2))
    else:
        standing.console().print(standing.cohorts_table(whole, own, time.time()))


@click.command()
@click.argument("function")
@click.option("--cohort", required=True, metavar="COHORT", help="The cohort that moves on its own.")
@new_cohort
@deciding(Action.MOVE)
@pass_application
def separate(application: Application, function: str, cohort: str, unseen: bool, who: Person) -> None:
    """Let a cohort of FUNCTION move on its own from where it stands; its calls are counted for it alone from then on."""
    require_seen(application, function, cohort, unseen)
    own = _decider(application, function, cohort, who).separate(function, cohort)
    click.echo(f"cohort {cohort} of {function} moves on its own from now on; it stands in {own.stage}")


@click.command()
@click.argument("function")
@click.option("--cohort", required=True, metavar="COHORT", help="The cohort that rejoins the others.")
@deciding(Action.MOVE)
@pass_application
def rejoin(application: Application, function: str, cohort: str, who: Person) -> None:
    """Let a cohort of FUNCTION move with all the others again, once it stands where they do."""
    whole = _decider(application, function, cohort, who).rejoin(function, cohort)
    click.echo(f"cohort {cohort} of {function} moves with all the others again; they stand in {whole.stage}")


def require_seen(application: Application, function: str, cohort: str, unseen: bool) -> None:
    """Refuse a cohort that nothing knows, before it gets a standing of its own by this; `unseen`: it is meant all the same."""
    application.function(function, cohort)
    if cohort != EVERYONE and not unseen:
        from strangler.cutover.sighting import refuse_unseen

        refuse_unseen(application.settings, application.control, function, cohort)


def _unknown(application: Application, function: str, cohort: str, unseen: bool) -> Refused | None:
    """With what a cohort would be refused that nothing knows; None when it is known, or meant."""
    try:
        require_seen(application, function, cohort, unseen)
    except Refused as error:
        return error
    return None


def _conduct(
    application: Application,
    function: str,
    cohort: str,
    who: Person,
    asked: str,
    dry: bool,
    wants_json: bool,
    decide: Callable[[Conductor], Any],
) -> ExitCode:
    """Let the conductor decide and act, and show where the function stands then; or only say what it would do."""
    from strangler.cli import standing
    from strangler.control import standings

    if wants_json and not dry:
        raise click.UsageError("--json goes with --dry-run")
    application.function(function, cohort)
    _recover(application, who)
    if dry:
        return _foretell(application, function, cohort, who, asked, wants_json, decide)
    before = standings.of(application.control, function, cohort)
    back = asked == "rollback"
    after = decide(_conductor(application, who, _acting(application, who, back=back)))
    standing.print_move(standing.console(), before, after)
    return ExitCode.OK


def _foretell(
    application: Application,
    function: str,
    cohort: str,
    who: Person,
    asked: str,
    wants_json: bool,
    decide: Callable[[Conductor], Any],
) -> ExitCode:
    """The same decision with a recorder in the place of the hand."""
    from strangler.cli import standing
    from strangler.control import standings
    from strangler.cutover.conductor import Recorder

    refused = None
    with closing(_reach(application)(function, cohort)) as world:
        home = _home(application, function, cohort, world)
        recorder = Recorder(lambda function, cohort: world)
        try:
            decide(_conductor(application, who, recorder))
        except Refused as error:
            if not wants_json:
                raise
            refused = error
    before = standings.of(application.control, function, cohort)
    back = home((recorder.after or before).stage if asked == "advance" else before.stage)
    if wants_json:
        click.echo(json.dumps(standing.dry_run_json(asked, before, recorder, refused, back), indent=2))
    else:
        for act in recorder.acts:
            click.echo(act)
        standing.print_home(
            standing.console(), back, "going back takes" if asked == "advance" else "it takes"
        )
    return ExitCode.FAILED if refused else ExitCode.OK


def _home(
    application: Application, function: str, cohort: str, world: Outside
) -> Callable[[Stage], Home | None]:
    """Stage → how long it takes to go back from there."""
    from strangler.cutover.way_home import ways_home

    limit = application.settings.cutover.time_limit.total_seconds()
    return ways_home(application.control, function, cohort, world, limit, time.time())


def _decider(application: Application, function: str, cohort: str, who: Person) -> Conductor:
    """The conductor that decides about a function or a cohort of it and acts, once what was interrupted has ended."""
    application.function(function, cohort)
    _recover(application, who)
    return _conductor(application, who, _acting(application, who))


def _conductor(application: Application, who: Person, hand: Hand) -> Conductor:
    from strangler.cutover.conductor import Conductor

    return Conductor(application.settings, application.control, hand, actor=who.actor)


def _acting(application: Application, who: Person, *, back: bool = False) -> Hand:
    from strangler.cutover.conductor import Acting

    limit = application.settings.cutover.time_limit.total_seconds()
    return Acting(application.control, who.actor, limit, _reach(application), Narrator(back))


def _reach(application: Application) -> Reach:
    """The world outside, which takes long to import: most commands need it of no function."""

    def reach(function: str, cohort: str) -> Outside:
        from strangler.cutover.outside import outside

        return outside(application.settings, application.control, function, cohort)

    return reach


class Narrator:
    """Tells the steps of a switch while they are done, in the words of the plan, with their times; `back`: it leads to legacy."""

    def __init__(self, back: bool) -> None:
        self._back, self._began = back, 0.0
        self._does: dict[Step, str] = {}

    def __call__(self, step: Step, done: bool) -> None:
        from strangler.cutover.ways import beginning

        if not done:
            self._does = self._does or {each.step: each.does for each in beginning(step, back=self._back)}
            self._began = time.monotonic()
            return
        took = (time.monotonic() - self._began) * 1000
        click.echo(f"  {click.style('✓', fg='green')} {took:7,.0f} ms  {self._does[step]}")


def _recover(application: Application, who: Person) -> None:
    from strangler.cutover.recovery import recover

    for words in recover(application.control, _reach(application), actor=who.actor):
        click.echo(f"{click.style('recovered:', fg='yellow', bold=True)} {words}", err=True)


def _assess_all(application: Application, cohort: str | None) -> list[list[Assessment]]:
    """Every function, side by side, since each may wait for its service's answer: the whole, then its cohorts that move on their own; or
    only the one cohort, where a function has some."""
    from concurrent.futures import ThreadPoolExecutor
    from functools import cache

    from strangler.control import standings
    from strangler.cutover.assessment import assess, probe

    settings, control = application.settings, application.control
    picture = standings.snapshot(control)

    def assess_those(name: str) -> list[Assessment]:
        asked = cache(probe)
        own = [each.cohort for each in picture.cohorts(name)]
        those = (
            [EVERYONE, *own] if cohort is None else [cohort if settings.functions[name].cohorts else EVERYONE]
        )
        return [assess(control, settings, name, cohort=each, probe=asked) for each in those]

    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(assess_those, settings.functions))
