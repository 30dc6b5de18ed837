"""What the service writes comes back by legacy's own API: against an ERP that is a process of its own, before a PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.control import conflicts, deliveries, late_writes, requested
from strangler.control.conflicts import Kind
from strangler.cutover.stages import Side, Stage
from strangler.errors import SourceError, Unavailable
from strangler.returning.calling import Answer, Calling, Unanswered
from strangler.returning.requests import Asked
from tests.returning.erp import TOKEN, Erp, serving
from tests.returning.orders import CONFIGURATION, Orders
from tests.returning.test_there_and_back import customer, go_live, switch
from tests.sync.landscape import until, working

API = """return:
      batch: 7
      max_conflicts: 5
      through: api
      api:
        url: "{url}"
        headers: {{Authorization: "{token}"}}
        timeout: 2s
        settle: 500ms
        breaker: {{window_calls: 3, minimum: 3, wait: 60s}}
        requests:
          order:
            insert: {{method: POST, path: /orders}}
            update: {{method: PUT, path: "/orders/{{id}}"}}
            delete: {{method: DELETE, path: "/orders/{{id}}"}}"""


@pytest.fixture
def erp(postgres_url: str) -> Iterator[Erp]:
    with serving(postgres_url) as erp:
        yield erp


@pytest.fixture
def orders(erp: Erp, postgres_url: str, tmp_path: Path) -> Iterator[Orders]:
    """Two orders in legacy, delivered to the store, and new owns them."""
    made = configured(tmp_path, postgres_url, erp)
    made.create()
    made.write(
        "INSERT INTO sale_order (code, customer, state, total, note) VALUES ('SO-0', 'Acme', 'D', 10.5, 'n')",
        "INSERT INTO sale_order (code, customer, state, total, note) VALUES ('SO-1', 'Bolt', 'C', NULL, 'm')",
        "INSERT INTO order_line (order_id, pos, article, quantity) VALUES (1, 1, 'bolt', 2), (1, 2, 'nut', 3), (2, 1, 'nut', 1)",
    )
    with made.captured():
        made.fill()
        made.own(Side.NEW)
        yield made
    made.control.close()


def configured(home: Path, legacy: str, erp: Erp, api: str = API) -> Orders:
    given = api.format(url=erp.url, token=TOKEN).replace("{", "{{").replace("}", "}}")
    text = CONFIGURATION.replace("return: {{batch: 7, max_conflicts: 5}}", given)
    return Orders(home, legacy, f"sqlite:///{home}/service.db", text)


def test_what_the_service_writes_is_asked_for(orders: Orders, erp: Erp) -> None:
    orders.serve(
        "UPDATE orders SET total = '99.95', state = 'confirmed' WHERE number = 'SO-0'",
        "DELETE FROM orders_lines WHERE number = 'SO-0' AND position = 2",
        "INSERT INTO orders (number, customer, shouted, state) VALUES ('SO-9', 'New', 'NEW', 'draft')",
        "INSERT INTO orders_lines (number, position, article, price) VALUES ('SO-9', 1, 'x', '1.25')",
        "DELETE FROM orders_lines WHERE number = 'SO-1'",
        "DELETE FROM orders WHERE number = 'SO-1'",
    )
    assert orders.return_all() == 3
    orders.require_same()
    assert orders.waiting() == 0
    asked = {(each["method"], each["path"]): each["body"] for each in erp.log()}
    assert asked.keys() == {("PUT", "/orders/1"), ("POST", "/orders"), ("DELETE", "/orders/2")}
    assert asked["PUT", "/orders/1"]["total"] == 99.95
    [line] = asked["POST", "/orders"]["lines"]
    assert (line["pos"], line["article"], line["price"]) == (1, "x", 1.25)
    assert orders.legacy_rows("SELECT note FROM sale_order WHERE code = 'SO-0'") == [("n",)]
    assert orders.return_all() == 0
    assert len(erp.log()) == 3


def test_invariant_4_what_legacy_changed_too_is_held_and_nothing_is_asked(orders: Orders, erp: Erp) -> None:
    orders.write("UPDATE sale_order SET total = 77 WHERE code = 'SO-0'")
    orders.serve("UPDATE orders SET total = '88' WHERE number = 'SO-0'")
    orders.return_all()
    [held] = conflicts.listed(orders.control, "sales")
    assert (held.kind, held.fields) == (Kind.CHANGED, (("total", "77", "88"),))
    assert erp.log() == []
    conflicts.decide(orders.control, "sales", "order", held.key, Side.NEW, actor="eva", at=5.0)
    orders.return_all()
    assert conflicts.listed(orders.control) == []
    orders.require_same()


def test_what_is_repeatable_is_repeated_and_only_if_it_is_not_there(orders: Orders, erp: Erp) -> None:
    orders.serve("UPDATE orders SET total = '1' WHERE number = 'SO-0'")
    orders.serve("UPDATE orders SET total = '2' WHERE number = 'SO-1'")
    erp.next("lost", "late")
    assert orders.return_all() == 2
    orders.require_same()
    assert [each["path"] for each in erp.log()] == ["/orders/1", "/orders/2", "/orders/1"]
    assert conflicts.listed(orders.control) == []
    first, _, again = erp.log()
    assert first["key"] == again["key"]


@pytest.mark.parametrize("wrong", ["late", "lost"])
def test_what_is_not_repeatable_is_never_sent_twice_by_itself(orders: Orders, erp: Erp, wrong: str) -> None:
    orders.serve("INSERT INTO orders (number, customer, shouted) VALUES ('SO-9', 'New', 'NEW')")
    erp.next(wrong)
    for _ in range(2):
        orders.return_all()
    assert len(erp.log()) == 1
    if wrong == "late":
        assert conflicts.listed(orders.control) == []
        orders.require_same()
        return
    [held] = conflicts.listed(orders.control)
    assert held.reason.startswith("POST /orders was sent, and it isn't known what came of it")
    conflicts.decide(orders.control, "sales", "order", held.key, Side.NEW, actor="eva", at=5.0)
    orders.return_all()
    assert len(erp.log()) == 2
    orders.require_same()


def test_one_that_was_killed_while_it_asked_does_not_ask_again(orders: Orders, erp: Erp) -> None:
    orders.serve("INSERT INTO orders (number, customer, shouted) VALUES ('SO-9', 'New', 'NEW')")
    erp.next("lost")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("strangler.returning.calling.Calling._sent", _killed)
        with pytest.raises(KeyboardInterrupt):
            orders.return_all()
    orders.return_all()
    assert len(erp.log()) == 1
    assert conflicts.counts(orders.control) == {"sales": 1}


_send = Calling._sent


def _killed(calling: Calling, asked: Asked) -> Answer:
    with contextlib.suppress(Unanswered):
        _send(calling, asked)
    raise KeyboardInterrupt


def test_what_is_refused_or_made_otherwise_is_held_and_the_rest_goes_on(orders: Orders, erp: Erp) -> None:
    orders.serve("UPDATE orders SET total = '1' WHERE number = 'SO-0'")
    orders.serve("UPDATE orders SET total = '2' WHERE number = 'SO-1'")
    orders.serve("INSERT INTO orders (number, customer, shouted) VALUES ('SO-9', 'New', 'NEW')")
    erp.next("422", "other")
    orders.return_all()
    held = {each.key: each.reason for each in conflicts.listed(orders.control)}
    assert held == {
        '["SO-0"]': 'legacy\'s API refused PUT /orders/1 with 422: {"error": "not now"}',
        '["SO-1"]': "legacy would have 'somebody else' in customer, where new has 'Bolt'",
    }
    assert orders.legacy_rows("SELECT customer FROM sale_order WHERE code = 'SO-9'") == [("New",)]
    for key in held:
        conflicts.decide(orders.control, "sales", "order", key, Side.NEW, actor="eva", at=5.0)
    orders.return_all()
    orders.require_same()
    assert conflicts.listed(orders.control) == []


def test_an_api_that_takes_nothing_is_waited_for_and_soon_not_asked_any_more(
    orders: Orders, erp: Erp
) -> None:
    orders.serve("UPDATE orders SET total = '1' WHERE number = 'SO-0'")
    erp.next(*["503"] * 9)
    with orders.feed() as feed:
        for _ in range(6):
            with pytest.raises(Unavailable, match="takes nothing now"):
                feed.step()
    assert len(erp.log()) == 3
    assert conflicts.listed(orders.control) == []
    assert requested.of(orders.control, ["sales"]) == []
    erp.next()
    assert orders.return_all() == 1
    orders.require_same()


def test_credentials_that_are_not_good_are_said_beforehand_and_hold_nothing(
    erp: Erp, postgres_url: str, tmp_path: Path
) -> None:
    orders = configured(tmp_path, postgres_url, erp, API.replace("{token}", "Bearer old"))
    orders.create()
    with orders.captured():
        orders.fill()
        orders.own(Side.NEW)
        with pytest.raises(Exception, match="couldn't return to legacy") as refused:
            orders.way_back().require()
        assert "refuses the credentials (401)" in str(getattr(refused.value, "why", ""))
        orders.serve("INSERT INTO orders (number, customer, shouted) VALUES ('SO-9', 'New', 'NEW')")
        with pytest.raises(SourceError, match="refuses what returns"):
            orders.return_all()
        assert (conflicts.listed(orders.control), orders.waiting()) == ([], 1)
    orders.control.close()


def test_a_name_that_nothing_gives_a_value_to_is_said_beforehand(
    erp: Erp, postgres_url: str, tmp_path: Path
) -> None:
    orders = configured(
        tmp_path, postgres_url, erp, API.replace("path: /orders}}", "path: '/orders/{{id}}'}}")
    )
    orders.create()
    with orders.captured(), pytest.raises(Exception, match="couldn't return to legacy") as refused:
        orders.way_back().require()
    assert "{id} in return.api.requests.order.insert has no value" in str(getattr(refused.value, "why", ""))
    orders.control.close()


def test_there_and_back_with_a_worker_and_no_echo(erp: Erp, postgres_url: str, tmp_path: Path) -> None:
    orders = configured(tmp_path, postgres_url, erp)
    orders.create()
    orders.write(
        "INSERT INTO sale_order (code, customer, state) VALUES ('SO-0', 'a', 'D'), ('SO-1', 'b', 'D')"
    )
    orders.write("INSERT INTO order_line (order_id, pos, article) VALUES (1, 1, 'bolt')")
    with working(orders.settings, orders.control):
        go_live(orders)
        for name in ("new", "newer", "newest"):
            orders.serve(
                f"UPDATE orders SET customer = '{name}', shouted = '{name.upper()}' WHERE number = 'SO-0'"
            )
            until(lambda name=name: customer(orders, "SO-0") == name, "it comes back", 60)  # type: ignore[misc]
        orders.serve(
            "UPDATE orders_lines SET article = 'nut'",
            "DELETE FROM orders WHERE number = 'SO-1'",
            "INSERT INTO orders (number, customer, shouted, state) VALUES ('SO-2', 'c', 'C', 'draft')",
            "INSERT INTO orders_lines (number, position, article) VALUES ('SO-2', 1, 'x')",
        )
        until(lambda: orders.waiting() == 0, "all comes back", 60)
        orders.require_same()
        orders.write("UPDATE sale_order SET state = 'C' WHERE code = 'SO-2'")
        until(lambda: late_writes.unexplained(orders.control, "sales") > 0, "a late write is seen", 60)
        assert [each.key for each in late_writes.newest(orders.control)] == ['["SO-2"]']
        assert late_writes.unexplained(orders.control, "sales") == 1
        orders.write("UPDATE sale_order SET state = 'D' WHERE code = 'SO-2'")
        switch(orders, Stage.SYNCING)
        orders.write("UPDATE sale_order SET customer = 'legacy again' WHERE code = 'SO-0'")
        until(lambda: _stored(orders, "SO-0") == "legacy again", "legacy's changes are delivered", 60)
        orders.require_same()
    record = deliveries.get(orders.control, "sales")
    assert record is not None
    assert conflicts.listed(orders.control) == []
    orders.control.close()


def _stored(orders: Orders, code: str) -> str | None:
    with orders.mapping() as mapping:
        found = orders.in_store(mapping).get(f'["{code}"]')
    return found["customer"] if found else None
