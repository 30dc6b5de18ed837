"""A function with schedules, between two SQLite files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from strangler import assembly
from strangler.changes import Position
from strangler.configuration import load
from strangler.control import backfills
from strangler.control.store import Control
from strangler.cutover.stages import Stage
from tests.sync.landscape import NUMBER, Landscape


class Scheduled(Landscape):
    """The landscape of the sync with schedules, as it is once everything is filled."""

    def schedule(self, *schedules: dict[str, Any]) -> None:
        """Write these schedules into the configuration."""
        self.configure(NUMBER)
        path = self.home / "strangler.yaml"
        document = yaml.safe_load(path.read_text())
        document["functions"]["partners"]["schedules"] = list(schedules)
        path.write_text(yaml.safe_dump(document))
        self.settings = load(path)

    def fill(self) -> None:
        """As if the backfill were done: both sides are empty."""
        with closing(assembly.source(self.settings, "erp")) as source:
            mappings = assembly.mappings(self.settings, "partners", source)
        with closing(assembly.store(self.settings, "service")) as store:
            store.prepare([mapping.shape for mapping in mappings])
        run = backfills.request(self.control, "partners", "partner").run
        backfills.begin(self.control, "partners", "partner", run=run, stamp=Position("1"), estimate=0)
        backfills.finish(self.control, "partners", "partner", run=run)
        self.put(Stage.SHADOW)


@pytest.fixture
def scheduled(tmp_path: Path) -> Iterator[Scheduled]:
    landscape = Scheduled(tmp_path)
    yield landscape
    landscape.control.close()


@pytest.fixture
def other(scheduled: Scheduled) -> Iterator[Control]:
    """The control store as another worker has it open."""
    control = assembly.control(scheduled.settings)
    yield control
    control.close()
