"""A control store for each test of the cutover, and what its module configures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.configuration import load
from strangler.control.store import Control
from strangler.settings import Settings


@pytest.fixture
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file with the CONFIGURATION of the test's module."""
    written = tmp_path / "strangler.yaml"
    written.write_text(request.module.CONFIGURATION)
    return written


@pytest.fixture
def settings(file: Path) -> Settings:
    return load(file)


@pytest.fixture
def control_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/control.db"


@pytest.fixture
def control(control_url: str) -> Iterator[Control]:
    """An open, empty control store."""
    with Control.open(control_url) as opened:
        yield opened
