"""Fixtures for every test: real servers for the session, and a fresh database for each test."""

from __future__ import annotations

import itertools
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from strangler.testing import connect as kafka_connect
from strangler.testing import kafka as kafka_broker
from strangler.testing import mariadb as mariadb_server
from strangler.testing.postgres import Server, server
from strangler.testing.shared import Run

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, then with those of many tests: then no process is left with one when the others end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    size = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path not in slow, -size[item.path]))


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


@pytest.fixture(scope="session")
def the_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What the processes of this run share; under pytest-xdist there are several, and the one that started them."""
    folder = tmp_path_factory.getbasetemp()
    alone = not hasattr(request.config, "workerinput")
    return Run(folder, os.getpid()) if alone else Run(folder.parent, os.getppid())


@pytest.fixture(scope="session")
def kafka(the_run: Run) -> kafka_broker.Standing:
    """One Kafka for the whole run, or the one that `STRANGLER_TEST_KAFKA` names. Not to be stopped."""
    return kafka_broker.standing_or_shared(the_run)


@pytest.fixture(scope="session")
def connect(the_run: Run, kafka: kafka_broker.Standing) -> kafka_connect.Standing:
    """One Kafka Connect for the whole run, or the one that `STRANGLER_TEST_CONNECT` names. Not to be stopped."""
    return kafka_connect.standing_or_shared(the_run, kafka)


@pytest.fixture
def unnamed_control_url(tmp_path: Path) -> str:
    """The URL of the control store that commands use whose configuration in `tmp_path` names none."""
    return f"sqlite:///{tmp_path}/.strangler/control.db"


@pytest.fixture
def prefix() -> str:
    """What this test's topics, groups and connectors begin with: `kafka` and `connect` are shared, their names too."""
    return f"test{secrets.token_hex(4)}"
