"""The example's configuration fits the tables, on both databases."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from examples.sap.database import Database
from strangler.cli.main import root

CONFIGURATION = Path(__file__).parents[2] / "examples" / "sap" / "strangler.yaml"


@pytest.mark.parametrize(("fixture", "kind"), [("postgres_url", "postgres"), ("mariadb_url", "mysql")])
def test_every_expression_fits_the_tables_and_the_database_evaluates_all_of_it(
    fixture: str,
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    url = request.getfixturevalue(fixture)
    with closing(Database(url)) as database:
        database.make_tables()
    for name, value in {
        "SAP_KIND": kind,
        "SAP_DATABASE_URL": url,
        "SAP_DATA": str(tmp_path),
        "CUSTOMERS_DATABASE_URL": f"sqlite:///{tmp_path}/customers.db",
        "ORDERS_DATABASE_URL": f"sqlite:///{tmp_path}/orders.db",
    }.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(root, ["-c", str(CONFIGURATION), "config", "check"])
    assert result.exit_code == 0, result.output
    assert "tables and mappings fit" in result.output
    assert "row by row" not in result.output
