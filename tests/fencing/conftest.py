"""A fenceable legacy database for each test, of every kind, and a control store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.control.store import Control
from tests.fencing.legacies import Legacy, made


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def legacy(request: pytest.FixtureRequest, tmp_path: Path) -> Legacy:
    return _legacy(request.param, request, tmp_path)


@pytest.fixture(params=["postgres", "mysql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Legacy:
    """One with users."""
    return _legacy(request.param, request, tmp_path)


def _legacy(kind: str, request: pytest.FixtureRequest, home: Path) -> Legacy:
    urls = {"postgres": "postgres_url", "mysql": "mariadb_url"}
    url = f"sqlite:///{home}/erp.db" if kind == "sqlite" else request.getfixturevalue(urls[kind])
    return made(kind, url, home)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control.open(f"sqlite:///{tmp_path}/control.db") as opened:
        yield opened
