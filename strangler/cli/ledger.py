"""`strangler ledger`: look at what was decided, see that nobody has changed it, and give it to an auditor."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strangler.cli.application import Application, pass_application
from strangler.cli.person import deciding
from strangler.errors import ExitCode, Refused
from strangler.people import Person
from strangler.roles import Action

if TYPE_CHECKING:
    from rich.console import RenderableType

    from strangler.control.ledger import Entry, Verification

as_json = click.option("--json", "wants_json", is_flag=True, help="As JSON, for programs.")


class Since(click.ParamType[float]):
    """A moment in the past, as seconds since the epoch."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from strangler.durations import parse_since

        if isinstance(value, float):
            return value
        try:
            return parse_since(value, time.time())
        except ValueError as error:
            self.fail(f"{value!r} is {error}", param, ctx)


@click.group()
def group() -> None:
    """Show every decision with its evidence; verify that none was changed; export them for an auditor."""


@group.command()
@click.argument("seq", type=click.IntRange(min=1), required=False)
@click.option("--function", help="Only what is about this function.")
@click.option("--kind", help="Only this kind of decision, as the table names it.")
@click.option("--by", help="Only what this person or process decided, whatever vouches for the name.")
@click.option("--since", type=Since(), help="Only since then: 7d, or 2026-11-30T03:00Z.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Only the newest so many."
)
@as_json
@pass_application
def show(
    application: Application,
    seq: int | None,
    function: str | None,
    kind: str | None,
    by: str | None,
    since: float | None,
    limit: int,
    wants_json: bool,
) -> None:
    """List the decisions, the newest last; or show the one with number SEQ, with all its evidence."""
    from strangler.cli.standing import ROOMY, console
    from strangler.control import ledger

    out = console()
    if seq is not None:
        found = [_one(application, seq)]
    else:
        found = ledger.entries(
            application.control, function=function, kind=kind, by=by, since=since, limit=limit
        )
    if wants_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
    elif seq is not None:
        out.print(_whole(found[0]))
    elif found:
        out.print(_table(found) if out.width >= ROOMY else _lines(found))
    else:
        click.echo("the ledger has no such entry")


@group.command()
@click.option(
    "--expect", "expected", metavar="HASH", multiple=True,
    help="A hash that was noted before: the ledger must still go on from it. May be given several times.",
)  # fmt: skip
@as_json
@pass_application
def verify(application: Application, expected: tuple[str, ...], wants_json: bool) -> ExitCode:
    """Follow the whole chain; exit 1 where an entry was changed, removed or put in.

    An end that was cut off, and a chain that was written anew, can't be told from the ledger alone: note the hash that this shows
    somewhere else, and expect it the next time.
    """
    from strangler.control import ledger

    found = ledger.verify(application.control, [each.strip().lower() for each in expected])
    lost = [each for each, seq in found.seen.items() if seq is None]
    if wants_json:
        click.echo(json.dumps(asdict(found), indent=2))
    else:
        _say(found)
    return ExitCode.FAILED if found.problem or lost else ExitCode.OK


@group.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--after", type=click.IntRange(min=0), default=0, metavar="SEQ",
    help="Only what came behind this entry: what was added since the last bundle.",
)  # fmt: skip
@click.option(
    "--key", type=click.Path(path_type=Path, dir_okay=False), metavar="PEM",
    help="A private key of Ed25519, to sign the bundle with.",
)  # fmt: skip
@deciding(Action.LOOK)
@pass_application
def export(application: Application, path: Path, after: int, key: Path | None, who: Person) -> ExitCode:
    """Write a bundle to PATH, a folder or a file.zip, that is checked without this software: docs/ledger.md says how."""
    from strangler.auditing import bundle, signing

    sign = signing.signer(key) if key else None
    name = application.settings.name
    done = bundle.export(
        application.control, path, name=name, actor=who.actor, at=time.time(), after=after, sign=sign
    )
    click.echo(f"{_entries(done.entries)} in {path}; the last has the hash {done.head}")
    if done.problem:
        click.secho(f"the ledger is broken, and the bundle with it: {done.problem}", fg="red")
        return ExitCode.FAILED
    return ExitCode.OK


def _one(application: Application, seq: int) -> Entry:
    from strangler.control import ledger

    entry = ledger.get(application.control, seq)
    if entry is None:
        raise Refused(f"the ledger has no entry {seq}", do="strangler ledger show lists the last ones")
    return entry


def _say(found: Verification) -> None:
    if found.problem:
        click.secho(f"the ledger is broken: {found.problem}", fg="red")
        click.echo(f"the {_entries(found.entries)} before it hold, up to the hash {found.head}")
    else:
        click.echo(
            f"{_entries(found.entries)}, and every one is as it was written; the last has the hash {found.head}"
        )
    for each, seq in found.seen.items():
        if seq is not None:
            click.echo(f"{each} is entry {seq}: the ledger goes on from it")
        else:
            where = "before the break " if found.problem else ""
            click.secho(
                f"no entry {where}has the hash {each}: what led to it was cut off, or written anew", fg="red"
            )


def _table(found: Sequence[Entry]) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from strangler.cli.gist import gist
    from strangler.durations import moment

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for name in ("entry", "when", "who", "what", "function"):
        table.add_column(name, no_wrap=name != "who", justify="right" if name == "entry" else "left")
    table.add_column("evidence", ratio=1)
    for each in found:
        cells = (str(each.seq), moment(each.at), each.actor, each.kind, each.function, gist(each.body))
        table.add_row(*map(Text, cells))
    return table


def _lines(found: Sequence[Entry]) -> RenderableType:
    """The same for a narrow screen: the evidence stands below."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    from strangler.cli.gist import gist
    from strangler.durations import moment

    shown: list[RenderableType] = []
    for each in found:
        head = f"{each.seq:>5}  {moment(each.at)}  "
        what = Text.assemble((head, "bright_black"), (f"{each.kind} {each.function}".rstrip(), "bold"))
        shown += (what, Padding(Text(f"by {each.actor}\n{gist(each.body)}".rstrip()), (0, 0, 0, 7)))
    return Group(*shown)


def _whole(entry: Entry) -> RenderableType:
    from rich.console import Group
    from rich.json import JSON
    from rich.text import Text

    from strangler.durations import moment

    head = Text.assemble((f"entry {entry.seq}: {entry.kind}", "bold"), f" {entry.function}\n")
    head.append(f"{moment(entry.at)} by {entry.actor}\nhash {entry.hash}\nafter {entry.previous}")
    return Group(head, JSON.from_data(entry.body))


def _entries(count: int) -> str:
    return f"{count:,} {'entry' if count == 1 else 'entries'}"
