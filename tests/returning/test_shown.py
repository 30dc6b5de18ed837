"""What waits to return and what is held is shown, and decided, on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from strangler.cli.main import root
from strangler.console.metrics import expose
from strangler.control import conflicts, returning
from strangler.control.returning import ReturnRecord
from strangler.cutover.stages import Side
from strangler.progress.measuring import measure
from tests.returning.orders import Orders


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[Orders]:
    (tmp_path / "legacy.db").touch()
    made = Orders(tmp_path, f"sqlite:///{tmp_path}/legacy.db", f"sqlite:///{tmp_path}/service.db")
    made.create()
    made.write("INSERT INTO sale_order (code, customer, total) VALUES ('SO-0', 'a', 1)")
    made.fill()
    made.own(Side.NEW)
    made.write("UPDATE sale_order SET total = 77")
    made.serve("UPDATE orders SET total = '88'")
    made.return_all()
    yield made
    made.control.close()


def run(orders: Orders, *words: str) -> str:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(root, ["-c", str(orders.file), *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_what_is_held_is_listed_and_decided(orders: Orders) -> None:
    shown = run(orders, "conflicts", "list")
    assert 'sales.order ["SO-0"]' in shown
    assert 'total: legacy "77", new "88"' in shown
    [told] = json.loads(run(orders, "conflicts", "list", "sales", "--json"))
    assert (told["kind"], told["fields"], told["take"]) == ("changed", [["total", "77", "88"]], None)
    run(orders, "conflicts", "resolve", "sales", "order", "SO-0", "--take", "new")
    assert "new's state is to stand" in run(orders, "conflicts", "list")
    orders.return_all()
    assert orders.legacy_rows("SELECT total FROM sale_order") == [(88,)]
    assert "nothing is held" in run(orders, "conflicts", "list")


def test_fields_without_a_way_back_are_named_by_the_check(orders: Orders) -> None:
    shown = run(orders, "config", "check")
    assert "sales.order.remark has no way back, and would be lost by a rollback: " in shown
    assert "sales.order.customer" not in shown
    assert "position" not in shown
    assert "no way back" not in run(orders, "config", "check", "--offline")


def test_what_waits_is_shown_and_measured(orders: Orders) -> None:
    now = 1_000_000.0
    returning.report(orders.control, ReturnRecord("sales", 3, now - 1.2, 41, now, None))
    told = [each.words for each in measure(orders.settings, orders.control).attention]
    assert "3 changes wait to return to legacy, 1.2 s" in told
    assert "1 change is held on the way back to legacy: strangler conflicts list sales" in told
    figures = expose(orders.settings, orders.control).decode()
    assert 'strangler_return_waiting{function="sales"} 3.0' in figures
    assert 'strangler_returned_total{function="sales"} 41.0' in figures
    assert 'strangler_conflicts{function="sales"} 1.0' in figures
    returning.fail(orders.control, "sales", "legacy is away")
    told = [each.words for each in measure(orders.settings, orders.control).attention]
    assert "nothing returns to legacy: legacy is away" in told
    assert conflicts.counts(orders.control) == {"sales": 1}
