"""`strangler init`: write a commented starter configuration from a live legacy database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strangler import urls
from strangler.cli.application import Application, pass_application
from strangler.configuration.consistency import CONNECTORS
from strangler.errors import Refused, SourceError, StranglerError
from strangler.names import nearest

if TYPE_CHECKING:
    from strangler.ports import ChangeSource
    from strangler.shapes import Table


@click.command()
@click.option(
    "--source",
    "url",
    required=True,
    metavar="URL",
    help="The legacy database, e.g. postgresql://user@host/erp.",
)
@click.option(
    "--tables",
    "asked",
    default="",
    metavar="A,B",
    help="Tables to begin with; without it the candidates are listed.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="The file to write; by default the one of --config."
)
@click.option("--force", is_flag=True, help="Overwrite the file if it is there.")
@pass_application
def command(application: Application, url: str, asked: str, output: Path | None, force: bool) -> None:
    """Write a starter configuration from a live legacy database."""
    target = output or application.path
    wanted = [name.strip() for name in asked.split(",") if name.strip()]
    if wanted and target.exists() and not force:
        raise Refused(
            f"{target} is already there",
            why="init doesn't overwrite what somebody may have written",
            do="--output OTHER.yaml writes another file, --force overwrites this one",
        )
    with closing(_connect(url)) as source:
        if not wanted:
            _list(source)
            return
        tables = _described(source, wanted)
    _write(target, url, tables)


def _connect(url: str) -> ChangeSource:
    from strangler import plugins
    from strangler.settings import Source

    kind = CONNECTORS.get(urls.kind(url))
    if kind is None:
        raise StranglerError(
            f"no connector reads {urls.display(url)!r}",
            why=f"there are connectors for: {', '.join(CONNECTORS)}",
            do="postgresql://user:password@host/database or sqlite:///file.db",
        )
    section = Source.model_validate({"kind": kind, "url": urls.anchored(url, Path.cwd())})
    source: ChangeSource = plugins.load("connectors", kind)("init", section, {})
    return source


def _described(source: ChangeSource, wanted: Sequence[str]) -> list[Table]:
    """The tables asked for, in their order. Raises SourceError naming all that aren't there or have no key."""
    from strangler import catalog

    found = source.describe(wanted)
    missing = [name for name in wanted if name not in found]
    if missing:
        with closing(source.reader()) as reader:
            names = [table.name for table in catalog.tables(reader)]
        meant = {name: nearest(name, names) for name in missing}
        raise SourceError(
            f"the legacy database has no table {', '.join(map(repr, missing))}",
            why="it isn't there, or the user of the URL may not read it",
            do="; ".join(f"did you mean {right!r} for {name!r}?" for name, right in meant.items() if right)
            or "without --tables the tables that are there are listed",
        )
    keyless = [name for name in wanted if not found[name].key]
    if keyless:
        raise SourceError(
            f"no primary key: {', '.join(keyless)}",
            why="changes of a row can only be followed by its key",
            do="leave the table out, or add a primary key to it",
        )
    return [found[name] for name in dict.fromkeys(wanted)]


def _list(source: ChangeSource) -> None:
    """Print the tables that there are, as candidates."""
    from rich.console import Console
    from rich.table import Table as Grid

    from strangler import catalog

    with closing(source.reader()) as reader:
        listed = catalog.tables(reader)
    described = source.describe([table.name for table in listed])
    grid = Grid("table", "key", "columns", "rows, about", box=None, pad_edge=False, header_style="bold")
    for name, rows in listed:
        table = described.get(name)
        if table is not None:
            key = ", ".join(table.key) or "[dim]none: can't be captured[/]"
            grid.add_row(name, key, str(len(table.columns)), "" if rows is None else f"{rows:,}")
    console = Console(soft_wrap=True, highlight=False)
    console.print(grid)
    console.print(
        f"\n{len(listed)} {'table' if len(listed) == 1 else 'tables'}. Choose those of one capability:  --tables a,b"
    )


def _write(target: Path, url: str, tables: Sequence[Table]) -> None:
    from strangler.starter import PASSWORD, starter, without_password

    shown = urls.anchored(url, Path.cwd())
    text = starter(CONNECTORS[urls.kind(url)], shown, tables)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StranglerError(f"{target} can't be written", why=error.strerror or str(error)) from None
    names = ", ".join(table.name for table in tables)
    click.echo(f"{click.style('wrote', fg='green')} {target}: {names}")
    if PASSWORD in without_password(shown):
        click.echo(f"  the password isn't in it: export {PASSWORD}=… before the next commands")
    click.echo(f"  next: strangler -c {target} config check")
