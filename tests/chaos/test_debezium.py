"""The way `debezium` of `tests.chaos`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytestmark = [pytest.mark.nightly, pytest.mark.slow, pytest.mark.timeout(400)]


def test_invariants_1_2_3_7_kills_lose_nothing_and_double_nothing(
    survives: Callable[[str, str], None], postgres_url: str
) -> None:
    survives("debezium", postgres_url)
