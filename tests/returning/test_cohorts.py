"""Where cohorts move on their own, only what is of a cohort that new owns returns."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from strangler.control import standings
from strangler.cutover.stages import EVERYONE, Side, Stage
from tests.returning.orders import CONFIGURATION, Orders

COHORTS = CONFIGURATION.replace(
    "    return: ",
    "    cohorts:\n      from: [{{header: X-Region}}]\n      of: {{order: 'LEFT(number, 2)'}}\n    return: ",
)


def test_only_what_is_of_a_cohort_that_new_owns_returns(tmp_path: Path) -> None:
    (tmp_path / "legacy.db").touch()
    orders = Orders(tmp_path, f"sqlite:///{tmp_path}/legacy.db", f"sqlite:///{tmp_path}/service.db", COHORTS)
    orders.create()
    orders.write("INSERT INTO sale_order (code, customer) VALUES ('DE-1', 'a'), ('FR-1', 'a')")
    with orders.captured():
        orders.fill()
        orders.own(Side.LEGACY)
        german = standings.of(orders.control, "sales", "DE")
        live = replace(german, owner=Side.NEW, stage=Stage.LIVE)
        standings.change(orders.control, german, live, at=time.time())
        orders.serve("UPDATE orders SET customer = 'b', shouted = 'B'")
        assert orders.way_back("DE").returned().startswith("1 change is waiting")
        assert orders.return_all() == 1
        assert orders.way_back("DE").returned() == ""
        assert orders.way_back("FR").returned().startswith("1 change is waiting")
    found = dict(orders.legacy_rows("SELECT code, customer FROM sale_order"))
    assert found == {"DE-1": "b", "FR-1": "a"}
    orders.control.close()


def test_one_standing_waits_for_its_own_however_much_of_others_waits_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strangler.returning.way.LOOKED_AT", 2)
    (tmp_path / "legacy.db").touch()
    orders = Orders(tmp_path, f"sqlite:///{tmp_path}/legacy.db", f"sqlite:///{tmp_path}/service.db", COHORTS)
    orders.create()
    with orders.captured():
        orders.fill()
        orders.own(Side.NEW)
        for number in range(5):
            orders.serve(f"INSERT INTO orders (number, customer, shouted) VALUES ('FR-{number}', 'a', 'A')")
        standings.amend(orders.control, "sales", "DE", at=1.0, hold="moves on its own")
        ways = {each: orders.way_back(each) for each in ("DE", EVERYONE)}
        assert ways["DE"].returned() == ""
        orders.serve("INSERT INTO orders (number, customer, shouted) VALUES ('DE-1', 'a', 'A')")
        assert ways["DE"].returned().startswith("1 change is waiting")
        orders.serve("DELETE FROM strangler_outbox WHERE key LIKE '%FR%'")
        assert ways[EVERYONE].returned() == ""
    orders.control.close()
