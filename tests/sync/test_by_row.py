"""A database whose dialect mappings aren't compiled to is backfilled row by row: the same rows, the same keys held."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strangler.control import backfills, quarantine
from strangler.control.store import Control
from strangler.mapping import EntityMapping
from strangler.settings import Database
from strangler.shapes import Shape
from strangler.sync.backfill import Backfill, Chunk
from strangler_adapters import postgres_store, sqlite_store
from tests.reconcile.conftest import Make, make
from tests.reconcile.landscape import InDisguise, Landscape, partners

__all__ = ["make"]

ROWS = 100


@pytest.fixture(params=["postgresql", "mysql"])
def landscape(request: pytest.FixtureRequest, make: Make) -> Landscape:
    """Partners of whom two can't be translated."""
    made = make(request.param, "sqlite")
    made.legacy.insert("partner", partners(ROWS, request.param))
    made.legacy.run("UPDATE partner SET number = 'none' WHERE id IN (40, 41)")
    return made


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control.open(f"sqlite:///{tmp_path}/filled.db") as opened:
        yield opened


def filled(landscape: Landscape, source: Any, store: Any, control: Control) -> tuple[list[Any], list[Any]]:
    """What a backfill by `source` leaves: the store's rows, and the keys that are held with why."""
    (mapping,) = landscape.mappings
    store.prepare([mapping.shape])
    backfills.request(control, mapping.shape.function, mapping.shape.entity)
    assert Backfill(mapping, source, store, control, 7, 1000).run(threading.Event())
    with closing(store.reader()) as reader:
        rows = list(reader.rows(f"SELECT {names(mapping.shape)} FROM partner ORDER BY id"))
    held = sorted((each.key, each.change, each.reason) for each in quarantine.listed(control))
    return rows, held


def names(shape: Shape) -> str:
    return ", ".join(field.name for field in shape.fields)


def test_invariant_7_both_ways_fill_alike_and_hold_alike(
    landscape: Landscape, control: Control, tmp_path: Path
) -> None:
    pushed, by_row = (
        filled(landscape, source, store, where)
        for source, store, where in (
            (landscape.source, landscape.store, landscape.control),
            (InDisguise(landscape.source), sqlite_store.connect("s", Database(url=f"sqlite:///{tmp_path}/other.db")), control),
        )
    )  # fmt: skip
    assert by_row[0] == pushed[0]
    assert len(by_row[0]) == ROWS - 2
    assert [key for key, _, _ in by_row[1]] == [key for key, _, _ in pushed[1]] == ["[40]", "[41]"]
    assert [reason for _, _, reason in by_row[1]] == [reason for _, _, reason in pushed[1]]


def test_a_store_in_postgresql_is_filled_by_row_too(
    landscape: Landscape, control: Control, postgres_url: str
) -> None:
    with closing(postgres_store.connect("s", Database(url=postgres_url))) as store:
        rows, held = filled(landscape, InDisguise(landscape.source), store, control)
    assert (len(rows), len(held)) == (ROWS - 2, 2)


def test_rows_are_translated_as_they_come(landscape: Landscape) -> None:
    (mapping,) = landscape.mappings
    side = Counted(mapping)
    rows = Chunk(mapping, side, None, list).rows()
    for _ in range(5):
        next(rows)
    assert side.given == 5


class Counted:
    """A side without an end."""

    dialect = "oracle"

    def __init__(self, mapping: EntityMapping) -> None:
        self.given, self._columns = 0, mapping.columns

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        while True:
            self.given += 1
            values = {"id": self.given, "number": "1"}
            yield tuple(values.get(name) for name in self._columns)
