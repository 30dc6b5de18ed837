"""Upstreams for one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dataplanes.upstreams import Upstreams, upstreams


@pytest.fixture
def servers() -> Iterator[Upstreams]:
    with upstreams() as running:
        yield running
