"""Each pair of databases that can stand on the two sides."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import root

from .landscape import TABLES, Landscape, file_url, partners

PAIRS = [
    "postgresql-postgresql",
    "postgresql-sqlite",
    "sqlite-sqlite",
    "sqlite-postgresql",
    "mysql-postgresql",
    "mysql-sqlite",
    "postgresql/by row-sqlite",
    "mysql/by row-postgresql",
]
"""Legacy and store. By row: as if mappings weren't compiled to the legacy database's dialect."""

Make = Callable[..., Landscape]


def strangler(landscape: Landscape, *arguments: str) -> Result:
    """Run the command line on the landscape's configuration."""
    return CliRunner().invoke(root, ["-c", str(landscape.path), *arguments])


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Make a landscape between two kinds of database, `legacy` and `store`, with its legacy table."""
    made: list[Landscape] = []
    databases: list[tuple[Any, str]] = []

    def url(kind: str, name: str) -> str:
        if kind == "sqlite":
            return file_url(tmp_path / f"{name}.db")
        server = request.getfixturevalue("mariadb" if kind == "mysql" else "postgres")
        database = re.sub(r"\W", "_", f"{name}_{os.getpid()}_{tmp_path.name}".lower())[-50:]
        databases.append((server, database))
        return str(server.create_database(database))

    def landscape(
        legacy: str, store: str, *statements: str, entity: dict[str, Any] | None = None
    ) -> Landscape:
        kind, _, by_row = legacy.partition("/")
        found = Landscape(tmp_path, url(kind, "legacy"), url(store, "store"), entity)
        found.legacy.run(*(statements or (TABLES[kind],)))
        found.open(by_row=bool(by_row))
        made.append(found)
        return found

    yield landscape
    for found in made:
        found.close()
    for server, database in databases:
        server.drop_database(database)


@pytest.fixture(params=PAIRS)
def partnered(request: pytest.FixtureRequest, make: Make) -> Landscape:
    """300 partners on both sides, equal."""
    legacy, store = request.param.split("-")
    landscape = make(legacy, store)
    landscape.legacy.insert("partner", partners(300, legacy))
    landscape.fill()
    return landscape


@pytest.fixture
def local(make: Make) -> Landscape:
    """Fifty partners in two SQLite files."""
    landscape = make("sqlite", "sqlite")
    landscape.legacy.insert("partner", partners(50, "sqlite"))
    landscape.fill()
    return landscape
