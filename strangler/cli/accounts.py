"""Accounts of reconciliations on their way out: in the form, and to the place, that the user asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from strangler.cli.writing import write

if TYPE_CHECKING:
    from rich.console import RenderableType

    from strangler.reconcile.showing.account import Account

SHOWN: Final = 20
"""Keys per entity in a terminal; the other forms have all that are kept."""

PAGE: Final = Path("build/reconciliation.html")
"""Where the page goes when nobody says: it is for a browser, not for a terminal."""

FORM: Final = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "html"]),
    default="table",
    show_default=True,
    help="csv has a row for each field that differs; html is one page that opens offline, for those who audit.",
)
TABLE_OR_JSON: Final = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json for programs.",
)
OUTPUT: Final = click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help=f"Where to write it. [default: {PAGE} for html, stdout for the others]",
)
LIMIT: Final = click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Keys to list per entity. [default: {SHOWN} in a table, all that are kept in the other forms]",
)


def most(form: str, limit: int | None) -> int | None:
    """How many keys to list per entity; None: all."""
    return SHOWN if limit is None and form == "table" else limit


def give(accounts: Sequence[Account], form: str, output: Path | None, *, several: bool = False) -> None:
    """Write them. `several`: they are a list, even if there is but one in it."""
    if form == "table":
        from rich.console import Group
        from rich.text import Text

        from strangler.reconcile.showing import tables

        shown = [part for each in accounts for part in (tables.whole(each, SHOWN), Text())]
        put_table(Group(*shown[:-1]), output)
    elif form == "json":
        from strangler.reconcile.showing import objects

        found = [objects.whole(each) for each in accounts]
        put(as_json(found if several else found[0]), output)
    elif form == "csv":
        from strangler.reconcile.showing import flat

        put(flat.differences(accounts), output)
    else:
        from strangler.reconcile.showing import page

        put(page.html(accounts), output or PAGE)


def put(text: str, output: Path | None) -> None:
    """To a file, or to standard output."""
    if output is None or str(output) == "-":
        click.echo(text, nl=False)
        return
    write(output, text, "the reconciliation")
    click.echo(f"the reconciliation is in {output}", err=True)


def put_table(shown: RenderableType, output: Path | None = None) -> None:
    """The same for what the terminal shows; in a file without colours."""
    from strangler.cli.standing import WIDE, console

    out = console()
    if output is None:
        out.print(shown, crop=False)
        return
    out.width = WIDE  # Whoever opens the file has another terminal.
    with out.capture() as captured:
        out.print(shown, crop=False)
    put(click.unstyle(captured.get()), output)


def as_json(value: Any) -> str:
    """An object for programs, on lines that people can read too."""
    import orjson

    return orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n"
