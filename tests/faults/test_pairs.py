"""A small experiment for each pair of databases; `python -m tests.faults` is the large one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from strangler.reconcile.narrow import Difference, Kind
from strangler.testing.postgres import Server
from strangler.urls import sqlite_url
from tests.faults.experiment import check, draw, run
from tests.faults.kinds import DUPLICATE, KINDS
from tests.faults.landscape import PAIRS, Landscape

ROWS, FAULTS = 20_000, 240

pytestmark = [pytest.mark.slow]


@pytest.fixture(params=PAIRS)
def landscape(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> Iterator[Landscape]:
    """Both sides, empty."""
    legacy, store = request.param.split("-")
    if store == "sqlite":
        yield Landscape(tmp_path, postgres_url, sqlite_url(tmp_path / "service.db"))
    elif legacy == "mariadb":
        yield Landscape(tmp_path, request.getfixturevalue("mariadb_url"), postgres_url)
    else:
        server: Server = request.getfixturevalue("postgres")
        name = f"faults_{tmp_path.name}".lower()
        yield Landscape(tmp_path, postgres_url, server.create_database(name))
        server.drop_database(name)


def test_seeded_faults_are_found_each_by_its_kind_and_none_else(landscape: Landscape) -> None:
    outcome = run(landscape, ROWS, FAULTS, random.randrange(1 << 30))
    assert outcome.faults == dict.fromkeys(KINDS, FAULTS // len(KINDS))


def test_no_key_meets_two_faults() -> None:
    drawn = draw(random.Random(7), 1000, 250)
    keys = [key for listed in drawn.values() for key in listed]
    assert len(keys) == len(set(keys)) == 250
    assert {len(listed) for listed in drawn.values()} == {20, 21}


@pytest.mark.parametrize(
    ("seeded", "message"),
    [
        ({7: "case", 8: "case"}, "1 weren't found: Counter"),
        ({}, "1 too many"),
        ({7: DUPLICATE}, "1 of another kind"),
    ],
)
def test_an_experiment_fails_by_what_was_not_found_found_too_much_or_called_otherwise(
    seeded: dict[int, str], message: str
) -> None:
    difference = Difference("customer", "[7]", Kind.DIFFERENT, {"street": ("Ring", "RING")})
    found = SimpleNamespace(outcomes=[SimpleNamespace(differences=(difference,), drift=1)])
    with pytest.raises(AssertionError, match=message):
        check(found, seeded)
