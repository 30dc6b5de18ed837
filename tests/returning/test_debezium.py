"""What returns into a legacy database that Debezium reads comes back marked through Kafka, and is dropped; a late write isn't."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from strangler import assembly
from strangler.control import conflicts, deliveries, late_writes, returning, standings
from strangler.cutover.stages import Side, Stage
from strangler.events import Event
from strangler.ports import Offset
from strangler.testing.connect import Standing as StandingConnect
from strangler.testing.kafka import Standing as StandingKafka
from tests.returning.orders import CONFIGURATION, Orders
from tests.returning.test_there_and_back import customer, go_live, stored, switch
from tests.sync.landscape import until, working

pytestmark = pytest.mark.nightly

PATIENCE = 120.0


@pytest.fixture(params=["postgres_url", "mariadb_url"])
def orders(
    request: pytest.FixtureRequest,
    kafka: StandingKafka,
    connect: StandingConnect,
    prefix: str,
    tmp_path: Path,
) -> Iterator[Orders]:
    source = (
        'erp: {{kind: debezium, url: "{legacy}", heartbeat: 1s,'
        f' options: {{{{kafka: "{kafka.bootstrap}", connect: "{connect.url}", connector: {prefix}}}}}}}}}'
    )
    text = CONFIGURATION.replace('erp: {{kind: {connector}, url: "{legacy}"}}', source)
    legacy = request.getfixturevalue(request.param)
    made = Orders(tmp_path, legacy, f"sqlite:///{tmp_path}/service.db", text)
    made.create()
    yield made
    with made.mapping() as mapping:
        tables = assembly.captured([mapping])
    with closing(assembly.source(made.settings, "erp", tables)) as opened:
        opened.drop()
    made.control.close()


def serve(orders: Orders, number: str, name: str) -> None:
    """The new service names a customer, and legacy gets that back."""
    orders.serve(
        f"UPDATE orders SET customer = '{name}', shouted = '{name.upper()}' WHERE number = '{number}'"
    )
    until(lambda: customer(orders, number) == name, f"{name} comes back", PATIENCE)


def logged(orders: Orders) -> list[Event]:
    """All that went into the event log."""
    with closing(assembly.log(orders.settings)) as log:
        partitions = range(log.partitions("sales"))
        return [
            each.event for partition in partitions for each in log.read("sales", partition, Offset(0), 10_000)
        ]


def test_its_echo_is_dropped_and_a_late_write_in_between_is_recorded(orders: Orders) -> None:
    orders.write(
        "INSERT INTO sale_order (code, customer, state) VALUES ('SO-0', 'a', 'D'), ('SO-1', 'b', 'D'), ('SO-2', 'c', 'D')",
        "INSERT INTO order_line (order_id, pos, article) VALUES (1, 1, 'bolt')",
    )
    with working(orders.settings, orders.control):
        go_live(orders)
        until_then = len(logged(orders))
        serve(orders, "SO-0", "new")
        orders.write("UPDATE sale_order SET customer = 'late' WHERE code = 'SO-1'")
        orders.serve(
            "UPDATE orders_lines SET article = 'nut'",
            "INSERT INTO orders (number, customer, shouted, state) VALUES ('SO-3', 'd', 'D', 'draft')",
        )
        until(lambda: customer(orders, "SO-3") == "d", "it comes back", PATIENCE)
        orders.write("DELETE FROM sale_order WHERE code = 'SO-2'")
        serve(orders, "SO-0", "newest")
        orders.write("INSERT INTO sale_order (code, customer, state) VALUES ('SO-4', 'last', 'D')")
        until(lambda: late_writes.unexplained(orders.control, "sales") >= 3, "they are seen", PATIENCE)

        found = late_writes.newest(orders.control, "sales")
        assert [(each.key, each.operation) for each in reversed(found)] == [
            ('["SO-1"]', "update"),
            ('["SO-2"]', "delete"),
            ('["SO-4"]', "insert"),
        ]
        assert {each.table for each in found} == {"sale_order"}
        assert all(each.transaction for each in found)
        assert not any(each.pending for each in found)
        late = [event.key for event in logged(orders)][until_then:]
        assert sorted(late) == ['["SO-1"]', '["SO-2"]', '["SO-4"]'], "our own aren't events"
        assert stored(orders, "SO-1") == "b"
        assert conflicts.listed(orders.control) == []
        until(
            lambda: (record := deliveries.get(orders.control, "sales")) and record.late_writes == 3,
            "withheld",
        )
        assert returning.all_feeds(orders.control)["sales"].error is None

        orders.write(
            "UPDATE sale_order SET customer = 'b' WHERE code = 'SO-1'",
            "DELETE FROM sale_order WHERE code = 'SO-4'",
            "INSERT INTO sale_order (code, customer, state) VALUES ('SO-2', 'c', 'D')",
        )
        switch(orders, Stage.SYNCING)
        assert standings.of(orders.control, "sales").owner is Side.LEGACY
        orders.write("UPDATE sale_order SET customer = 'legacy again' WHERE code = 'SO-0'")
        until(lambda: stored(orders, "SO-0") == "legacy again", "legacy's changes are delivered", PATIENCE)
        orders.require_same()
