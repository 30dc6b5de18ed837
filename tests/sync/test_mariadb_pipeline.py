"""The whole way from a legacy MariaDB: backfill set-wise, what it can't do row by row, the stream, and reconciliation after them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner

from strangler import assembly, urls
from strangler.cli.main import root
from strangler.configuration import load
from strangler.control import quarantine, reconciliations
from strangler.control.reconciliations import Status
from strangler.cutover.stages import Stage
from strangler.reconcile.jobs import Job
from strangler.reconcile.narrow import Kind
from strangler.reconcile.runs import reconcile
from tests.mapping.peers import connect
from tests.sync.landscape import Landscape, until

CREATE = """
    CREATE TABLE partner (
        code varchar(12) COLLATE utf8mb4_unicode_ci, company enum('north','east') NOT NULL,
        name varchar(40) CHARACTER SET latin1, credit decimal(12,2), rate float, amount varchar(60), number varchar(20),
        active bit(1), born date NOT NULL, seen timestamp(3) NULL, picture blob, PRIMARY KEY (company, code)
    ) DEFAULT CHARACTER SET utf8mb4
"""

FIELDS = {
    "company": "UPPER(company)",
    "code": "code",
    "name": "TRIM(name)",
    "gross": "ROUND(credit * 1.19, 2)",
    "rate": "rate",
    "amount": "CAST(amount AS DECIMAL)",
    "number": "CAST(number AS INTEGER)",
    "active": "active",
    "born": "born",
    "seen": "seen",
    "picture": "picture",
}

LONG = "1234567890123456789012345678.5"
"""A number that MySQL isn't asked to cast."""


class MariadbLandscape(Landscape):
    """A function `partners` between a MariaDB and a store."""

    def __init__(self, home: Path, legacy: str, store: str) -> None:
        self.home, self._legacy, self._store = home, legacy, store
        self.write(CREATE)
        document = {
            "sources": {"erp": {"kind": "mysql", "url": legacy}},
            "stores": {"service": {"url": store}},
            "sync": {"chunk": 7, "batch": 5},
            "functions": {
                "partners": {
                    "source": "erp", "store": "service",
                    "entities": {"partner": {"table": "partner", "key": ["company", "code"], "fields": FIELDS}},
                }
            },
        }  # fmt: skip
        path = home / "strangler.yaml"
        path.write_text(yaml.safe_dump(document))
        self.settings = load(path)
        self.control = assembly.control(self.settings)

    def write(self, *statements: str) -> None:
        with closing(connect(self._legacy)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def in_store(self, sql: str) -> list[Any]:
        if urls.kind(self._store) == "sqlite":
            with closing(sqlite3.connect(urls.sqlite_path(self._store), timeout=30)) as lite, lite:
                return lite.execute(sql).fetchall()
        with psycopg.connect(self._store) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def value(self, field: str, code: str) -> Any:
        found = self.in_store(f"SELECT {field} FROM partner WHERE code = '{code}'")
        return found[0][0] if found else None


@pytest.fixture(params=["sqlite", "postgresql"])
def landscape(request: pytest.FixtureRequest, mariadb_url: str, tmp_path: Path) -> Iterator[MariadbLandscape]:
    in_file = request.param == "sqlite"
    store = urls.sqlite_url(tmp_path / "service.db") if in_file else request.getfixturevalue("postgres_url")
    made = MariadbLandscape(tmp_path, mariadb_url, store)
    yield made
    made.control.close()


def row(at: int, **values: str) -> str:
    """An INSERT of a partner; values are SQL."""
    given = {
        "code": f"'{'aAbB'[at % 4]}{at}'", "company": "'north'" if at % 2 else "'east'",
        "name": f"' Ünal {at} '", "credit": f"{at}.05", "rate": f"{at}.1", "amount": f"'{at}.50'",
        "number": f"'{at}'", "active": str(at % 2), "born": "'0000-00-00'" if at % 5 == 0 else "'1984-02-29'",
        "seen": "0" if at % 7 == 0 else "'2026-03-29 01:30:00.5'", "picture": "X'00FF'",
    } | values  # fmt: skip
    return f"INSERT INTO partner ({', '.join(given)}) VALUES ({', '.join(given.values())})"


def fill(landscape: MariadbLandscape) -> None:
    landscape.write(
        *(row(number) for number in range(1, 41)),
        row(41, amount=f"'{LONG}'"),
        row(42, number="'none'"),
        row(43, name="NULL", credit="NULL", active="NULL", amount="NULL"),
    )


def test_what_was_there_and_what_comes_is_alike_on_both_sides(landscape: MariadbLandscape) -> None:
    fill(landscape)
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(landscape.filled, "the backfill is finished")
        landscape.write(
            row(50, amount=f"'{LONG}'", born="'2026-02-00'"),
            row(51, number="'nine'"),
            "UPDATE partner SET name = 'né' WHERE code = 'b2'",
            "UPDATE partner SET code = 'B99' WHERE code = 'b6'",
            "DELETE FROM partner WHERE code = 'a4'",
        )
        until(lambda: landscape.value("name", "B99"), "the last change is in the store")
        found = reconcile(landscape.settings, landscape.control, Job("partners"))
    assert (found.status, found.reason) == (Status.CLEAN, None)
    (outcome,) = found.outcomes
    assert (outcome.compared, outcome.drift) == (42, 0)
    held = sorted(each.key for each in quarantine.listed(landscape.control))
    assert held == sorted(each.key for each in outcome.quarantined) == ['["EAST","b42"]', '["NORTH","B51"]']
    amounts = [str(landscape.value("amount", code)) for code in ("A41", "b50")]
    assert amounts == [LONG, LONG]
    assert landscape.value("born", "b50") is None
    assert landscape.value("code", "a4") is None


def test_reconciliation_finds_exactly_the_differences_that_were_planted(landscape: MariadbLandscape) -> None:
    fill(landscape)
    with landscape.worker():
        landscape.put(Stage.SYNCING)
        until(landscape.filled, "the backfill is finished")
        landscape.in_store("DELETE FROM partner WHERE code = 'b10'")
        landscape.in_store("UPDATE partner SET rate = 2.5, born = '2026-11-23' WHERE code = 'A5'")
        landscape.in_store("UPDATE partner SET amount = '1.5' WHERE code = 'A41'")
        landscape.in_store("UPDATE partner SET name = 'Unal 3' WHERE code = 'B3'")
        landscape.in_store("INSERT INTO partner (company, code) VALUES ('EAST', 'x')")
        found = reconcile(landscape.settings, landscape.control, Job("partners"))
    assert found.status is Status.DRIFT
    run = reconciliations.latest(landscape.control, "partners")
    assert run is not None
    differences = {
        each.key: (each.kind, each.fields if each.kind is Kind.DIFFERENT else None)
        for each in found.outcomes[0].differences
    }
    assert differences == {
        '["EAST","b10"]': (Kind.MISSING, None),
        '["EAST","x"]': (Kind.EXTRA, None),
        '["NORTH","A5"]': (Kind.DIFFERENT, {"rate": (5.099999904632568, 2.5), "born": (None, "2026-11-23")}),
        '["NORTH","A41"]': (Kind.DIFFERENT, {"amount": (LONG, "1.5")}),
        '["NORTH","B3"]': (Kind.DIFFERENT, {"name": ("Ünal 3", "Unal 3")}),
    }


@pytest.mark.parametrize("landscape", ["sqlite"], indirect=True)
def test_the_check_says_what_mariadb_does_not_evaluate(landscape: MariadbLandscape) -> None:
    path = landscape.home / "strangler.yaml"
    assert "row by row" not in CliRunner().invoke(root, ["-c", str(path), "config", "check"]).output
    path.write_text(path.read_text().replace("credit * 1.19", " * ".join(["credit"] * 6)))
    result = CliRunner().invoke(root, ["-c", str(path), "config", "check"])
    assert result.exit_code == 0, result.output
    assert "partners.partner is backfilled and reconciled row by row: a number may need 60" in result.output
    path.write_text(path.read_text().replace("table: partner", "table: partners"))
    missed = CliRunner().invoke(root, ["-c", str(path), "config", "check"])
    assert "table: partner (did you mean this?)" in missed.output
