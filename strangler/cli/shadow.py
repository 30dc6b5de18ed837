"""`strangler shadow`: what the comparison of a function's answers has found."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.cutover import one_cohort
from strangler.errors import ExitCode, Refused

if TYPE_CHECKING:
    from strangler.cutover.evidence import Health
    from strangler.settings import Function, Service, Shadow

EXIT_CODES: Final = {"pass": ExitCode.OK, "fail": ExitCode.FAILED, "inconclusive": ExitCode.UNUSABLE}
"""0: the answers are alike. 1: too many differ. 2: it can't be told yet, which never reads as a pass."""


@click.command(short_help="Show how the answers of both sides compare.")
@click.argument("function")
@click.option(
    "--samples",
    type=click.IntRange(0, 200),
    default=5,
    show_default=True,
    metavar="N",
    help="Newest mismatches to show.",
)
@one_cohort
@click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")
@pass_application
def command(application: Application, function: str, samples: int, cohort: str, wants_json: bool) -> ExitCode:
    """Show how the new service's answers of FUNCTION compare with legacy's since it entered shadow.

    Which fields differ, which of them are noise since legacy doesn't answer them the same twice, what each rule hides, why reads
    weren't compared, and the newest samples without what is sensitive. Where writes are shadowed too, the same of their effects.

    Exit code 0: alike, as gates.shadow (and gates.effects) ask. 1: too many differ. 2: it can't be told yet.
    """
    from strangler.control import standings
    from strangler.cutover import assessment, history
    from strangler.cutover.gates import CHECKS, Gate
    from strangler.shadow import showing
    from strangler.shadow.account import account

    section = application.function(function, cohort)
    shadowed = _shadowed(application, function, section)
    control, today = application.control, datetime.now(UTC).date()
    apart = standings.cohorts(control, function)
    since = assessment.counting(history.of(control, function, cohort), cohort, apart)
    evidence = assessment.collect(control, function, section, cohort, probe=_unasked, clock=time.time)
    writes = section.shadow.writes
    asked = [Gate.SHADOW, *([Gate.EFFECTS] if writes else [])]
    verdicts = [CHECKS[gate](evidence, section) for gate in asked]
    found = account(control, function, cohort, shadowed, since, today, samples=samples, writes=writes)
    stage = standings.of(control, function, cohort).stage
    if wants_json:
        click.echo(json.dumps(showing.as_object(found, verdicts, stage, since.moment), indent=2, default=str))
    else:
        from strangler.cli.standing import console

        console().print(showing.whole(found, verdicts, stage, since.moment), crop=False)
    return max(
        (EXIT_CODES[each.verdict] for each in verdicts),
        key=[ExitCode.OK, ExitCode.UNUSABLE, ExitCode.FAILED].index,
    )


def _shadowed(application: Application, name: str, function: Function) -> Shadow:
    """How the function is shadowed. Raises Refused where it can't be."""
    from strangler.settings import shadow_of

    facade = application.settings.facade
    if facade is None or function.service is None:
        lacks = "facade" if facade is None else f"functions.{name}.service"
        raise Refused(
            f"nothing of {name} is shadowed",
            why=f"{lacks} isn't configured, so there is nobody to ask both sides",
            do="facade: {legacy: 'http://…'}" if facade is None else "service: {url: 'http://…'}",
        )
    return shadow_of(facade, function)


def _unasked(service: Service) -> Health:
    """How the service is doing now says nothing about its answers until now."""
    from strangler.cutover.evidence import Health

    return Health(False, "wasn't asked")
