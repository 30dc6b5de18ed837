"""An entity is backfilled with its lines: parents first, under one stamp, whatever ends it in the middle."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strangler.changes import Position
from strangler.control import backfills, quarantine
from strangler.control.store import Control
from strangler.errors import Unavailable
from strangler.ports import Chunk, Mark
from strangler.shapes import Shape
from strangler.sync.backfill import Backfill
from strangler.testing.memory_store import MemoryDatabase, MemoryStore
from tests.mapping import sales
from tests.mapping.sales import Legacy

HELD: sales.Rows = {
    "head": [("A1", 1, "p1", "open", "1.50"), ("A1", 2, None, None, None), ("b2", 1, "p9", "draft", "3")],
    "party": [("p1", "Ann", "de")],
    "lang": [("de", "German")],
    "line": [
        (1, "A1", 1, "x", "5"), (2, "A1", 1, None, None), (3, "A1", 2, "X", "7"), (4, "b2", 1, "x", "1"), (5, None, 1, "x", "1"),
    ],
    "product_text": [("x", "E", "one"), ("x", "D", "eins")],
    "line_tax": [(1, "vat", 19), (1, "eco", None), (3, "vat", 7), (4, "vat", 7)],
}  # fmt: skip

TABLES = {"sale": "sale", "sale.lines": "sale_lines", "sale.lines.taxes": "sale_lines_taxes"}


class Killed(MemoryStore):
    """A store that isn't there any more when it is called for the `at`-th time to load a chunk or to settle."""

    def __init__(self, database: MemoryDatabase, at: int) -> None:
        super().__init__(database)
        self._left = at

    def _called(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Unavailable("the machine is gone")

    def load(self, shape: Shape, chunk: Chunk, stamp: Position, mark: Mark) -> int:
        self._called()
        return super().load(shape, chunk, stamp, mark)

    def settle(self, shape: Shape, stamp: Position) -> int:
        self._called()
        return super().settle(shape, stamp)


class Estate:
    """Sales in SQLite, on their way into a store in memory."""

    def __init__(self, home: Path) -> None:
        self.control = Control.open(f"sqlite:///{home}/control.db")
        self.legacy = Legacy("sqlite", f"sqlite:///{home}/legacy.db")
        self.legacy.hold(HELD)
        self.legacy.source.prepare()
        self.mapping = self.legacy.mapping()
        self.database = MemoryDatabase()
        MemoryStore(self.database).prepare([self.mapping.shape])

    def ask(self) -> None:
        backfills.request(self.control, "sales", "sale")

    def fill(self, store: MemoryStore | None = None, stop: threading.Event | None = None) -> bool:
        """Do what is left of the backfill, two rows at a time."""
        into = store or MemoryStore(self.database)
        source: Any = self.legacy.source
        return Backfill(self.mapping, source, into, self.control, 2, 1000).run(stop or threading.Event())

    def stored(self) -> dict[str, set[tuple[Any, ...]]]:
        """Part → its rows in the store."""
        held = self.database.held.rows
        return {
            part: {tuple(row.values.values()) for row in held[table].values()}
            for part, table in TABLES.items()
        }


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[Estate]:
    made = Estate(tmp_path)
    with closing(made.legacy.source), made.control:
        yield made


def test_all_parts_are_moved_and_counted_as_one(estate: Estate) -> None:
    estate.ask()
    assert estate.fill()
    assert estate.stored() == sales.seen(HELD)
    (record,) = backfills.all_backfills(estate.control)
    assert (record.entity, record.rows, record.estimate) == ("sale", 2 + 3 + 3, 3 + 5 + 4)
    assert record.finished_at is not None


def test_invariant_2_a_kill_at_any_place_repeats_nothing_and_leaves_nothing_out(estate: Estate) -> None:
    for at in range(12):
        estate.ask()
        estate.database.held.rows = {table: {} for table in TABLES.values()}
        finished = False
        try:
            finished = estate.fill(Killed(estate.database, at))
        except Unavailable:
            assert estate.fill()
        assert estate.stored() == sales.seen(HELD)
        record = backfills.get(estate.control, "sales", "sale")
        assert record is not None
        assert record.rows == 8
    assert finished, "the last time it wasn't killed any more"


def test_a_backfill_that_is_stopped_goes_on_where_it_was(estate: Estate) -> None:
    estate.ask()
    stop = threading.Event()
    stop.set()
    assert not estate.fill(stop=stop)
    assert estate.stored()["sale"] == set()
    assert estate.fill()
    assert estate.stored() == sales.seen(HELD)


def test_lines_that_are_no_more_are_gone_after_the_next_backfill(estate: Estate) -> None:
    estate.ask()
    assert estate.fill()
    estate.legacy.write("DELETE FROM line WHERE id = 2", "DELETE FROM line_tax WHERE tax = 'eco'")
    estate.ask()
    assert estate.fill()
    assert {row[2] for row in estate.stored()["sale.lines"]} == {1, 3}
    assert {row[3] for row in estate.stored()["sale.lines.taxes"]} == {"vat"}


def test_invariant_7_a_line_that_cannot_be_translated_holds_its_sale_and_is_named(estate: Estate) -> None:
    estate.legacy.write("UPDATE line SET quantity = 'odd' WHERE id = 2")
    estate.ask()
    assert estate.fill()
    (held,) = quarantine.listed(estate.control)
    assert (held.function, held.entity, held.key) == ("sales", "sale", '["A1",1]')
    assert held.reason.startswith('sale.lines ["A1",1,2]: sale.lines.quantity can')
    assert {row[2] for row in estate.stored()["sale.lines"]} == {1, 3}


def test_what_stands_under_a_line_that_cannot_be_told_holds_its_sale_too(estate: Estate) -> None:
    estate.legacy.write("UPDATE line_tax SET rate = 'much' WHERE line = 1 AND tax = 'eco'")
    estate.ask()
    assert estate.fill()
    (held,) = quarantine.listed(estate.control)
    assert held.key == '["A1",1]'
    assert held.reason.startswith('sale.lines.taxes ["A1",1,1,"eco"]: ')


def test_several_faults_of_one_sale_hold_it_once(estate: Estate) -> None:
    estate.legacy.write(
        "UPDATE line SET quantity = 'odd'", "UPDATE head SET amount = 'none' WHERE number = 1"
    )
    estate.ask()
    assert estate.fill()
    held = {each.key: each.reason for each in quarantine.listed(estate.control)}
    assert sorted(held) == ['["A1",1]', '["A1",2]']
    assert held['["A1",1]'].startswith("sale.amount can")
    assert estate.stored()["sale.lines"] == set()
