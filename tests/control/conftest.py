"""Each test of the control store runs on both databases that it can be kept in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.control.store import Control


@pytest.fixture(params=["sqlite", "postgresql"])
def control_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a control store that isn't made yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/made/on/the/way/control.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def control(control_url: str) -> Iterator[Control]:
    """An open, empty control store."""
    with Control.open(control_url) as opened:
        yield opened
