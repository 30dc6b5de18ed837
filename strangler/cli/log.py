"""`strangler log`: what the event log holds, as lines for people or as CloudEvents for programs."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import click

from strangler.cli.application import Application, pass_application
from strangler.errors import ExitCode, StranglerError
from strangler.sensitive import NOTHING, Sensitive, of_entity

if TYPE_CHECKING:
    from strangler.browsing import Entry, Place
    from strangler.events import Event
    from strangler.ports import EventLog
    from strangler.settings import Settings

LOOK_EVERY: Final = 0.3
"""Seconds between two looks whether the log has grown."""

LONGEST: Final = 32
"""Characters of a value that are shown; `--json` has all of it."""

_HEADERS: Final = ("time", "place", "event", "key", "position", "fields")
_WIDTHS: Final = (19, 8, 16, 8, 12, 0)

as_json = click.option("--json", "wants_json", is_flag=True, help="As CloudEvents, one JSON object a line.")
FUNCTION: Final = click.argument("function", required=False)


@click.group()
def group() -> None:
    """Look at what the event log holds, of one FUNCTION or of all. Changes nothing."""


@group.command()
@FUNCTION
@click.option("--entity", help="Only events of this entity.")
@click.option("--key", help='Only events of this key: 42, or \'["BE01","42"]\' for a key of several columns.')
@click.option("--partition", type=click.IntRange(min=0), metavar="N", help="Only this partition.")
@click.option(
    "--from",
    "start",
    type=click.IntRange(min=0),
    default=0,
    metavar="OFFSET",
    help="Begin at this offset of each partition; a line shows it behind the @.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, metavar="N", help="Most events."
)
@as_json
@pass_application
def show(
    application: Application,
    function: str | None,
    entity: str | None,
    key: str | None,
    partition: int | None,
    start: int,
    limit: int,
    wants_json: bool,
) -> ExitCode:
    """Show the events from the beginning of the log, or from an offset on."""
    from strangler import assembly, browsing
    from strangler.ports import Offset

    wanted = browsing.Wanted(entity, browsing.keys_of(key) if key is not None else None)
    with closing(assembly.log(application.settings)) as log:
        where = _places(application, log, function, partition)
        found = browsing.entries(log, where, Offset(start), wanted)
        printer = _Printer(application.settings, wants_json)
        printer.print(islice(found, limit))
        if next(found, None) is not None:
            click.echo(f"there are more: --limit shows more than {limit:,}", err=True)
    printer.end()
    return ExitCode.OK


@group.command()
@FUNCTION
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    help="How many of the last.",
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what is appended, until Ctrl-C.")
@as_json
@pass_application
def tail(
    application: Application, function: str | None, limit: int, follow: bool, wants_json: bool
) -> ExitCode:
    """Show the last events, and with --follow those that come."""
    from strangler import assembly, browsing

    with closing(assembly.log(application.settings)) as log:
        found, ends = browsing.last(log, _places(application, log, function, None), limit)
        printer = _Printer(application.settings, wants_json)
        printer.print(found)
        if not follow:
            printer.end()
            return ExitCode.OK
        while True:
            if new := browsing.news(log, ends):
                printer.print(new)
            else:
                time.sleep(LOOK_EVERY)


def _places(
    application: Application, log: EventLog, function: str | None, partition: int | None
) -> list[Place]:
    from strangler import browsing

    if function is not None:
        application.function(function)
    found = browsing.places(log, application.settings.functions if function is None else [function])
    chosen = [place for place in found if partition is None or place.partition == partition]
    if not chosen:
        most = max(place.partition for place in found)
        raise StranglerError(
            f"the log has no partition {partition}" + (f" of {function}" if function else ""),
            do=f"--partition 0 to {most}" if most else "leave --partition out: there is one only",
        )
    return chosen


class _Printer:
    """Prints entries as they come. A column grows with what it shows and never shrinks."""

    def __init__(self, settings: Settings, wants_json: bool) -> None:
        self._settings, self._json = settings, wants_json
        self._widths = list(_WIDTHS)
        self._hidden: dict[tuple[str, str], Sensitive] = {}
        self._any = False

    def print(self, found: Iterable[Entry]) -> None:
        for entry in found:
            if self._json:
                self._print_event(entry)
            else:
                self._print_line(entry)
            self._any = True
        sys.stdout.flush()

    def end(self) -> None:
        """Say so where there was nothing."""
        if not self._any and not self._json:
            click.echo("nothing in the log")

    def _print_event(self, entry: Entry) -> None:
        import orjson

        from strangler.events import to_cloudevent

        click.echo(orjson.dumps(to_cloudevent(entry.event._replace(data=self._shown(entry.event)))).decode())

    def _shown(self, event: Event) -> dict[str, Any]:
        """The data as people may see it: sensitive fields are masked."""
        place = event.function, event.entity
        if place not in self._hidden:
            section = self._settings.functions.get(event.function)
            known = section is not None and event.entity in section.entities
            self._hidden[place] = of_entity(self._settings, *place) if known else NOTHING
        return self._hidden[place].hidden(event.data)

    def _print_line(self, entry: Entry) -> None:
        cells = self._cells(entry)
        self._widths = [max(pair) for pair in zip(self._widths[:-1], map(len, cells), strict=False)] + [0]
        if not self._any:
            click.echo(click.style(self._line(_HEADERS), bold=True))
        click.echo(self._line(cells))

    def _cells(self, entry: Entry) -> tuple[str, ...]:
        event = entry.event
        return (
            datetime.fromtimestamp(event.time, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            f"{entry.place.stream}/{entry.place.partition}@{entry.offset}",
            event.type,
            _printable(event.key),
            event.position,
            ", ".join(f"{name}={_short(value)}" for name, value in self._fields(entry)),
        )

    def _fields(self, entry: Entry) -> list[tuple[str, Any]]:
        """The fields that the event carries, without those that its key says already."""
        event = entry.event
        section = self._settings.functions.get(event.function)
        entity = section.entities.get(event.entity) if section else None
        key = set(entity.key) if entity else set()
        return [(name, value) for name, value in self._shown(event).items() if name not in key]

    def _line(self, cells: Iterable[str]) -> str:
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True)).rstrip()
        width = shutil.get_terminal_size().columns
        return line[: width - 1] + "…" if sys.stdout.isatty() and len(line) > width else line


def _short(value: Any) -> str:
    text = _printable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _printable(text: str) -> str:
    """What legacy put into a field must not steer the terminal."""
    return "".join(each if each.isprintable() else "·" for each in text)
