"""A scene, of nginx where a test doesn't name others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.control.store import Control
from tests.dataplanes.upstreams import upstreams
from tests.following.scene import Scene


@pytest.fixture
def target() -> str:
    return "nginx"


@pytest.fixture
def scene(target: str, tmp_path: Path) -> Iterator[Scene]:
    with upstreams() as servers, Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        yield Scene(target, tmp_path, servers, control)
