"""Entities over several tables: what their rows are is the same for every database and for Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strangler.mapping import EntityMapping, translated
from tests.mapping import sales
from tests.mapping.sales import Legacy

UNKNOWN = {"postgres": "redshift", "mysql": "starrocks", "sqlite": "duckdb"}
"""Dialect → one that mappings aren't compiled to, and that quotes and joins in the same way."""


@pytest.fixture(params=["sqlite", "postgres", "mysql", "mysql exact"])
def legacy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Legacy]:
    dialect, _, exact = request.param.partition(" ")
    names = {"postgres": "postgres_url", "mysql": "mariadb_url"}
    in_file = f"sqlite:///{tmp_path}/legacy.db"
    url = request.getfixturevalue(names[dialect]) if dialect in names else in_file
    made = Legacy(dialect, url, sales.EXACT if exact else sales.LOOSE)
    with closing(made.source):
        yield made


def by_database(part: EntityMapping, side: Any) -> list[tuple[Any, ...]]:
    """The rows of a part as a backfill moves them: those that the database translates, and the rest."""
    select = part.select(side.dialect)
    pushed, rest = select.rows_sql(), select.rest_sql()
    found = [tuple(row) for row in side.rows(pushed)] if pushed else []
    return found + (by_python(part, side, side.dialect) if rest else [])


def by_python(part: EntityMapping, side: Any, dialect: str) -> list[tuple[Any, ...]]:
    """The rows of a part, translated here, as a database of the dialect gives them."""
    sql = part.select(dialect).rest_sql()
    assert sql is not None
    rows = translated(part, side.dialect, side.rows(sql))
    return [tuple(each.data.values()) for each in rows if each.fault is None]


def same(legacy: Legacy, look: Callable[[EntityMapping, Any], list[tuple[Any, ...]]]) -> None:
    """Assert that a look at the parts sees what there is, whatever that may be."""
    mapping = legacy.mapping()
    for seed in range(10):
        held = sales.rows(seed)
        legacy.hold(held)
        with closing(legacy.source.reader()) as side:
            for part in mapping.parts():
                wanted = sales.seen(held)[part.shape.entity]
                assert sorted(look(part, side), key=repr) == sorted(wanted, key=repr), (
                    seed,
                    part.shape.entity,
                )


def test_every_database_sees_the_same_sales(legacy: Legacy) -> None:
    same(legacy, by_database)


@pytest.mark.parametrize("legacy", ["sqlite", "postgres", "mysql exact"], indirect=True)
def test_python_sees_the_same_sales_where_the_database_only_joins(legacy: Legacy) -> None:
    same(legacy, lambda part, side: by_python(part, side, UNKNOWN[side.dialect]))
