"""Fixtures for every test: a real PostgreSQL for the session, and a fresh database in it for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from strangler.testing.postgres import Server, server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A private PostgreSQL for logical decoding. Not to be stopped: a test that must starts its own."""
    with server() as running:
        yield running


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """The URL of a fresh, empty database."""
    name = f"test_{next(_numbers)}"
    yield postgres.create_database(name)
    postgres.drop_database(name)
