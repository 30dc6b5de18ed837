"""Behind the fence writers wait, and to connect takes longer than what is then asked: whatever a switch needs is connected before it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from strangler.changes import Position
from strangler.control import deliveries, standings
from strangler.cutover.journal import Intent, Step
from strangler.cutover.outside import outside
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.cutover.switch import Switch
from strangler.testing.postgres import Server
from tests.returning.orders import CONFIGURATION, Orders

RETURN = "    return: {{batch: 7, max_conflicts: 5}}\n"
NUMBERS = "    numbers: [{{legacy: order_number, new: order_number, gap: 10}}]\n"
FENCE = "    fence: {{by: trigger}}\n"


class Opened:
    """The connections that are opened in the course of a switch: how many before the fence, and by what those behind it."""

    def __init__(self) -> None:
        self.fenced, self.before, self.behind = False, 0, list[str]()

    def watch(self, step: Step, done: bool) -> None:
        if done:
            self.fenced = step is not Step.FINISHED and (self.fenced or step is Step.FENCED)

    @contextmanager
    def counting(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        with monkeypatch.context() as patched:
            for driver in (psycopg, pymysql):
                patched.setattr(driver, "connect", self._counted(driver.connect))
            yield

    def _counted(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            if self.fenced:
                self.behind.append("".join(traceback.format_stack(limit=12)))
            else:
                self.before += 1
            return connect(*args, **kwargs)

        return counted


@pytest.fixture(
    params=[
        ("postgres", FENCE + NUMBERS + RETURN),
        ("postgres", RETURN),
        ("mariadb", FENCE + NUMBERS + RETURN),
    ],
    ids=["all", "return", "mariadb"],
)
def orders(request: pytest.FixtureRequest, postgres: Server, tmp_path: Path) -> Iterator[Orders]:
    """Store, log and control store are on PostgreSQL, each in a database of its own."""
    kind, acts = request.param
    names = [f"behind_{each}" for each in ("store", "log", "control")]
    store, log, control = map(postgres.create_database, names)
    text = CONFIGURATION.replace(RETURN, acts).replace("sqlite:///{home}/control.db", control)
    made = Orders(tmp_path, request.getfixturevalue(f"{kind}_url"), store, f"{text}log: {{{{url: {log}}}}}\n")
    made.create()
    made.write("CREATE SEQUENCE order_number")
    made.serve("CREATE SEQUENCE order_number")
    yield made
    made.control.close()
    for name in names:
        postgres.drop_database(name)


def test_a_switch_connects_to_nothing_while_writers_wait(
    orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.write("INSERT INTO sale_order (code, customer, state) VALUES ('SO-0', 'a', 'D')")
    with orders.captured():
        orders.fill()
        orders.own(Side.LEGACY)
        for to in (Stage.LIVE, Stage.SYNCING):
            opened = Opened()
            with opened.counting(monkeypatch):
                _switch(orders, to, opened)
            assert "\n".join(opened.behind) == ""
            assert opened.before > 3


def _switch(orders: Orders, to: Stage, opened: Opened) -> None:
    def watch(step: Step, done: bool) -> None:
        opened.watch(step, done)
        if step is Step.LIMITED and done:
            _deliver(orders)

    world = outside(orders.settings, orders.control, "sales", EVERYONE)
    intent = Intent("sales", EVERYONE, to, 0, "eva@host", "", [])
    before = standings.of(orders.control, "sales")
    assert Switch(orders.control, world, 10.0, watch=watch).run(intent, before).stage is to


def _deliver(orders: Orders) -> None:
    """Say what the worker would: everything up to the position is there."""
    deliveries.report(
        orders.control,
        "sales",
        position=Position(standings.of(orders.control, "sales").sync_until or ""),
        generation=standings.generation(orders.control),
        rows=0,
        late_writes=0,
        lag=0.0,
    )
