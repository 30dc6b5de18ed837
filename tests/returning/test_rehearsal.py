"""The way back is rehearsed on real databases: what comes back, what doesn't, what stands in the way; nothing is written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.control import ledger, rehearsals
from strangler.cutover.assessment import collect
from strangler.cutover.evidence import Health
from strangler.cutover.gates import Gate, Verdict, needed, results
from strangler.cutover.rehearsal import Tried, rehearse
from strangler.cutover.stages import Stage
from strangler.errors import Refused
from tests.returning.orders import Orders, in_legacy


@pytest.fixture(params=["sqlite", "postgres"])
def orders(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Orders]:
    made = in_legacy(request, tmp_path)
    (tmp_path / "service.db").touch()  # the store, with nothing in it yet
    made.create()
    made.write(
        "INSERT INTO sale_order (code, customer, state) VALUES ('SO-0', 'a', 'D'), ('SO-1', 'b', 'C')",
        "INSERT INTO order_line (order_id, pos, article) VALUES (1, 1, 'bolt')",
    )
    yield made
    made.control.close()


def tried(orders: Orders, rows: int = 500) -> Tried:
    return rehearse(orders.settings, "sales", rows=rows, at=time.time())


def verdict(orders: Orders) -> tuple[Verdict, str]:
    section = orders.settings.functions["sales"]
    found = collect(
        orders.control, "sales", section, probe=lambda service: Health(True, "well"), clock=time.time
    )
    (result,) = results(Gate.WAY_BACK, found, section)
    return result.verdict, result.words


def test_rows_that_come_back_are_evidence_for_the_gate(orders: Orders) -> None:
    before = orders.legacy_rows("SELECT code, customer, state FROM sale_order ORDER BY code")
    assert verdict(orders)[0] is Verdict.INCONCLUSIVE
    found, why = tried(orders)
    assert (dict(found.rows), found.failed, why, found.missing) == (
        {"order": 2, "order.lines": 1},
        {},
        {},
        [],
    )
    assert "remark" in found.lost["order"]
    rehearsals.record(orders.control, "sales", found, actor="eva@host")
    assert verdict(orders)[0] is Verdict.PASS
    assert rehearsals.latest(orders.control, "sales") == found
    assert ledger.entries(orders.control)[-1].actor == "eva@host"
    assert orders.legacy_rows("SELECT code, customer, state FROM sale_order ORDER BY code") == before
    assert tried(orders, rows=1).rehearsal.rows == {"order": 1, "order.lines": 1}


def test_a_row_that_would_not_come_back_fails_and_says_why(orders: Orders) -> None:
    orders.write("INSERT INTO sale_order (code, customer, state) VALUES ('SO-2', ' c ', 'D')")
    found, why = tried(orders)
    assert found.failed == {"order": 1}
    assert "order.shouted is ' C '" in why["order"]
    rehearsals.record(orders.control, "sales", found, actor="eva@host")
    said, words = verdict(orders)
    assert (said, "1 of order" in words) == (Verdict.FAIL, True), words


def test_a_function_without_a_way_back_has_none_to_rehearse(orders: Orders) -> None:
    section = orders.settings.functions["sales"]
    assert Gate.WAY_BACK in needed(Stage.LIVE, section)
    without = section.model_copy(update={"return_": None})
    assert Gate.WAY_BACK not in needed(Stage.LIVE, without)
    settings = orders.settings.model_copy(update={"functions": {"sales": without}})
    with pytest.raises(Refused, match="no way back to rehearse"):
        rehearse(settings, "sales", rows=1, at=0.0)
