"""The site of recorded runs: made anew from the control store, so that it can be had anywhere and at any time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from strangler.control import quality_runs
from strangler.control.store import Control
from strangler.errors import StranglerError
from strangler.quality import apart
from strangler.quality.checker import Document, Shown
from strangler.settings import Settings

Making = Callable[[Sequence[Shown], Path], Path]


def build(settings: Settings, control: Control, *, limit: int, making: Making = apart.site) -> Path:
    """Make the site of the last runs; the page to begin with. Raises StranglerError where there is no run yet, or where the folder holds
    something else."""
    runs = {run.id: run for run in quality_runs.listed(control, limit=limit)}
    shown = [
        Shown(run, runs[run].function, runs[run].side, runs[run].started_at, Document(title, body))
        for run, title, body in quality_runs.documents(control, runs)
    ]
    if not shown:
        raise StranglerError("nothing was checked yet", do="strangler quality run FUNCTION")
    folder = settings.quality.docs
    if folder.exists() and any(folder.iterdir()) and not (folder / "site.css").is_file():
        raise StranglerError(
            f"the site isn't made in {folder}",
            why="the folder holds something else, which would be removed",
            do="empty it, or name another folder in quality.docs",
        )
    return making(shown, folder)
