"""What `strangler route replay` reads and prints."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strangler.errors import StranglerError

if TYPE_CHECKING:
    from strangler.routing.logged import Logged
    from strangler.routing.replay import Counted, Replay


class Lines:
    """The requests of a log, and a count of the lines that are none."""

    def __init__(self) -> None:
        self.unread: dict[str, int] = {}

    def read(self, file: Iterable[str]) -> Iterator[Logged]:
        from strangler.routing.logged import Unreadable, read

        for line in file:
            try:
                logged = read(line.rstrip("\r\n")) if line.strip() else None
            except Unreadable as error:
                self.unread[str(error)] = self.unread.get(str(error), 0) + 1
                continue
            if logged is not None:
                yield logged


@contextmanager
def opened(log: Path) -> Iterator[Iterable[str]]:
    """The lines of a log; `-` is the input, and .gz is unpacked."""
    try:
        if str(log) == "-":
            yield io.TextIOWrapper(sys.stdin.buffer, errors="surrogateescape")
        elif log.suffix == ".gz":
            with gzip.open(log, "rt", errors="surrogateescape") as unpacked:
                yield unpacked
        else:
            with log.open(errors="surrogateescape") as file:
                yield file
    except (OSError, EOFError) as error:
        raise StranglerError(f"the log {log} can't be read", why=str(error)) from error


def as_json(done: Replay, lines: Lines) -> dict[str, Any]:
    """The outcome as `--json` gives it."""

    def counted(each: Counted) -> dict[str, Any]:
        return {"count": each.count, "examples": each.examples}

    return {
        "same": done.same,
        "moved": [
            {"before": before, "after": after, **counted(each)}
            for (before, after), each in done.moved.items()
        ],
        "unjudged": [{"depends_on": what, **counted(each)} for what, each in done.unjudged.items()],
        "unread": lines.unread,
    }


def show(done: Replay, lines: Lines) -> None:
    """The outcome for people."""
    moved = sorted(done.moved.items(), key=lambda each: -each[1].count)
    total = sum(each.count for _, each in moved)
    click.echo(f"{done.same:,} stay where they are, {total:,} {'move' if total != 1 else 'moves'}")
    for (before, after), each in moved:
        click.echo(click.style(f"{each.count:>9,}  ", bold=True) + f"{before}  ⇒  {after}")
        for example in each.examples:
            click.echo(click.style(f"             {example}", dim=True))
    for what, each in sorted(done.unjudged.items(), key=lambda each: -each[1].count):
        click.echo(
            click.style(f"{each.count:>9,}  ", fg="yellow") + f"could not be judged: it depends on {what}"
        )
        for example in each.examples:
            click.echo(click.style(f"             {example}", dim=True))
    for what, count in lines.unread.items():
        click.echo(click.style(f"{count:>9,}  ", fg="yellow") + f"lines could not be read: {what}")
