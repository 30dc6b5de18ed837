"""The way `postgres` of `tests.chaos`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_invariants_1_2_3_7_kills_lose_nothing_and_double_nothing(
    survives: Callable[[str, str], None], postgres_url: str
) -> None:
    survives("postgres", postgres_url)


@pytest.mark.nightly
def test_a_store_on_sqlite_survives_too(survives: Callable[[str, str], None], tmp_path: Path) -> None:
    survives("postgres", f"sqlite:///{tmp_path}/service.db")
