"""A short chaos; `make chaos` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from strangler.testing.postgres import Server
from tests import chaos


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("store", ["postgresql", "sqlite"])
def test_invariants_1_2_3_7_kills_lose_nothing_and_double_nothing(
    store: str, postgres: Server, postgres_url: str, tmp_path: Path
) -> None:
    database = f"chaos_service_{store}"
    url = postgres.create_database(database) if store == "postgresql" else f"sqlite:///{tmp_path}/service.db"
    try:
        figures = chaos.run(tmp_path, postgres_url, url, kills=5, seed=chaos.any_seed())
    finally:
        postgres.drop_database(database)
    assert figures["transactions"] > 0
