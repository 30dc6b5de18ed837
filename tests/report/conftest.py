"""A control store with a migration in the middle of its way, and an empty one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.control.store import Control
from strangler.progress import Progress, measure

from . import migration


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    """An empty control store."""
    with Control.open(f"sqlite:///{tmp_path / 'control.db'}") as opened:
        yield opened


@pytest.fixture(scope="module")
def progress(tmp_path_factory: pytest.TempPathFactory) -> Progress:
    """The progress of ten functions, measured once: it is frozen."""
    path = tmp_path_factory.mktemp("report") / "control.db"
    with Control.open(f"sqlite:///{path}") as opened:
        migration.seed(opened)
        return measured(opened, **migration.TITLES)


def measured(control: Control, **titles: str) -> Progress:
    """The progress of functions with these titles, at `migration.NOW`."""
    settings = migration.settings(**titles)
    return measure(settings, control, probe=migration.well, clock=lambda: migration.NOW)
