"""A short experiment; `python -m tests.moving` is the long one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from strangler.testing.postgres import Server
from tests.faults.landscape import Landscape
from tests.moving.experiment import run
from tests.moving.writer import KEPT, Keys, transactions

ROWS, FAULTS = 10_000, 10

pytestmark = [pytest.mark.slow, pytest.mark.nightly]


@pytest.fixture
def landscape(tmp_path: Path, postgres: Server, postgres_url: str) -> Iterator[Landscape]:
    """PostgreSQL on both sides."""
    name = f"moving_{tmp_path.name}".lower()
    yield Landscape(tmp_path, postgres_url, postgres.create_database(name))
    postgres.drop_database(name)


def test_what_moves_is_never_drift_and_what_went_wrong_always_is(landscape: Landscape) -> None:
    seed = random.randrange(1 << 30)
    outcome = run(landscape, minutes=0.1, rate=2000, faults=FAULTS, rows=ROWS, seed=seed)
    assert len(outcome.faults.expected) == FAULTS
    assert sum(each.found == outcome.faults.expected for each in outcome.runs) >= 2
    assert outcome.written.rows > 1000


def test_the_writer_leaves_what_stays_alone() -> None:
    keys = Keys(ROWS)
    assert set(keys.quiet).isdisjoint({*keys.hot, *keys.busy})
    said = [each for given in islice(transactions(random.Random(7), keys), 500) for each in given.statements]
    removed = [each for each in said if each.startswith("DELETE") and str(keys.hot[-1]) not in each]
    assert removed
    listed = [int(key) for each in removed for key in each[each.index("(") + 1 : -1].split(",")]
    assert min(listed) > ROWS
    assert all(key % KEPT for key in listed)
