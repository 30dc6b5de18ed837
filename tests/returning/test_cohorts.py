"""Where cohorts move on their own, only what is of a cohort that new owns returns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from strangler.control import conflicts, returning, standings
from strangler.control.conflicts import Kind
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.errors import Refused
from tests.returning.going_back import assert_refused_before_the_fence, go_back
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
        with pytest.raises(Refused, match="1 change is held on the way back"):
            orders.way_back("FR").returned()
    found = dict(orders.legacy_rows("SELECT code, customer FROM sale_order"))
    assert found == {"DE-1": "b", "FR-1": "a"}
    orders.control.close()


@pytest.mark.parametrize("take", list(Side))
def test_what_new_moves_to_a_cohort_that_legacy_owns_is_held_and_decided(tmp_path: Path, take: Side) -> None:
    with _german_on_new(tmp_path) as orders:
        orders.serve("UPDATE orders SET country = 'FR', customer = 'b', shouted = 'B' WHERE number = '1'")
        orders.return_all()
        [held] = conflicts.listed(orders.control)
        assert held.kind is Kind.STRAY
        assert held.reason == "new moved it from cohort DE, which new owns, to FR, which legacy owns"
        for cohort in ("DE", "FR"):
            with pytest.raises(Refused, match="1 change is held on the way back"):
                orders.way_back(cohort).returned()
        conflicts.decide(orders.control, "sales", "order", held.key, take, actor="eva", at=5.0)
        orders.return_all()
        assert orders.way_back("DE").returned() == ""
        assert conflicts.listed(orders.control) == []
        orders.require_same()
        country = "FR" if take is Side.NEW else "DE"
        assert orders.legacy_rows("SELECT state FROM sale_order WHERE code = '1'") == [(country,)]


def test_what_is_held_of_one_cohort_holds_up_no_other(tmp_path: Path) -> None:
    with _german_on_new(tmp_path) as orders:
        _own(orders, "IT", Side.NEW)
        orders.write("UPDATE sale_order SET customer = 'late' WHERE code = '1'")
        orders.serve("UPDATE orders SET customer = 'b', shouted = 'B' WHERE number IN ('1', '3')")
        orders.return_all()
        assert conflicts.counts(orders.control) == {"sales": 1}
        with pytest.raises(Refused, match="1 change is held on the way back"):
            orders.way_back("DE").returned()
        assert orders.way_back("IT").returned() == ""
        assert orders.way_back(EVERYONE).returned() == ""


def test_the_rollback_of_a_cohort_is_refused_before_anybody_waits_for_what_nobody_decides_meanwhile(
    tmp_path: Path,
) -> None:
    with _german_on_new(tmp_path) as orders:
        _own(orders, "IT", Side.NEW)
        orders.serve("UPDATE orders SET country = 'FR' WHERE number = '1'")
        for _ in range(2):  # Before the feed has looked, and after.
            assert_refused_before_the_fence(
                orders,
                "DE",
                "1 change is held on the way back to legacy",
                'order ["1"]: new moved it from cohort DE, which new owns, to FR, which legacy owns',
                "strangler conflicts resolve sales order '[\"1\"]' --take new|legacy",
            )
            orders.return_all()
        go_back(orders, "IT")
        [held] = conflicts.listed(orders.control)
        conflicts.decide(orders.control, "sales", "order", held.key, Side.NEW, actor="eva", at=5.0)
        orders.return_all()
        go_back(orders, "DE")
        owners = {each.owner for each in standings.snapshot(orders.control).all_of("sales")}
        assert owners == {Side.LEGACY}
        orders.require_same()


def test_the_rollback_of_a_cohort_waits_for_no_feed_that_others_have_stopped(tmp_path: Path) -> None:
    with _german_on_new(tmp_path) as orders:
        _own(orders, "IT", Side.NEW)
        stopped = "6 changes of sales are held, and so nothing more is returned"
        returning.fail(orders.control, "sales", stopped)
        go_back(orders, "IT")
        orders.serve("UPDATE orders SET customer = 'b', shouted = 'B' WHERE number = '1'")
        assert_refused_before_the_fence(
            orders,
            "DE",
            "1 change is waiting to return to legacy, and nothing returns now",
            stopped,
            "mend that",
        )


@contextmanager
def _german_on_new(home: Path) -> Iterator[Orders]:
    """An order of each of three countries, of which those of DE are new's."""
    text = CONFIGURATION.replace(
        "    return: ",
        "    cohorts:\n      from: [{{header: X-Country}}]\n      of: {{order: country}}\n    return: ",
    ).replace("state: CASE state WHEN 'D' THEN 'draft' WHEN 'C' THEN 'confirmed' END", "country: state")
    (home / "legacy.db").touch()
    orders = Orders(home, f"sqlite:///{home}/legacy.db", f"sqlite:///{home}/service.db", text)
    orders.create()
    for code, country in enumerate(("DE", "FR", "IT"), 1):
        orders.write(f"INSERT INTO sale_order (code, customer, state) VALUES ('{code}', 'a', '{country}')")
    with orders.captured():
        orders.fill()
        orders.own(Side.LEGACY)
        _own(orders, "DE", Side.NEW)
        yield orders
    orders.control.close()


def _own(orders: Orders, cohort: str, owner: Side) -> None:
    before = standings.of(orders.control, "sales", cohort)
    stage = Stage.LIVE if owner is Side.NEW else Stage.SYNCING
    standings.change(orders.control, before, replace(before, owner=owner, stage=stage), at=time.time())


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


def test_what_is_retired_waits_for_nothing_and_holds_up_nobody(tmp_path: Path) -> None:
    with _german_on_new(tmp_path) as orders:
        _own(orders, "IT", Side.NEW)
        standings.amend(orders.control, "sales", "IT", at=1.0, stage=Stage.RETIRED)
        orders.serve("UPDATE orders SET customer = 'b', shouted = 'B' WHERE number = '3'")
        assert orders.waiting() == 1
        assert orders.return_all() == 0
        assert orders.waiting() == 0
        orders.serve("UPDATE orders SET country = 'IT', customer = 'b', shouted = 'B' WHERE number = '1'")
        assert orders.way_back("DE").returned().startswith("1 change is waiting")
        assert orders.return_all() == 1
        assert orders.way_back("DE").returned() == ""
    found = orders.legacy_rows("SELECT code, customer, state FROM sale_order ORDER BY code")
    assert found == [("1", "b", "IT"), ("2", "a", "FR"), ("3", "a", "IT")]
