"""The example taken whole, small: customers and orders are filled from SAP's tables, followed while a clerk works, and checked against
what plain Python makes of the same tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from click.testing import CliRunner, Result

from examples.sap import generate
from examples.sap.database import Database
from examples.sap.tables import CLIENT
from examples.sap.work import Clerk
from strangler import assembly
from strangler.cli.main import root
from strangler.configuration import load
from strangler.control import backfills
from strangler.control.store import Control
from strangler.events import Event
from strangler.ports import Offset
from strangler.settings import Settings
from strangler.testing.postgres import Server
from strangler.worker import Worker
from tests.sap.expected import Customer, Line, Order, Sap, Schedule
from tests.sync.landscape import until

CONFIGURATION = Path(__file__).parents[2] / "examples" / "sap" / "strangler.yaml"
PATIENCE = 90.0
STORED = (
    ("orders", "sales_order", ("order_no",), Order),
    ("orders", "sales_order_lines", ("order_no", "line_no"), Line),
    ("orders", "sales_order_lines_schedules", ("order_no", "line_no", "schedule_no"), Schedule),
    ("customers", "customer", ("company_code", "customer_no"), Customer),
)


class Migration(NamedTuple):
    """The example under way: SAP, the clerk, the stores by name, and the configuration over them."""

    sap: Database
    clerk: Clerk
    stores: Mapping[str, str]
    settings: Settings
    control: Control

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(root, ["-c", str(CONFIGURATION), *arguments])

    def filled(self) -> bool:
        records = [backfills.of_function(self.control, function) for function in self.stores]
        return all(each and all(record.finished_at for record in each) for each in records)

    def stored(self, store: str, table: str, key: tuple[str, ...], shape: Any) -> dict[tuple[Any, ...], Any]:
        """A table of a store: key → the fields that are checked."""
        columns = ", ".join((*key, *shape._fields))
        with psycopg.connect(self.stores[store]) as connection:
            rows = connection.execute(f"SELECT {columns} FROM {table}".encode()).fetchall()
        return {row[: len(key)]: shape(*row[len(key) :]) for row in rows}

    def events(self, key: str) -> list[Event]:
        """What the log has about an order."""
        with closing(assembly.log(self.settings)) as log:
            records = log.read("orders", 0, Offset(0), 100_000)
        return [record.event for record in records if record.event.key == f'["{key}"]']


@pytest.fixture(params=["postgres", pytest.param("mysql", marks=pytest.mark.nightly)])
def migration(
    request: pytest.FixtureRequest, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Migration]:
    """The worker runs, and both functions are filled and followed; PostgreSQL has 5,000 lines, MariaDB 1,000."""
    url = request.getfixturevalue({"postgres": "postgres_url", "mysql": "mariadb_url"}[request.param])
    names = {store: f"sap_{store}_{request.param}" for store in ("customers", "orders")}
    for name in names.values():
        postgres.drop_database(name)
    stores = {store: postgres.create_database(name) for store, name in names.items()}
    monkeypatch.setenv("SAP_KIND", request.param)
    monkeypatch.setenv("SAP_DATABASE_URL", url)
    monkeypatch.setenv("SAP_DATA", str(tmp_path))
    for store, place in stores.items():
        monkeypatch.setenv(f"{store.upper()}_DATABASE_URL", place)
    with closing(Database(url)) as sap:
        generate.fill(sap, 5_000 if request.param == "postgres" else 1_000, seed=1)
        settings = load(CONFIGURATION)
        with assembly.control(settings) as control:
            worker = Worker(settings, control)
            worker.start()
            try:
                made = Migration(sap, Clerk(sap), stores, settings, control)
                for function in stores:
                    assert made.run("advance", function).exit_code == 0
                until(made.filled, "the stores are filled", PATIENCE)
                yield made
            finally:
                worker.stop()
                sap.rollback()
                with closing(assembly.source(settings, "ecc")) as source:
                    source.drop()


@pytest.mark.slow
def test_what_was_there_and_what_a_clerk_does_arrive_as_they_are_meant(migration: Migration) -> None:
    for _ in range(150):
        migration.clerk.step()
    number = migration.clerk.create_order()
    migration.sap.do("UPDATE vbak SET lifsk = ' ' WHERE mandt = %s AND vbeln = %s", CLIENT, number)
    migration.sap.commit()
    migration.sap.do("UPDATE vbak SET lifsk = '02' WHERE mandt = %s AND vbeln = %s", CLIENT, number)
    migration.sap.commit()
    until(lambda: len(migration.events(number)) == 2, "the new order was placed and blocked", PATIENCE)

    compared = ""
    for function in migration.stores:
        result = migration.run("reconcile", "run", function, "--format", "json")
        assert result.exit_code == 0, result.output
        compared += result.output
    for entity in ("customer", "sales_order", "sales_order.lines", "sales_order.lines.schedules"):
        assert f'"{entity}"' in compared

    sap = Sap(migration.sap)
    for (store, table, key, shape), expected in zip(
        STORED, (sap.orders(), sap.lines(), sap.schedules(), sap.customers()), strict=True
    ):
        stored = migration.stored(store, table, key, shape)
        assert stored.keys() == expected.keys(), table
        assert [at for at in expected if stored[at] != expected[at]] == [], table

    placed, blocked = migration.events(number)
    assert (placed.type, blocked.type) == ("OrderPlaced", "OrderBlocked")
    lines = placed.data["lines"]
    assert [(number, line["line_no"]) for line in lines] == [at for at in sap.lines() if at[0] == number]
    assert all("order_no" not in line and line["schedules"] for line in lines)
    assert {line["state"] for line in blocked.data["lines"]} <= {"blocked", "rejected"}


@pytest.mark.slow
@pytest.mark.parametrize("migration", ["postgres"], indirect=True)
def test_an_order_that_becomes_something_else_leaves_with_its_lines(migration: Migration) -> None:
    number = migration.clerk.create_order()
    migration.sap.commit()
    migration.sap.do("UPDATE vbak SET vbtyp = 'B' WHERE mandt = %s AND vbeln = %s", CLIENT, number)
    migration.sap.commit()
    until(lambda: len(migration.events(number)) == 2, "the order came and went", PATIENCE)
    assert [event.type for event in migration.events(number)] == ["OrderPlaced", "OrderDeleted"]
    assert migration.run("reconcile", "run", "orders").exit_code == 0
    for store, table, key, shape in STORED[:3]:
        assert not [at for at in migration.stored(store, table, key, shape) if at[0] == number]


@pytest.mark.slow
@pytest.mark.parametrize("migration", ["postgres"], indirect=True)
def test_the_decimals_of_a_currency_decide_what_an_amount_is(migration: Migration) -> None:
    number = migration.clerk.create_order()
    for currency in ("JPY", "EUR", "KWD"):
        migration.sap.do(
            "UPDATE vbak SET waerk = %s, netwr = 12.34 WHERE mandt = %s AND vbeln = %s",
            currency,
            CLIENT,
            number,
        )
        migration.sap.commit()
    until(lambda: len(migration.events(number)) == 3, "it had three currencies", PATIENCE)
    amounts = [Decimal(event.data["net_amount"]) for event in migration.events(number)]
    assert amounts == [Decimal("1234"), Decimal("12.34"), Decimal("1.234")]
