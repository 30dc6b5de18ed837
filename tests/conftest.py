"""Fixtures for every test: real servers for the session, and a fresh database for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from strangler.testing import mariadb as mariadb_server
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


@pytest.fixture(scope="session")
def mariadb() -> Iterator[mariadb_server.Standing]:
    """A private MariaDB with a binlog, or the one that `STRANGLER_TEST_MARIADB` names. Not to be stopped."""
    with mariadb_server.standing_or_private() as running:
        yield running


@pytest.fixture
def mariadb_url(mariadb: mariadb_server.Standing) -> Iterator[str]:
    """The URL of a fresh, empty database; its name is this process's own, since the server may be shared."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    yield mariadb.create_database(name)
    mariadb.drop_database(name)
