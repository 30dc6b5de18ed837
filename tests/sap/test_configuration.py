"""The example's configuration fits the tables on both databases, and means what plain Python makes of the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from examples.sap import generate
from examples.sap.database import Database
from strangler import assembly
from strangler.cli.main import root
from strangler.configuration import load
from strangler.mapping import EntityMapping
from strangler.mapping.canonical import plain
from strangler.ports import SqlSide
from tests.sap.expected import Sap

CONFIGURATION = Path(__file__).parents[2] / "examples" / "sap" / "strangler.yaml"


@pytest.fixture(params=["postgres", "mysql"])
def sap(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Database]:
    """A small SAP, which the configuration is pointed at."""
    url = request.getfixturevalue({"postgres": "postgres_url", "mysql": "mariadb_url"}[request.param])
    for name, value in {
        "SAP_KIND": request.param,
        "SAP_DATABASE_URL": url,
        "SAP_DATA": str(tmp_path),
        "CUSTOMERS_DATABASE_URL": f"sqlite:///{tmp_path}/customers.db",
        "ORDERS_DATABASE_URL": f"sqlite:///{tmp_path}/orders.db",
    }.items():
        monkeypatch.setenv(name, value)
    with closing(Database(url)) as database:
        generate.fill(database, 2_000, seed=1)
        yield database


def evaluated(part: EntityMapping, legacy: SqlSide, fields: Sequence[str]) -> dict[tuple[Any, ...], Any]:
    """What the database makes of its rows: key → these fields."""
    select = part.select(legacy.dialect)
    names = [field.name for field in part.shape.fields]
    rest = select.rest_sql()
    assert rest is None or not list(legacy.rows(rest)), "rows that the database leaves to Python"
    rows = [dict(zip(names, row, strict=True)) for row in legacy.rows(select.rows_sql() or "")]
    return {tuple(row[name] for name in part.shape.key): tuple(row[name] for name in fields) for row in rows}


def test_every_expression_fits_the_tables_and_the_database_evaluates_all_of_it(sap: Database) -> None:
    result = CliRunner().invoke(root, ["-c", str(CONFIGURATION), "config", "check"])
    assert result.exit_code == 0, result.output
    assert "tables and mappings fit" in result.output
    assert "row by row" not in result.output


def test_the_database_makes_of_the_tables_what_plain_python_makes_of_them(sap: Database) -> None:
    settings, read = load(CONFIGURATION), Sap(sap)
    expected: dict[str, dict[tuple[Any, ...], Any]] = {
        "customer": read.customers(),
        "sales_order": read.orders(),
        "sales_order.lines": read.lines(),
        "sales_order.lines.schedules": read.schedules(),
    }
    with (
        closing(assembly.source(settings, "ecc")) as source,
        closing(source.reader()) as legacy,
    ):
        for function in settings.functions:
            for part in (
                part for each in assembly.mappings(settings, function, source) for part in each.parts()
            ):
                wanted = expected.pop(part.shape.entity)
                fields = next(iter(wanted.values()))._fields
                found = evaluated(part, legacy, fields)
                assert found == {key: tuple(map(plain, row)) for key, row in wanted.items()}
    assert not expected
