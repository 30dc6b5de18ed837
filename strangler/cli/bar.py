"""The bar of a reconciliation on the terminal: what is done now, how far it is, how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from strangler.durations import format_duration

if TYPE_CHECKING:
    from strangler.reconcile.jobs import Progress as Doing
    from strangler.reconcile.jobs import Told

SURE_AFTER: Final = 3.0
"""Seconds before which nothing is said about the time left: what has been done by then says too little."""


@contextmanager
def bar(function: str, parts: Sequence[str]) -> Iterator[Told]:
    """A bar over the parts of a function, on standard error; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
    from rich.table import Column

    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # The words give way, not the figures.
    columns = (
        SpinnerColumn(),
        TextColumn(function, markup=False),
        BarColumn(16),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[left]}", markup=False),
        TextColumn("{task.description}", markup=False, style="dim", table_column=rest),
    )
    console = Console(stderr=True)
    shown = Progress(*columns, console=console, transient=True, expand=True, disable=not console.is_terminal)
    with shown as progress:
        task = progress.add_task("opening both sides", total=1.0, left="")
        began = time.monotonic()

        def tell(doing: Doing) -> None:
            done = share_done(parts, doing.part, doing.share)
            left = in_words(time_left(time.monotonic() - began, done))
            progress.update(task, completed=done, left=left, description=f"{doing.part}: {doing.words}")

        yield tell


def share_done(parts: Sequence[str], part: str, share: float | None) -> float:
    """From 0 to 1, of all parts together: those before this one, and what is known of it."""
    before = parts.index(part) if part in parts else 0
    return (before + (share or 0.0)) / max(len(parts), 1)


def time_left(elapsed: float, done: float) -> float | None:
    """Seconds, if it goes on as until now; None where too little was done to say so."""
    return None if elapsed < SURE_AFTER or not done else elapsed * (1 - done) / done


def in_words(left: float | None) -> str:
    """The time left as it stands behind the bar."""
    return "" if left is None else f"about {format_duration(left)} left"
