"""A short chaos, for each of the ways; `make chaos` is the long one. A file each, so that they run beside each other."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.experiment import run
from tests.chaos.landscapes import WAYS, Servers

KILLS = 6
ROWS = 3_000


@pytest.fixture
def survives(tmp_path: Path) -> Callable[[str, str], None]:
    """What fails unless a way into a store, by its address, outlives some kills."""

    def go(way: str, store: str) -> None:
        with ExitStack() as stack:
            landscape = WAYS[way](tmp_path, Servers(tmp_path, stack), store)
            outcome = run(landscape, KILLS, random.randrange(1 << 30), rows=ROWS)
        assert sum(outcome.kills.values()) == KILLS
        assert outcome.figures["events"] > 0

    return go
