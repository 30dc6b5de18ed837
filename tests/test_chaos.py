"""A short chaos on each of its ways; `make chaos` is the long one."""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from strangler.testing.postgres import Server
from tests.chaos.experiment import run
from tests.chaos.landscapes import WAYS, Servers

ROWS = 3_000


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("way", WAYS)
def test_invariants_1_2_3_7_kills_lose_nothing_and_double_nothing(
    way: str, postgres: Server, postgres_url: str, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 30)
    with ExitStack() as stack:
        outcome = run(WAYS[way](tmp_path, Servers(tmp_path, stack), postgres_url), 6, seed, rows=ROWS)
    assert sum(outcome.kills.values()) == 6
    assert outcome.figures["events"] > 0


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_store_on_sqlite_survives_too(tmp_path: Path) -> None:
    with ExitStack() as stack:
        landscape = WAYS["postgres"](tmp_path, Servers(tmp_path, stack), f"sqlite:///{tmp_path}/service.db")
        outcome = run(landscape, 4, random.randrange(1 << 30), rows=ROWS)
    assert sum(outcome.kills.values()) == 4
