"""`strangler approve`: say yes to the next step of a function, as somebody who may; `strangler freezes`: when nothing moves forwards."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.cutover import as_json, new_cohort, one_cohort, require_seen
from strangler.cli.person import deciding
from strangler.errors import Refused
from strangler.people import Person, same
from strangler.roles import Action

if TYPE_CHECKING:
    from strangler.cutover.assessment import Assessment
    from strangler.cutover.steps import Leg


@click.command()
@click.argument("function")
@one_cohort
@new_cohort
@click.option("--revoke", is_flag=True, help="Take your yes back.")
@click.option(
    "--edited-plan",
    "edited",
    is_flag=True,
    help="Agree with the plan, edited since FUNCTION began by it, instead.",
)
@deciding(Action.APPROVE, proven=True)
@pass_application
def command(
    application: Application,
    function: str,
    cohort: str,
    unseen: bool,
    revoke: bool,
    edited: bool,
    who: Person,
) -> None:
    """Say yes to the next step of FUNCTION that waits for approval, on the figures that its gates show now.

    It holds for that step of the plan as it is, and only as long as the step says. Who moves FUNCTION doesn't count.
    """
    from strangler.cutover.assessment import assess

    require_seen(application, function, cohort, unseen)
    if revoke and edited:
        raise click.UsageError("--revoke is about a step; edit the plan back to take --edited-plan back")
    assessed = assess(application.control, application.settings, function, cohort=cohort)
    if edited:
        _accept_plan(application, assessed, who)
        return
    leg = _waiting(assessed)
    _record(application, assessed, leg, who, revoke)
    what = f"{assessed.evidence.standing.name} to {leg.target}"
    taken = "no longer approves" if revoke else "approves"
    click.echo(f"{who.name} {taken} the move of {what}, under plan {assessed.way.hash}")
    if not revoke and assessed.blocking:
        names = ", ".join(dict.fromkeys(gate.name for gate in assessed.blocking if gate.name != "approval"))
        if names:
            click.echo(f"  not passing now: {names}", err=True)


def _accept_plan(application: Application, assessed: Assessment, who: Person) -> None:
    """Put on the ledger that somebody agrees with the plan as it is now. Raises Refused when it is the one that the function began by."""
    from strangler.cutover.history import Kind

    standing, before, plan = assessed.evidence.standing, assessed.evidence.plan, assessed.way.hash
    if before in ("", plan):
        why = "it goes by the plan that it began by" if before else "it hasn't begun"
        raise Refused(
            f"nothing was edited in the plan of {standing.name}",
            why=why,
            do=f"strangler plan {standing.spelled}",
        )
    body = {"before": before, "plan": plan}
    _note(application, assessed, who, Kind.ACCEPTED, body)
    click.echo(f"{who.name} agrees that {standing.name} goes on under plan {plan} instead of {before}")


def _waiting(assessed: Assessment) -> Leg:
    """The next step. Raises Refused when it waits for nobody."""
    leg = assessed.way.after(assessed.evidence.standing)
    if leg is None or leg.approve is None:
        to = f"the next step, {leg.target}, waits for nobody" if leg else "it has come to the end of its way"
        standing = assessed.evidence.standing
        raise Refused(f"{standing.name} needs no approval", why=to, do=f"strangler plan {standing.spelled}")
    return leg


def _record(application: Application, assessed: Assessment, leg: Leg, who: Person, revoke: bool) -> None:
    from strangler.cutover import approvals
    from strangler.cutover.history import evidence

    assert leg.approve is not None
    role = next((role for role in who.roles if approvals.counts(role, leg.approve)), None)
    if role is None:
        raise Refused(
            f"the yes of {who.name} doesn't count here",
            why=f"{leg.target} waits for {leg.approve.count} of role {leg.approve.role}",
            do=f"ask somebody who is {leg.approve.role}",
        )
    standing = assessed.evidence.standing
    kind = approvals.REVOKED if revoke else approvals.APPROVED
    given = (each for each in assessed.evidence.approvals if each.to == str(leg.target))
    if revoke and not any(same(each.name, who.name) for each in given):
        raise Refused(f"{who.name} hasn't approved {leg.target}", do=f"strangler plan {standing.spelled}")
    said = {"name": who.name, "role": role, "to": str(leg.target), "plan": assessed.way.hash}
    _note(application, assessed, who, kind, {**said, "gates": evidence(assessed.gates)})


def _note(
    application: Application, assessed: Assessment, who: Person, kind: str, body: dict[str, Any]
) -> None:
    from strangler.control import ledger

    body = {"cohort": assessed.evidence.standing.cohort, **body}
    control, function = application.control, assessed.function
    ledger.append(control, actor=who.actor, kind=kind, function=function, body=body, at=time.time())


@click.command()
@click.option("--count", type=click.IntRange(1, 100), default=6, show_default=True, help="How many to show.")
@as_json
@pass_application
def freezes(application: Application, count: int, wants_json: bool) -> None:
    """Show when nothing moves forwards: what is on, and the next ones."""
    from zoneinfo import ZoneInfo

    from strangler.cli import standing
    from strangler.cutover.freezes import coming

    settings = application.settings
    now = time.time()
    found = coming(settings.freezes, now, ZoneInfo(settings.time_zone), count)
    if wants_json:
        listed = [
            {
                "name": each.name,
                "from": str(each.first),
                "to": str(each.last),
                "functions": list(each.functions),
            }
            for each in found
        ]
        click.echo(json.dumps(listed, indent=2))
    elif found:
        standing.console().print(standing.freezes_table(found, now, ZoneInfo(settings.time_zone)))
    else:
        click.echo("no freeze is configured, or every one is over; see docs/cutover.md")
