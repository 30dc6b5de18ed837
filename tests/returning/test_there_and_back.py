"""Cut over, edit, roll back, edit legacy, cut over again, with a real worker: nothing is lost, nothing comes twice, nothing echoes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from strangler import assembly
from strangler.control import backfills, conflicts, deliveries, ledger, returning, standings
from strangler.cutover.conductor import Acting
from strangler.cutover.history import Kind
from strangler.cutover.journal import Intent, Step
from strangler.cutover.outside import outside
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.cutover.switch import Undone
from strangler.errors import Refused
from strangler.events import Effect, Event
from strangler.keeper import Keeper
from strangler.returning.running import Returning
from tests.returning.going_back import assert_refused_before_the_fence, go_back
from tests.returning.orders import Orders, in_legacy
from tests.sync.landscape import until, working


@pytest.fixture(params=["sqlite", "postgres"])
def orders(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Orders]:
    made = in_legacy(request, tmp_path)
    made.create()
    yield made
    with made.captured():
        pass
    made.control.close()


def switch(orders: Orders, stage: Stage) -> None:
    """Change the owner, whatever the gates say."""
    hand = Acting(orders.control, "eva@host", 30.0, partial(outside, orders.settings, orders.control))
    intent = Intent("sales", EVERYONE, stage, 0, "eva@host", "", [])
    hand.switch(intent, standings.of(orders.control, "sales"))


def go_live(orders: Orders) -> None:
    """The store is filled by the worker that runs, then new owns the function."""
    put(orders, Stage.SYNCING)
    until(lambda: filled(orders), "the backfill is finished", 60)
    put(orders, Stage.CANARY)
    switch(orders, Stage.LIVE)


def put(orders: Orders, stage: Stage) -> None:
    standing = standings.of(orders.control, "sales")
    standings.change(orders.control, standing, replace(standing, stage=stage), at=time.time())


def filled(orders: Orders) -> bool:
    record = backfills.get(orders.control, "sales", "order")
    return record is not None and record.finished_at is not None


def customer(orders: Orders, code: str) -> str | None:
    rows = orders.legacy_rows(f"SELECT customer FROM sale_order WHERE code = '{code}'")
    return rows[0][0] if rows else None


def stored(orders: Orders, code: str) -> str | None:
    with orders.mapping() as mapping:
        found = orders.in_store(mapping).get(f'["{code}"]')
    return found["customer"] if found else None


def test_both_directions_in_turn(orders: Orders) -> None:
    orders.write(
        "INSERT INTO sale_order (code, customer, state) VALUES ('SO-0', 'a', 'D'), ('SO-1', 'b', 'D')"
    )
    orders.write("INSERT INTO order_line (order_id, pos, article) VALUES (1, 1, 'bolt')")
    with working(orders.settings, orders.control):
        go_live(orders)
        orders.serve(
            "UPDATE orders SET customer = 'new', shouted = 'NEW' WHERE number = 'SO-0'",
            "UPDATE orders_lines SET article = 'nut'",
            "DELETE FROM orders WHERE number = 'SO-1'",
            "INSERT INTO orders (number, customer, shouted, state) VALUES ('SO-2', 'c', 'C', 'draft')",
        )
        until(lambda: customer(orders, "SO-2") == "c", "what new writes comes back by itself", 60)
        orders.require_same()

        switch(orders, Stage.SYNCING)
        assert standings.of(orders.control, "sales").owner is Side.LEGACY
        orders.write("UPDATE sale_order SET customer = 'legacy again' WHERE code = 'SO-2'")
        orders.write("INSERT INTO sale_order (code, customer, state) VALUES ('SO-3', 'd', 'D')")
        until(lambda: stored(orders, "SO-3") == "d", "legacy's changes are delivered", 60)
        assert stored(orders, "SO-2") == "legacy again"
        orders.require_same()

        put(orders, Stage.CANARY)
        switch(orders, Stage.LIVE)
        orders.serve("UPDATE orders SET customer = 'new again', shouted = 'NEW AGAIN' WHERE number = 'SO-3'")
        until(lambda: customer(orders, "SO-3") == "new again", "what new writes comes back again", 60)
        until(lambda: orders.waiting() == 0, "the outbox is empty", 60)
    orders.require_same()
    record = deliveries.get(orders.control, "sales")
    assert record is not None and record.late_writes == 0  # noqa: PT018 - what we wrote ourselves is none
    assert conflicts.listed(orders.control) == []
    assert returning.all_feeds(orders.control)["sales"].error is None


def test_nobody_goes_back_while_something_waits(orders: Orders) -> None:
    orders.write("INSERT INTO sale_order (code, customer, state) VALUES ('SO-0', 'a', 'D')")
    with orders.captured():
        orders.fill()
        orders.own(Side.NEW)
        way = orders.way_back()
        way.require()
        assert way.returned() == ""
        orders.serve("UPDATE orders SET customer = 'b', shouted = 'B'")
        assert way.returned() == "1 change is waiting to return to legacy"
        with pytest.raises(Undone, match="was undone") as refused:
            go_back(orders, limit=1.0)
        assert "1 change is waiting to return to legacy" in (refused.value.why or "")
        orders.write("UPDATE sale_order SET customer = 'c'")
        orders.return_all()
        with pytest.raises(Refused, match="1 change is held on the way back to legacy"):
            way.returned()
        assert_refused_before_the_fence(
            orders,
            EVERYONE,
            "1 change is held on the way back to legacy",
            'order ["SO-0"]: legacy has changed it since new last saw it',
            "strangler conflicts resolve sales order '[\"SO-0\"]' --take new|legacy",
        )


def test_what_is_held_while_writers_wait_undoes_the_rollback_at_once(orders: Orders) -> None:
    orders.write("INSERT INTO sale_order (code, customer, state) VALUES ('SO-0', 'a', 'D')")

    def both_write(step: Step, done: bool) -> None:
        if step is Step.FENCED and done:
            orders.serve("UPDATE orders SET customer = 'b', shouted = 'B'")
            orders.write("UPDATE sale_order SET customer = 'c'")
            orders.return_all()

    with orders.captured():
        orders.fill()
        orders.own(Side.NEW)
        began = time.monotonic()
        with pytest.raises(Undone) as refused:
            go_back(orders, watch=both_write, limit=300.0)
        assert "1 change is held on the way back to legacy" in (refused.value.why or "")
        assert "strangler conflicts resolve sales order" in (refused.value.do or "")
        assert time.monotonic() - began < 100.0
        assert standings.of(orders.control, "sales").owner is Side.NEW


def test_what_new_s_own_jobs_write_behind_the_last_look_undoes_the_rollback(orders: Orders) -> None:
    orders.write("INSERT INTO sale_order (code, customer, state) VALUES ('SO-0', 'a', 'D')")
    with orders.captured():
        orders.fill()
        orders.own(Side.NEW)
        with pytest.raises(Undone) as refused:
            _go_back(orders, Step.CHECKED)
        assert "the new service wrote once more" in (refused.value.why or "")
        assert standings.of(orders.control, "sales").owner is Side.NEW
        orders.return_all()
        assert customer(orders, "SO-0") == "job"
        _go_back(orders, None)
        assert standings.of(orders.control, "sales").owner is Side.LEGACY


@pytest.mark.parametrize("step", [Step.DECIDED, Step.SWITCHED])
def test_what_they_write_behind_the_decision_is_held_until_somebody_decides(
    orders: Orders, step: Step
) -> None:
    orders.write("INSERT INTO sale_order (code, customer, state) VALUES ('SO-0', 'a', 'D')")
    with orders.captured():
        orders.fill()
        orders.own(Side.NEW)
        _go_back(orders, step)
        assert standings.of(orders.control, "sales").owner is Side.LEGACY
        with _returning(orders):
            until(lambda: conflicts.counts(orders.control) == {"sales": 1}, "it is held", 60)
            assert customer(orders, "SO-0") == "a"
            conflicts.decide(orders.control, "sales", "order", '["SO-0"]', Side.NEW, actor="eva", at=5.0)
            until(lambda: customer(orders, "SO-0") == "job", "it comes back", 60)
            until(lambda: not returning.all_feeds(orders.control)["sales"].waiting, "the way is closed", 60)
        assert conflicts.listed(orders.control) == []
        orders.require_same()
        orders.serve("UPDATE orders SET customer = 'later', shouted = 'LATER'")
        assert orders.waiting() == 0


def _go_back(orders: Orders, behind: Step | None) -> None:
    """Roll back, while a job of the new service writes behind a step."""

    def watch(step: Step, done: bool) -> None:
        if step is behind and done:
            orders.serve("UPDATE orders SET customer = 'job', shouted = 'JOB' WHERE number = 'SO-0'")

    go_back(orders, watch=watch)


@contextmanager
def _returning(orders: Orders) -> Iterator[None]:
    """The feed runs, as the worker runs it."""
    keeper = Keeper()
    feed = Returning(orders.settings, orders.control, "sales")
    keeper.keep("returning", partial(feed.run, keeper.stop), lambda error: None)
    yield
    keeper.stop.set()
    keeper.join(30)


def test_what_has_no_way_back_is_lost_only_where_somebody_says_so(orders: Orders) -> None:
    orders.write(
        "INSERT INTO sale_order (code, customer, state) VALUES ('SO-0', 'a', 'D'), ('SO-1', 'b', 'D')"
    )
    with orders.captured():
        orders.fill()
        orders.own(Side.NEW)
        orders.serve(
            "UPDATE orders SET remark = 'only in new', customer = 'c', shouted = 'C' WHERE number = 'SO-0'"
        )
        orders.return_all()
        assert customer(orders, "SO-0") == "c"
        for accepted in (0, 2):
            with pytest.raises(Undone) as refused:
                go_back(orders, accepted=accepted)
            assert 'order ["SO-0"]: remark' in (refused.value.why or "")
            assert "--accept-loss 1" in (refused.value.do or "")
        go_back(orders, accepted=1)
        [accepted_loss] = [each for each in ledger.entries(orders.control) if each.kind == Kind.LOSS_ACCEPTED]
        assert accepted_loss.body == {"keys": 1, "which": ['order ["SO-0"]: remark']}
        assert standings.of(orders.control, "sales").owner is Side.LEGACY


def test_invariant_3_what_was_withheld_wins_over_nothing_that_came_back_after_it(orders: Orders) -> None:
    """Somebody writes late in legacy, and is overruled: when legacy owns it all again, delivery makes up for what it withheld."""
    orders.write(
        "INSERT INTO sale_order (code, customer, state) VALUES ('SO-0', 'a', 'D'), ('SO-1', 'b', 'D')",
        "INSERT INTO order_line (order_id, pos, article) VALUES (1, 1, 'bolt'), (2, 1, 'bolt'), (2, 2, 'nut')",
    )
    with orders.captured() as source, orders.mapping() as mapping:
        orders.fill()
        orders.own(Side.NEW)
        orders.write("UPDATE sale_order SET customer = 'late'")
        late = [
            Event("", "sales", "order", Effect.UPSERT, key, source.safe_position(10.0), 0.0, "m", data)
            for key, data in orders.in_legacy(mapping).items()
        ]
        orders.serve(
            "DELETE FROM orders_lines WHERE number = 'SO-0' OR position = 2",
            "DELETE FROM orders WHERE number = 'SO-0'",
        )
        orders.return_all()
        for each in conflicts.listed(orders.control, "sales"):
            conflicts.decide(orders.control, "sales", each.entity, each.key, Side.NEW, actor="eva", at=5.0)
        orders.return_all()
        assert conflicts.listed(orders.control) == []
        orders.require_same()
        assert orders.way_back().returned() == ""
        orders.own(Side.LEGACY)
        with closing(assembly.store(orders.settings, "service")) as store:
            store.prepare([mapping.shape])
            before = store.mark("sales/0")
            assert before is not None
            store.sweep(mapping.shape, late[0].position)
            store.apply(late, before)
        orders.require_same()
        assert stored(orders, "SO-0") is None
