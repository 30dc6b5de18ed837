"""`strangler approve`: say yes to the next step of a function, as somebody who may; `strangler freezes`: when nothing moves forwards."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.cutover import as_json, one_cohort
from strangler.cli.person import by_token, person
from strangler.errors import Refused
from strangler.roles import Action

if TYPE_CHECKING:
    from strangler.control.access_tokens import Account
    from strangler.cutover.assessment import Assessment
    from strangler.cutover.steps import Leg


@click.command()
@click.argument("function")
@one_cohort
@click.option("--revoke", is_flag=True, help="Take your yes back.")
@by_token
@pass_application
def command(application: Application, function: str, cohort: str, revoke: bool, token: str | None) -> None:
    """Say yes to the next step of FUNCTION that waits for approval, on the figures that its gates show now.

    It holds for that step of the plan as it is, and only as long as the step says. Who moves FUNCTION doesn't count.
    """
    from strangler.cutover.assessment import assess

    application.function(function, cohort)
    account = person(application, token, Action.APPROVE)
    assessed = assess(application.control, application.settings, function, cohort=cohort)
    leg = _waiting(assessed)
    _record(application, assessed, leg, account, revoke)
    what = f"{assessed.evidence.standing.name} to {leg.target}"
    taken = "no longer approves" if revoke else "approves"
    click.echo(f"{account.name} {taken} the move of {what}, under plan {assessed.way.hash}")
    if not revoke and assessed.blocking:
        names = ", ".join(dict.fromkeys(gate.name for gate in assessed.blocking if gate.name != "approval"))
        if names:
            click.echo(f"  not passing now: {names}", err=True)


def _waiting(assessed: Assessment) -> Leg:
    """The next step. Raises Refused when it waits for nobody."""
    leg = assessed.way.after(assessed.evidence.standing)
    if leg is None or leg.approve is None:
        to = f"the next step, {leg.target}, waits for nobody" if leg else "it has come to the end of its way"
        standing = assessed.evidence.standing
        raise Refused(f"{standing.name} needs no approval", why=to, do=f"strangler plan {standing.spelled}")
    return leg


def _record(application: Application, assessed: Assessment, leg: Leg, account: Account, revoke: bool) -> None:
    from strangler.control import ledger
    from strangler.cutover import approvals
    from strangler.cutover.history import evidence

    assert leg.approve is not None
    role = next((role for role in account.roles if approvals.counts(role, leg.approve)), None)
    if role is None:
        raise Refused(
            f"the yes of {account.name} doesn't count here",
            why=f"{leg.target} waits for {leg.approve.count} of role {leg.approve.role}",
            do=f"ask somebody who is {leg.approve.role}",
        )
    standing = assessed.evidence.standing
    kind = approvals.REVOKED if revoke else approvals.APPROVED
    mine = [
        each
        for each in assessed.evidence.approvals
        if (each.name, each.to) == (account.name, str(leg.target))
    ]
    if revoke and not mine:
        raise Refused(f"{account.name} hasn't approved {leg.target}", do=f"strangler plan {standing.spelled}")
    said = {"name": account.name, "role": role, "to": str(leg.target), "plan": assessed.way.hash}
    body = {"cohort": standing.cohort, **said, "gates": evidence(assessed.gates)}
    ledger.append(
        application.control,
        actor=account.actor,
        kind=kind,
        function=assessed.function,
        body=body,
        at=time.time(),
    )


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
