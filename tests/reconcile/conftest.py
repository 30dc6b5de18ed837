"""Each pair of databases that can stand on the two sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from strangler.testing.postgres import Server

from .landscape import TABLES, Landscape, file_url, partners

PAIRS = ["postgresql-postgresql", "postgresql-sqlite", "sqlite-sqlite", "sqlite-postgresql"]

Make = Callable[..., Landscape]


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Make a landscape between two kinds of database, `legacy` and `store`, with its legacy table."""
    made: list[Landscape] = []
    databases: list[str] = []

    def url(kind: str, name: str) -> str:
        if kind == "sqlite":
            return file_url(tmp_path / f"{name}.db")
        server: Server = request.getfixturevalue("postgres")
        database = f"{name}_{tmp_path.name}".lower().replace("-", "_")[-50:]
        databases.append(database)
        return server.create_database(database)

    def landscape(
        legacy: str, store: str, *statements: str, entity: dict[str, Any] | None = None
    ) -> Landscape:
        found = Landscape(tmp_path, url(legacy, "legacy"), url(store, "store"), entity)
        found.legacy.run(*(statements or (TABLES[legacy],)))
        found.open()
        made.append(found)
        return found

    yield landscape
    for found in made:
        found.close()
    for database in databases:
        request.getfixturevalue("postgres").drop_database(database)


@pytest.fixture(params=PAIRS)
def partnered(request: pytest.FixtureRequest, make: Make) -> Landscape:
    """300 partners on both sides, equal."""
    legacy, store = request.param.split("-")
    landscape = make(legacy, store)
    landscape.legacy.insert("partner", partners(300, legacy))
    landscape.fill()
    return landscape
