"""Slices of a table hold each of its rows exactly once, whatever the table is, and go on from where one was left."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import Any

import pytest

from strangler.mapping.canonical import quote
from strangler.mapping.legacy import statement, table_of
from strangler.ports import SqlSide
from strangler.reconcile import slicing
from strangler.reconcile.slicing import Blocks, Ranges, Slicing, Whole

from .conftest import Make
from .landscape import Landscape

PLAIN = "CREATE TABLE partner (id integer PRIMARY KEY, name varchar(20))"
PARTITIONED = (
    "CREATE TABLE partner (id integer PRIMARY KEY, name text) PARTITION BY RANGE (id)",
    "CREATE TABLE low PARTITION OF partner FOR VALUES FROM (0) TO (150)",
    "CREATE TABLE high PARTITION OF partner FOR VALUES FROM (150) TO (10000)",
)
INHERITED = (PLAIN, "CREATE TABLE special (more text, PRIMARY KEY (id)) INHERITS (partner)")
COMPOSITE = "CREATE TABLE partner (name varchar(20) NOT NULL, id integer NOT NULL, PRIMARY KEY (name, id))"

ENTITY: dict[str, Any] = {"table": "partner", "key": "id", "fields": {"id": "id", "name": "name"}}


def filled(make: Make, pair: str, *statements: str) -> Landscape:
    """400 rows."""
    legacy, store = pair.split("-")
    entity = ENTITY | {"key": ["id", "name"]} if statements == (COMPOSITE,) else ENTITY
    landscape = make(legacy, store, *statements, entity=entity)
    columns = "(name, id)" if statements == (COMPOSITE,) else "(id, name)"
    rows = [(f"n{n % 7}", n) if statements == (COMPOSITE,) else (n, f"n{n % 7}") for n in range(400)]
    values = ", ".join(str(row) for row in rows)
    landscape.legacy.run(f"INSERT INTO partner {columns} VALUES {values}")
    return landscape


def sliced(side: SqlSide, cut: Slicing, name: str, size: int, *, anew: Any = None) -> Counter[int]:
    """How often each row is in a slice. `anew`: makes the slicing again before each slice, as another process does."""
    seen: Counter[int] = Counter()
    after, last = None, 0.0
    while True:
        piece = (anew() if anew else cut).next(side, after, size)
        where = f" WHERE {piece.condition}" if piece.condition else ""
        seen.update(int(row[0]) for row in side.rows(f"SELECT id FROM {name}{where}"))
        assert piece.share is None or last <= piece.share <= 1.0
        last, after = piece.share or last, piece.after
        if after is None:
            return seen


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("pair", "statements", "kind"),
    [
        ("postgresql-sqlite", (PLAIN,), Blocks),
        ("postgresql-sqlite", PARTITIONED, Ranges),
        ("postgresql-sqlite", INHERITED, Ranges),
        ("postgresql-sqlite", (COMPOSITE,), Blocks),
        ("mysql-sqlite", (PLAIN,), Ranges),
        ("mysql-sqlite", (COMPOSITE,), Ranges),
        ("sqlite-sqlite", (PLAIN,), Ranges),
        ("sqlite-sqlite", (COMPOSITE,), Ranges),
    ],
)
def test_each_legacy_row_is_in_one_slice(
    make: Make, pair: str, statements: tuple[str, ...], kind: type, size: int
) -> None:
    landscape = filled(make, pair, *statements)
    table = landscape.mappings[0].table
    with closing(landscape.source.reader()) as side:
        name = statement(table_of(table), side.dialect)

        def cut() -> Slicing:
            return slicing.of_legacy(side, table, name, joined=False)

        assert isinstance(cut(), kind)
        assert sliced(side, cut(), name, size, anew=cut) == Counter(range(400))


@pytest.mark.parametrize("pair", ["sqlite-sqlite", "sqlite-postgresql"])
def test_each_row_of_a_store_is_in_one_slice(make: Make, pair: str) -> None:
    landscape = filled(make, pair, PLAIN)
    landscape.fill()
    shape = landscape.mappings[0].shape
    with closing(landscape.store.reader()) as side:
        name = quote(shape.table)
        for size in (1, 7, 1000):
            assert sliced(side, slicing.of_store(side, shape, name), name, size) == Counter(range(400))


def test_what_has_no_blocks_and_no_key_is_read_in_one_piece(make: Make) -> None:
    landscape = filled(make, "postgresql-sqlite", PLAIN)
    landscape.legacy.run("CREATE VIEW shown AS SELECT * FROM partner")
    table = landscape.source.describe(["shown"]).get("shown")
    assert table is None or table.key == ()
    with closing(landscape.source.reader()) as side:
        view = landscape.mappings[0].table.__class__("shown", landscape.mappings[0].table.columns, ())
        cut = slicing.of_legacy(side, view, '"shown"', joined=False)
        assert isinstance(cut, Whole)
        assert sliced(side, cut, '"shown"', 1) == Counter(range(400))


def test_rows_that_are_added_behind_the_end_while_it_is_cut_are_in_the_last_slice(make: Make) -> None:
    landscape = filled(make, "postgresql-sqlite", PLAIN)
    with closing(landscape.source.reader()) as side:
        cut = slicing.of_legacy(side, landscape.mappings[0].table, '"partner"', joined=False)
        landscape.legacy.run("INSERT INTO partner SELECT n, 'later' FROM generate_series(400, 5000) AS n")
        assert sliced(side, cut, '"partner"', 1) == Counter(range(5001))
