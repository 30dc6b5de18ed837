"""`strangler source`: look at the legacy databases as they are captured, agree to what an upgrade did to them, and begin anew
where a capture is lost."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.person import deciding
from strangler.errors import Refused, StranglerError
from strangler.keeper import LONGEST_PAUSE
from strangler.people import Person
from strangler.roles import Action

if TYPE_CHECKING:
    from strangler.control.sources import SourceRecord
    from strangler.ports import ChangeSource
    from strangler.settings import Settings

MEANING = """\
Resetting source {name} means:
  - changes in legacy between the loss and the new capture weren't seen, and won't be;
  - the worker makes a new capture;
  - every entity that is fed from {name} is filled again;
  - rows that were removed in legacy in the gap stay in the stores, until `strangler reconcile run` shows them as extra."""


@click.group()
def group() -> None:
    """List the sources; accept that one was altered; reset one whose capture is lost."""


@group.command("list")
@click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")
@pass_application
def listing(application: Application, wants_json: bool) -> None:
    """List the sources: which capture each has, how far the log has it, when it was last heard of."""
    from strangler import urls
    from strangler.control import sources

    known = sources.all_sources(application.control)
    found = {
        name: {
            "source": name,
            "kind": section.kind,
            "where": urls.display(section.url.get_secret_value()),
            **_remembered(known.get(name)),
        }
        for name, section in application.settings.sources.items()
    }
    if wants_json:
        click.echo(json.dumps(list(found.values()), indent=2))
    else:
        _print_table(found)


@group.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@deciding(Action.MEND)
@pass_application
def reset(application: Application, name: str, yes: bool, who: Person) -> None:
    """Forget the capture of source NAME, so that the worker makes a new one and fills everything again.

    For a source whose slot or journal is lost: the worker refuses to go on then, since it would hide a gap.
    """
    from strangler.sync import renewal

    _refuse_unknown(application, name)
    settings, control = application.settings, application.control
    renewal.refuse_reset(settings, control, name)
    if not yes:
        click.echo(MEANING.format(name=name))
        click.confirm("Reset it?", abort=True)
    done = renewal.reset(settings, control, name, actor=who.actor, at=time.time())
    click.echo(f"source {name} is reset: the worker makes a new capture as soon as it runs")
    for function, entity in done.refilled:
        click.echo(f"  {function}.{entity} is filled again")
    for function in dict.fromkeys(function for function, _ in done.refilled):
        click.echo(f"afterwards: strangler reconcile run {function}")


@group.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@deciding(Action.MEND)
@pass_application
def accept(application: Application, name: str, yes: bool, who: Person) -> None:
    """Agree to how the tables of source NAME look by now, so that it is read on.

    For a source that stopped because an upgrade of the ERP altered tables that are captured. First bring the mappings in
    line that this touches: what doesn't fit the new tables isn't accepted.
    """
    from strangler import assembly
    from strangler.sync.schema import Schema

    _refuse_unknown(application, name)
    settings = application.settings
    schema = Schema(name, settings, application.control)
    with closing(assembly.source(settings, name)) as legacy:
        tables = legacy.describe(schema.tables)
        found = schema.compare(tables)
        if not found.differences:
            click.echo(f"source {name} is as it is remembered: there is nothing to accept")
            return
        for line in found.lines:
            click.echo(line)
        click.echo(f"touched: {', '.join(found.touched) or 'no mapping'}")
        _refuse_unfit(settings, name, legacy)
    if not yes:
        click.confirm("Read on with the tables as they are now?", abort=True)
    schema.accept(tables, found, actor=who.actor, at=time.time())
    click.echo(f"accepted: the worker reads source {name} on within {LONGEST_PAUSE:.0f} s")
    for function in dict.fromkeys(path.split(".")[0] for path in found.touched):
        click.echo(f"afterwards: strangler reconcile run {function}")


def _refuse_unfit(settings: Settings, name: str, legacy: ChangeSource) -> None:
    """Raise Refused where a mapping doesn't fit the tables as they are now."""
    from strangler import assembly

    for function in assembly.functions_of(settings, name):
        try:
            assembly.mappings(settings, function, legacy)
        except StranglerError as error:
            raise Refused(
                f"source {name}: {function} doesn't fit its tables as they are now",
                why=str(error),
                do=f"correct it in strangler.yaml, then: strangler source accept {name}",
            ) from error


def _refuse_unknown(application: Application, name: str) -> None:
    if name not in application.settings.sources:
        from strangler.names import unknown

        raise unknown("source", name, application.settings.sources, where=f"in {application.path}")


def _remembered(record: SourceRecord | None) -> dict[str, Any]:
    """Times in seconds since the epoch; None for what isn't known."""
    return {
        "identity": (record.identity or None) if record else None,
        "position": (record.position or None) if record else None,
        "seen_at": (record.seen_at or None) if record else None,
        "behind": record.behind if record else None,
        "error": record.error if record else None,
    }


def _print_table(found: Mapping[str, Mapping[str, Any]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from strangler.cli.standing import console

    headers = ("source", "kind", "where", "capture", "position", "waiting", "last heard of")
    table = Table(*headers, box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"  # What is cut off can't be copied.
    for each in found.values():
        table.add_row(
            Text(each["source"], "bold"),
            each["kind"],
            Text(each["where"]),
            Text(each["identity"] or "none yet"),
            each["position"] or "–",
            "–" if each["behind"] is None else f"{each['behind']:,}",
            _when(each["seen_at"]),
        )
    console().print(table)
    for each in found.values():
        if each["error"]:
            console().print(Text.assemble(("! ", "bold red"), (f"{each['source']}: ", "bold"), each["error"]))


def _when(at: float | None) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S") if at else "never"
