"""What the service writes comes back to legacy, in every database that there is a writer for."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strangler.control import conflicts, ledger
from strangler.control.conflicts import Kind
from strangler.cutover.stages import Side
from strangler.errors import Refused, StranglerError
from tests.returning.orders import Orders, edit

LEGACY = ("sqlite", "postgres", "mariadb")


@pytest.fixture(params=LEGACY)
def orders(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Orders]:
    """Two orders in legacy, delivered to the store, and new owns them."""
    legacy = f"sqlite:///{tmp_path}/legacy.db"
    if request.param != "sqlite":
        legacy = request.getfixturevalue(f"{request.param}_url")
    if request.param == "sqlite":
        (tmp_path / "legacy.db").touch()
    made = Orders(tmp_path, legacy, f"sqlite:///{tmp_path}/service.db")
    made.create()
    made.write(
        "INSERT INTO sale_order (code, customer, state, total, note) VALUES ('SO-0', 'Acme  ', 'D', 10.5, 'n')",
        "INSERT INTO sale_order (code, customer, state, total, note) VALUES ('SO-1', 'Bolt', 'C', NULL, 'm')",
        "INSERT INTO order_line (order_id, pos, article, quantity) VALUES (1, 1, 'bolt', 2), (1, 2, 'nut', 3), (2, 1, 'nut', 1)",
    )
    with made.captured():
        made.fill()
        made.own(Side.NEW)
        yield made
    made.control.close()


def test_what_the_service_writes_comes_back(orders: Orders) -> None:
    orders.serve(
        "UPDATE orders SET total = '99.95', state = 'confirmed' WHERE number = 'SO-0'",
        "UPDATE orders_lines SET quantity = '7.125' WHERE number = 'SO-0' AND position = 1",
        "DELETE FROM orders_lines WHERE number = 'SO-0' AND position = 2",
        "INSERT INTO orders (number, customer, shouted, state) VALUES ('SO-9', 'New', 'NEW', 'draft')",
        "INSERT INTO orders_lines (number, position, article, price) VALUES ('SO-9', 1, 'x', '1.25')",
        "DELETE FROM orders_lines WHERE number = 'SO-1'",
        "DELETE FROM orders WHERE number = 'SO-1'",
    )
    assert orders.return_all() == 3
    orders.require_same()
    assert orders.waiting() == 0
    # What the service never touched is as legacy spells it, and what has no way back as it was.
    [(customer, note)] = orders.legacy_rows("SELECT customer, note FROM sale_order WHERE code = 'SO-0'")
    assert (customer, note) == ("Acme  ", "n")


def test_invariant_4_what_legacy_owns_is_held_and_does_not_come_back_by_itself(orders: Orders) -> None:
    orders.own(Side.LEGACY)
    orders.serve("UPDATE orders SET total = '1' WHERE number = 'SO-0'")
    assert orders.return_all() == 0
    assert orders.waiting() == 1
    assert _totals(orders) == {"SO-0": 10.5}
    [held] = conflicts.listed(orders.control)
    assert (held.kind, held.reason) == (Kind.STRAY, "new wrote it, and legacy owns it")
    assert held.fields == (("total", "10.5", "1"),)


@pytest.mark.parametrize("take", list(Side))
def test_a_stray_ends_as_somebody_decides_and_follows_legacy_from_then_on(orders: Orders, take: Side) -> None:
    orders.own(Side.LEGACY)
    orders.serve("UPDATE orders SET total = '1' WHERE number = 'SO-0'")
    orders.return_all()
    conflicts.decide(orders.control, "sales", "order", '["SO-0"]', take, actor="eva", at=5.0)
    orders.return_all()
    assert _totals(orders) == {"SO-0": 1 if take is Side.NEW else 10.5}
    assert (conflicts.listed(orders.control), orders.waiting()) == ([], 0)
    orders.require_same()
    orders.write("UPDATE sale_order SET total = 7 WHERE code = 'SO-0'")
    orders.fill("9" * 30)
    orders.require_same()


def test_a_stray_that_legacy_has_changed_since_is_held_again(orders: Orders) -> None:
    orders.own(Side.LEGACY)
    orders.serve("UPDATE orders SET total = '1' WHERE number = 'SO-0'")
    orders.return_all()
    conflicts.decide(orders.control, "sales", "order", '["SO-0"]', Side.NEW, actor="eva", at=5.0)
    orders.write("UPDATE sale_order SET total = 7 WHERE code = 'SO-0'")
    orders.return_all()
    [held] = conflicts.listed(orders.control)
    assert (held.kind, held.take, held.fields) == (Kind.STRAY, None, (("total", "7", "1"),))
    assert _totals(orders) == {"SO-0": 7}


def test_only_so_many_strays_are_held_and_they_stop_nobody(orders: Orders) -> None:
    orders.own(Side.LEGACY)
    orders.serve(
        *(f"INSERT INTO orders (number, customer, shouted) VALUES ('SO-1{n}', 'Y', 'Y')" for n in range(9))
    )
    orders.return_all()
    assert (conflicts.counts(orders.control), orders.waiting()) == ({"sales": 5}, 9)


@pytest.mark.slow
def test_whatever_the_service_does_legacy_reads_as_the_store_has_it(orders: Orders) -> None:
    chance = random.Random(11)
    for _ in range(12):
        orders.serve(*(edit(chance) for _ in range(chance.randrange(1, 6))))
        if chance.random() < 0.5:
            orders.return_all()
            orders.require_same()
    orders.return_all()
    orders.require_same()
    assert orders.waiting() == 0
    assert conflicts.listed(orders.control) == []


def test_invariant_4_what_legacy_changed_too_is_held_and_later_changes_of_it_wait(orders: Orders) -> None:
    orders.write("UPDATE sale_order SET total = 77 WHERE code = 'SO-0'")
    orders.serve("UPDATE orders SET total = '88' WHERE number = 'SO-0'")
    orders.serve("UPDATE orders SET total = '5' WHERE number = 'SO-1'")
    assert orders.return_all() == 2
    [held] = conflicts.listed(orders.control, "sales")
    assert (held.entity, held.key, held.kind) == ("order", '["SO-0"]', Kind.CHANGED)
    assert held.fields == (("total", "77", "88"),)
    assert held.reason == "legacy has changed it since new last saw it"
    orders.serve("UPDATE orders SET total = '89' WHERE number = 'SO-0'")
    orders.serve("UPDATE orders SET total = '6' WHERE number = 'SO-1'")
    orders.return_all()
    assert _totals(orders) == {"SO-0": 77, "SO-1": 6}
    assert orders.waiting() == 1


@pytest.mark.parametrize("take", list(Side))
def test_what_is_held_ends_as_somebody_decides(orders: Orders, take: Side) -> None:
    orders.write(
        "UPDATE sale_order SET total = 77 WHERE code = 'SO-0'", "DELETE FROM order_line WHERE order_id = 2"
    )
    orders.write("DELETE FROM sale_order WHERE code = 'SO-1'")
    orders.serve("UPDATE orders SET total = '88'")
    orders.return_all()
    for each in conflicts.listed(orders.control, "sales"):
        conflicts.decide(orders.control, "sales", each.entity, each.key, take, actor="eva", at=5.0)
    orders.return_all()
    orders.require_same()
    assert _totals(orders) == ({"SO-0": 88, "SO-1": 88} if take is Side.NEW else {"SO-0": 77})
    assert (conflicts.listed(orders.control), orders.waiting()) == ([], 0)
    kinds = [entry.kind for entry in ledger.entries(orders.control)]
    assert kinds == [conflicts.DECIDED] * 2


@pytest.mark.parametrize("take", list(Side))
def test_a_decision_is_about_the_state_that_was_seen(orders: Orders, take: Side) -> None:
    orders.write("UPDATE sale_order SET total = 77 WHERE code = 'SO-0'")
    orders.serve("UPDATE orders SET total = '88' WHERE number = 'SO-0'")
    orders.return_all()
    conflicts.decide(orders.control, "sales", "order", '["SO-0"]', take, actor="eva", at=5.0)
    orders.write("UPDATE sale_order SET total = 78 WHERE code = 'SO-0'")
    orders.return_all()
    [held] = conflicts.listed(orders.control, "sales")
    assert (held.take, held.fields) == (None, (("total", "78", "88"),))
    assert _totals(orders)["SO-0"] == 78


def test_what_legacy_does_not_take_is_held_and_the_rest_comes_back(orders: Orders) -> None:
    orders.serve(
        "UPDATE orders SET total = '1' WHERE number = 'SO-1'",
        "UPDATE orders SET state = 'unheard of' WHERE number = 'SO-0'",
        f"INSERT INTO orders (number, customer, shouted) VALUES ('SO-7', '{'x' * 41}', '{'X' * 41}')",
        "INSERT INTO orders (number, customer, shouted) VALUES ('SO-8', 'Y', 'not so')",
    )
    orders.return_all()
    held = {each.key: each for each in conflicts.listed(orders.control)}
    refused = {'["SO-0"]', '["SO-8"]'} | ({'["SO-7"]'} if orders.dialect != "sqlite" else set())
    assert held.keys() == refused
    assert {each.kind for each in held.values()} == {Kind.REFUSED}
    assert "unheard of" in held['["SO-0"]'].reason
    assert _totals(orders)["SO-1"] == 1
    orders.serve("UPDATE orders SET state = 'draft' WHERE number = 'SO-0'")
    conflicts.decide(orders.control, "sales", "order", '["SO-0"]', Side.NEW, actor="eva", at=5.0)
    orders.return_all()
    assert '["SO-0"]' not in {each.key for each in conflicts.listed(orders.control)}


def test_a_trigger_that_makes_something_else_of_it_is_noticed(orders: Orders) -> None:
    if orders.dialect != "sqlite":
        return
    orders.write(
        "CREATE TRIGGER round_up AFTER UPDATE OF total ON sale_order BEGIN"
        " UPDATE sale_order SET total = round(NEW.total) WHERE id = NEW.id AND total <> round(NEW.total); END"
    )
    orders.serve("UPDATE orders SET total = '1.25' WHERE number = 'SO-0'")
    orders.return_all()
    [held] = conflicts.listed(orders.control)
    assert held.reason == "legacy would have '1' in total, where new has '1.25'"
    assert _totals(orders)["SO-0"] == 10.5


def test_too_many_held_stop_the_feed(orders: Orders) -> None:
    orders.serve(
        *(f"INSERT INTO orders (number, customer, shouted) VALUES ('SO-1{n}', 'Y', 'no')" for n in range(7))
    )
    with pytest.raises(StranglerError, match="7 changes of sales are held"):
        orders.return_all()


def test_nothing_is_decided_that_is_not_held(orders: Orders) -> None:
    with pytest.raises(Refused, match="nothing is held of order"):
        conflicts.decide(orders.control, "sales", "order", '["SO-0"]', Side.NEW, actor="eva", at=5.0)


class Breaking:
    """Passes everything on, and breaks off at a call of its own choosing."""

    def __init__(self, inner: Any, name: str, after: bool) -> None:
        self._inner, self._name, self._after = inner, name, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name != self._name:
            return found

        def call(*arguments: Any) -> Any:
            if self._after and (not arguments or arguments[0]):
                found(*arguments)
                raise Killed
            if not arguments or arguments[0]:
                raise Killed
            return found(*arguments)

        return call


class Killed(BaseException):
    """As good as a kill: nothing is put right on the way out but what the database itself does."""


@pytest.mark.parametrize("after", [False, True])
def test_invariant_2_what_was_written_before_a_kill_is_not_written_again(orders: Orders, after: bool) -> None:
    orders.serve(
        "UPDATE orders SET total = '88' WHERE number = 'SO-0'",
        "DELETE FROM orders_lines WHERE number = 'SO-1'",
    )
    with pytest.raises(Killed), orders.feed(outbox=lambda outbox: Breaking(outbox, "done", after)) as feed:
        feed.step()
    assert _totals(orders)["SO-0"] == 88
    # What comes in between is returned on top of it, and is no conflict.
    orders.serve("UPDATE orders SET total = '89' WHERE number = 'SO-0'")
    orders.return_all()
    orders.require_same()
    assert conflicts.listed(orders.control) == []


def _totals(orders: Orders) -> dict[str, float]:
    rows = orders.legacy_rows("SELECT code, total FROM sale_order WHERE total IS NOT NULL")
    return {code: float(total) for code, total in rows}


def test_a_decision_that_was_carried_out_by_one_who_was_killed_then_holds_nothing_up(orders: Orders) -> None:
    orders.write("UPDATE sale_order SET total = 77 WHERE code = 'SO-0'")
    orders.serve("UPDATE orders SET total = '88' WHERE number = 'SO-0'")
    orders.return_all()
    [held] = conflicts.listed(orders.control, "sales")
    conflicts.decide(orders.control, "sales", held.entity, held.key, Side.NEW, actor="eva", at=5.0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(conflicts, "release", _killed)
        with pytest.raises(KeyboardInterrupt):
            orders.return_all()
    assert (_totals(orders)["SO-0"], orders.waiting()) == (88, 0)
    orders.return_all()
    assert conflicts.listed(orders.control) == []


def _killed(*anything: object) -> None:
    raise KeyboardInterrupt
