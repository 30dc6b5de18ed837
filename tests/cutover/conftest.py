"""A control store for each test of the cutover."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.control.store import Control


@pytest.fixture
def control_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/control.db"


@pytest.fixture
def control(control_url: str) -> Iterator[Control]:
    """An open, empty control store."""
    with Control.open(control_url) as opened:
        yield opened
