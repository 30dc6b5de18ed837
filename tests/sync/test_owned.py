"""What is filled from legacy are the rows that legacy owns, lines with what they stand under, on every database, and row by row too."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strangler.control import backfills, standings
from strangler.control.standings import Snapshot
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Side, Stage, Standing, at_the_start
from strangler.mapping import EntityMapping, compile_entity
from strangler.owned import Owned
from strangler.settings import Entity
from strangler.sync.backfill import Backfill
from strangler.testing.memory_store import MemoryDatabase, MemoryStore
from tests.mapping import sales
from tests.mapping.sales import Legacy

SEED = {"party": 5, "CAST(amount * 10 AS INTEGER)": 2}
"""Of rows of several cohorts by an expression, with lines."""

TABLES = {"sale": "sale", "sale.lines": "sale_lines", "sale.lines.taxes": "sale_lines_taxes"}

COHORTS: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "company": lambda row: row["company"].rstrip(),
    "party": lambda row: row["party"],
    "CAST(amount * 10 AS INTEGER)": lambda row: _whole(row["amount"]),
}
"""An expression, and what it means. The last can't be told of every row by a database, so it is told here."""


def _whole(amount: str | None) -> str | None:
    return None if amount is None else {"1.5": "15", "2": "20"}[amount]


def stands(cohort: str, owner: Side) -> Standing:
    stage = Stage.LIVE if owner is Side.NEW else Stage.SYNCING
    return replace(at_the_start("sales", cohort), stage=stage, owner=owner, left=1)


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def legacy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Legacy]:
    urls = {"postgres": "postgres_url", "mysql": "mariadb_url"}
    kind = request.param
    url = request.getfixturevalue(urls[kind]) if kind in urls else f"sqlite:///{tmp_path}/legacy.db"
    made = Legacy(kind, url, sales.EXACT)
    with closing(made.source):
        yield made


def filled(legacy: Legacy, mapping: EntityMapping, folder: Path, *where: Standing) -> MemoryDatabase:
    """A new store, filled while the function stands so."""
    database = MemoryDatabase()
    store = MemoryStore(database)
    store.prepare([mapping.shape])
    with Control.open(f"sqlite:///{folder}/control-{len(list(folder.iterdir()))}.db") as control:
        for each in where:
            standings.change(control, standings.of(control, "sales", each.cohort), each, at=1.0)
        backfills.request(control, "sales", "sale")
        source: Any = _Still(legacy.source)
        assert Backfill(mapping, source, store, control, 3, 1000).run(threading.Event())
    return database


class _Still:
    """A source in which nothing happens: its rows are read without capturing it."""

    def __init__(self, source: Any) -> None:
        self.reader = source.reader

    def safe_position(self, timeout: float) -> str:
        return "1"


def rows(
    database: MemoryDatabase, keys: set[tuple[Any, ...]] | None = None
) -> dict[str, set[tuple[Any, ...]]]:
    """Part → its rows; of these sales only."""
    held = database.held.rows
    found = {
        part: {tuple(row.values.values()) for row in held[table].values()} for part, table in TABLES.items()
    }
    return {part: {row for row in each if keys is None or row[:2] in keys} for part, each in found.items()}


@pytest.mark.parametrize("expression", COHORTS)
def test_rows_of_cohorts_that_new_owns_are_passed_over_with_their_lines(
    legacy: Legacy, expression: str, tmp_path: Path
) -> None:
    legacy.hold(sales.rows(SEED.get(expression, 5)))
    tables = legacy.source.describe(list(sales.TABLES))
    mapping = compile_entity(
        "sales", "sale", Entity.model_validate(sales.SALE), tables["head"], others=tables, cohort=expression
    )
    plain = legacy.mapping()
    assert [part.version for part in mapping.parts()] == [part.version for part in plain.parts()]
    whole = filled(legacy, mapping, tmp_path)
    means = COHORTS[expression]
    of = {tuple(row.values.values())[:2]: means(row.values) for row in whole.held.rows["sale"].values()}
    everyone = set(of)
    one, other = sorted(cohort for cohort in set(of.values()) if cohort is not None)[:2]
    assert any(rows(whole)[part] for part in ("sale.lines", "sale.lines.taxes"))
    new, legacys = stands(one, Side.NEW), stands(other, Side.LEGACY)
    found = filled(legacy, mapping, tmp_path, stands(EVERYONE, Side.LEGACY), new, legacys)
    assert rows(found) == rows(whole, {key for key in everyone if of[key] != one})
    found = filled(legacy, mapping, tmp_path, stands(EVERYONE, Side.NEW), new, legacys)
    assert rows(found) == rows(whole, {key for key in everyone if of[key] == other})


def test_entities_that_are_everybodys_go_with_the_rest_of_the_function(tmp_path: Path) -> None:
    legacy = Legacy("sqlite", f"sqlite:///{tmp_path}/legacy.db")
    with closing(legacy.source):
        legacy.hold(sales.rows(5))
        mapping = legacy.mapping()
        rest = stands(EVERYONE, Side.NEW)
        assert not any(rows(filled(legacy, mapping, tmp_path, rest, stands("A1", Side.LEGACY))).values())
        rest = stands(EVERYONE, Side.LEGACY)
        assert rows(filled(legacy, mapping, tmp_path, rest, stands("A1", Side.NEW)))["sale"]


def test_each_row_is_owned_by_one_side() -> None:
    for rest in Side:
        for one in Side:
            snapshot = Snapshot(1, (stands(EVERYONE, rest), stands("A", one), stands("B", rest)))
            for cohort in ("A", "B", "C", None):
                sides = [side for side in Side if Owned.by(side, snapshot, "sales").has(cohort)]
                assert sides == [snapshot.of_cohort("sales", cohort).owner], (rest, one, cohort)
