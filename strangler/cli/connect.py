"""`strangler connect`: what reads the legacy databases from Kafka Connect: shown, registered, watched, asked, removed.

Every command takes all sources that are read so unless one is named. What is shown of a password is ****.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.person import deciding
from strangler.errors import ExitCode, SourceError, StranglerError
from strangler.names import unknown
from strangler.people import Person
from strangler.roles import Action

if TYPE_CHECKING:
    from strangler.registrar import Registrar
    from strangler.settings import Settings

REMOVAL = """\
Removing what reads {name} means:
  - changes in legacy from now on aren't seen, until it is registered again;
  - its connector, its topics, and what it needs in the legacy database go;
  - a worker that reads {name} stops, and says that the capture is lost;
  - afterwards `strangler source reset {name}` begins anew, and fills everything again."""

REGISTERED: Final = "connector registered"
REMOVED: Final = "connector removed"
ASKED: Final = "tables read anew"
"""The kinds of decision on the ledger."""

_json_option = click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")


@click.group()
def group() -> None:
    """Register Debezium's connectors with Kafka Connect; show how they are."""


@group.command()
@click.argument("source", required=False)
@click.option(
    "--all", "wants_all", is_flag=True, help="Also the properties that stay as they are registered."
)
@_json_option
@pass_application
def plan(application: Application, source: str | None, wants_all: bool, wants_json: bool) -> ExitCode:
    """Show what `apply` would do: the connector's configuration, what is missing in the database, what is run there.

    Changes nothing. Of a connector that is registered already only the properties that differ are shown.
    """
    from strangler.cli import registrations
    from strangler.cli.standing import console

    plans = {name: registrar.plan() for name, registrar in _registrars(application, source)}
    if wants_json:
        click.echo(json.dumps([registrations.plan_json(*each) for each in plans.items()], indent=2))
    else:
        for name, each in plans.items():
            registrations.print_plan(console(), name, each, whole=wants_all)
    blocked = any(finding.blocks for each in plans.values() for finding in each.findings)
    return ExitCode.FAILED if blocked else ExitCode.OK


@group.command()
@click.argument("source", required=False)
@click.option(
    "--wait", type=click.FloatRange(min=0), default=60.0, show_default=True, help="Longest wait for its task to run, in seconds."
)  # fmt: skip
@deciding(Action.MEND)
@pass_application
def apply(application: Application, source: str | None, wait: float, who: Person) -> None:
    """Make what is missing in the legacy database, register the connector, and wait until it runs. May be repeated."""
    for name, registrar in _registrars(application, source):
        planned = registrar.plan()
        changed = sum(each.changes for each in planned.properties)
        if changed or planned.statements or not planned.registered:
            _note(
                application,
                who,
                REGISTERED,
                name,
                connector=planned.connector,
                statements=len(planned.statements),
            )
        registrar.apply(wait)
        what = (
            "is registered"
            if not planned.registered
            else f"is up to date, {_count(changed, 'property', 'properties')} changed"
        )
        if planned.registered and not changed:
            what = "was up to date"
        click.echo(f"source {name}: the connector {planned.connector} {what}, and runs")


@group.command()
@click.argument("source", required=False)
@_json_option
@pass_application
def status(application: Application, source: str | None, wants_json: bool) -> ExitCode:
    """Show whether the connectors run; where one has failed, why, and what to do. Exits with 1 if one doesn't run."""
    from strangler.cli import registrations
    from strangler.cli.standing import console

    found = {name: registrar.status() for name, registrar in _registrars(application, source, bare=True)}
    if wants_json:
        click.echo(json.dumps([registrations.status_json(*each) for each in found.items()], indent=2))
    else:
        registrations.print_status(console(), found)
    return ExitCode.OK if all(each.running for each in found.values()) else ExitCode.FAILED


@group.command()
@click.argument("source")
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@click.option("--stop", is_flag=True, help="Leave off reading what is asked for: these tables, or all.")
@deciding(Action.MEND)
@pass_application
def snapshot(application: Application, source: str, tables: Sequence[str], stop: bool, who: Person) -> None:
    """Have Debezium read TABLEs of SOURCE (by default all that are mapped) anew, while changes go on.

    Strangler fills stores by itself, without this: see `strangler backfill`. It is for topics that others read too.
    """
    settings = application.settings
    _require_registered_kind(application, source)
    captured = _captured(settings, source)
    for table in tables:
        if table not in captured:
            raise unknown("table", table, captured, where=f"that a mapping takes from {source}")
    registrar = _open(settings, source, captured)
    _note(application, who, ASKED, source, tables=list(tables or captured), stop=stop)
    if stop:
        registrar.snapshot(tables, stop=True)
        click.echo(
            f"source {source}: asked Debezium to leave off reading {', '.join(tables) or 'all tables'}"
        )
        return
    asked = tables or tuple(captured)
    registrar.snapshot(asked)
    click.echo(f"source {source}: asked Debezium to read {', '.join(asked)} anew; changes go on meanwhile")


@group.command()
@click.argument("source")
@click.option("--yes", is_flag=True, help="Don't ask.")
@deciding(Action.MEND)
@pass_application
def remove(application: Application, source: str, yes: bool, who: Person) -> None:
    """Remove the connector of SOURCE, with all that was made for it in Kafka and in the legacy database."""
    from strangler import assembly

    _require_registered_kind(application, source)
    if not yes:
        click.echo(REMOVAL.format(name=source))
        click.confirm("Remove it?", abort=True)
    with closing(assembly.source(application.settings, source)) as legacy:
        _note(application, who, REMOVED, source)
        legacy.drop()
    click.echo(
        f"source {source}: nothing of it is left in Kafka Connect, in Kafka and in the legacy database"
    )


def _note(application: Application, who: Person, kind: str, source: str, **more: Any) -> None:
    """Put a decision on the ledger, before it is carried out: what can't be recorded isn't done (invariant 8)."""
    from strangler.control import ledger

    body = {"source": source, **more}
    ledger.append(application.control, actor=who.actor, kind=kind, function="", body=body, at=time.time())


def _registrars(
    application: Application, source: str | None, bare: bool = False
) -> Iterator[tuple[str, Registrar]]:
    """The registration of the named source, or of every source that has one. `bare`: which tables doesn't matter."""
    settings = application.settings
    if source is not None:
        _require_registered_kind(application, source)
        names = [source]
    else:
        kinds = _kinds()
        names = [name for name, section in settings.sources.items() if section.kind in kinds]
        if not names:
            raise StranglerError(
                f"no source in {application.path} is read through Kafka Connect",
                why=f"that is so for sources of kind {', '.join(kinds)}",
                do="the others need no registration: strangler worker captures by itself",
            )
    for name in names:
        yield name, _open(settings, name, {} if bare else _captured(settings, name))


def _require_registered_kind(application: Application, source: str) -> None:
    section = application.settings.sources.get(source)
    if section is None:
        raise unknown("source", source, application.settings.sources, where=f"in {application.path}")
    if section.kind not in _kinds():
        raise StranglerError(
            f"source {source} isn't read through Kafka Connect",
            why=f"it is of kind {section.kind}; that is so for kind {', '.join(_kinds())}",
            do="nothing is to be registered for it: strangler worker captures by itself",
        )


def _kinds() -> list[str]:
    from strangler import plugins

    return plugins.names("registrars")


def _captured(settings: Settings, source: str) -> dict[str, list[str]]:
    """What the mappings take from the source: table → columns."""
    from strangler import assembly

    with closing(assembly.source(settings, source)) as legacy:
        functions = assembly.functions_of(settings, source)
        compiled = [mapping for each in functions for mapping in assembly.mappings(settings, each, legacy)]
    if not compiled:
        raise SourceError(
            f"source {source}: no mapping names one of its tables", do="add a function that does"
        )
    return assembly.captured(compiled) | assembly.marks(settings, source)


def _open(settings: Settings, source: str, captured: dict[str, list[str]]) -> Any:
    from strangler import assembly

    return assembly.registrar(settings, source, captured)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
