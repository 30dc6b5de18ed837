"""An entity over several tables is compared part by part: what legacy joins is what the store holds, whatever is missing there."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from click.testing import CliRunner

from strangler.changes import Position
from strangler.cli.main import root
from strangler.control import quarantine
from strangler.control.quarantine import Held
from strangler.reconcile.sides import Sides
from strangler.reconcile.switch import delta_check
from tests.mapping import sales

from .conftest import Make
from .landscape import Landscape

PAIRS = ["postgresql-sqlite", "mysql-postgresql", "sqlite-sqlite", "postgresql/by row-postgresql"]

HELD: sales.Rows = {
    "head": [
        ("A1", 1, "p1", "open", "1.50"), ("A1", 2, None, None, None), ("b2", 1, "p9", "draft", "3"), ("b2", 2, "P1", "open", "2"),
    ],
    "party": [("p1", " Ann", "de")],
    "lang": [("de", "German")],
    "line": [
        (1, "A1", 1, "x", "5"), (2, "A1", 1, None, None), (3, "A1", 2, "X", "7"), (4, "b2", 1, "x", "1"), (5, None, 1, "x", "1"),
        (6, "a1", 2, "x", "1"),
    ],
    "product_text": [("x", "E", "one"), ("x", "D", "eins")],
    "line_tax": [(1, "vat", 19), (1, "eco", None), (3, "vat", 7), (4, "vat", 7), (99, "vat", 7)],
}  # fmt: skip


def landscape_of(make: Make, pair: str, held: sales.Rows, entity: dict[str, Any] = sales.SALE) -> Landscape:
    legacy, store = pair.split("-")
    dialect = {"postgresql": "postgres"}.get(legacy.partition("/")[0], legacy)
    made = make(legacy, store, *sales.create(dialect), entity=entity)
    for table, rows in held.items():
        if rows:
            made.legacy.insert(table, rows)
    made.fill()
    return made


@pytest.fixture(params=PAIRS)
def landscape(request: pytest.FixtureRequest, make: Make) -> Landscape:
    """Sales on both sides, equal."""
    return landscape_of(make, request.param, HELD)


@pytest.fixture
def local(make: Make) -> Landscape:
    return landscape_of(make, "sqlite-sqlite", HELD)


def hold(landscape: Landscape, key: str) -> None:
    at = Position("5")
    quarantine.hold(landscape.control, [Held("partners", "partner", key, at, "broken", "{}", time.time())])


def test_what_was_filled_is_clean(landscape: Landscape) -> None:
    found = landscape.compare_parts()
    assert {part: (each.compared, each.drift) for part, each in found.items()} == {
        "partner": (3, 0),
        "partner.lines": (3, 0),
        "partner.lines.taxes": (3, 0),
    }


def test_a_line_that_differs_is_drift_of_its_part_alone(landscape: Landscape) -> None:
    landscape.new.run(
        "UPDATE partner_lines SET quantity = 6 WHERE line = 1",
        "DELETE FROM partner_lines_taxes WHERE tax = 'eco'",
    )
    found = landscape.compare_parts()
    assert {part: each.drift for part, each in found.items()} == {
        "partner": 0, "partner.lines": 1, "partner.lines.taxes": 1,
    }  # fmt: skip
    (line,), (tax,) = found["partner.lines"].differences, found["partner.lines.taxes"].differences
    assert (line.entity, line.key, line.fields) == ("partner.lines", '["A1",1,1]', {"quantity": (5, 6)})
    assert (tax.key, tax.kind) == ('["A1",1,1,"eco"]', "missing")


def test_what_is_joined_counts_where_it_is_read(landscape: Landscape) -> None:
    landscape.legacy.run("UPDATE lang SET title = 'Deutsch'", "UPDATE party SET name = 'Eva'")
    found = landscape.compare_parts()
    assert {part: each.different for part, each in found.items()} == {
        "partner": 1, "partner.lines": 2, "partner.lines.taxes": 0,
    }  # fmt: skip


def test_lines_of_a_sale_in_quarantine_are_not_drift(landscape: Landscape) -> None:
    landscape.legacy.run(
        "UPDATE line SET quantity = '8' WHERE id IN (1, 3)", "DELETE FROM line_tax WHERE line = 1"
    )
    landscape.new.run("INSERT INTO partner_lines (company, number, line) VALUES ('A1', 1, 77)")
    hold(landscape, '["A1",1]')
    found = landscape.compare_parts()
    assert {part: each.drift for part, each in found.items()} == {
        "partner": 0, "partner.lines": 1, "partner.lines.taxes": 0,
    }  # fmt: skip
    assert [each.key for each in found["partner.lines"].differences] == ['["A1",2,3]']
    assert [each.quarantine for each in found.values()] == [1, 0, 0]


def test_invariant_7_a_line_that_cannot_be_translated_keeps_its_sale_from_being_compared(
    landscape: Landscape,
) -> None:
    landscape.legacy.run("UPDATE line SET quantity = 'odd' WHERE id = 2")
    found = landscape.compare_parts()["partner.lines"]
    assert found.drift == 0
    (held,) = found.quarantined
    assert (held.entity, held.key) == ("partner.lines", '["A1",1]')
    assert held.reason.startswith('partner.lines ["A1",1,2]: partner.lines.quantity')


def test_the_last_changes_of_a_sale_are_looked_at_with_its_lines(landscape: Landscape) -> None:
    keys = {"partner": {'["A1",1]', '["A1",2]'}}
    with Sides(landscape.source.reader, landscape.store.reader) as sides:
        assert delta_check(landscape.mappings, sides, keys) == []
        landscape.new.run("UPDATE partner_lines SET quantity = 0")
        found = delta_check(landscape.mappings, sides, {"partner": {'["A1",2]'}})
    assert [(each.entity, each.key) for each in found] == [("partner.lines", '["A1",2,3]')]


def test_what_new_has_written_below_a_sale_would_be_lost_too(local: Landscape) -> None:
    local.new.run("INSERT INTO partner_lines (company, number, line) VALUES ('A1', 1, 77)")
    lost = local.only_in_new()
    assert (lost.extra, lost.total) == (1, 1)
    assert lost.examples[0].entity == "partner.lines"


def test_the_command_names_the_parts(local: Landscape) -> None:
    local.new.run("UPDATE partner_lines SET quantity = 6 WHERE line = 1")
    arguments = ["-c", str(local.path), "reconcile", "run", "partners", "--no-confirm"]
    shown = CliRunner().invoke(root, arguments)
    assert shown.exit_code == 1, shown.output
    assert "partner.lines.taxes" in shown.output
    assert "1 of 9 keys differ" in shown.output
    found = json.loads(CliRunner().invoke(root, [*arguments, "--format", "json"]).stdout)
    assert [each["entity"] for each in found["entities"]] == [
        "partner",
        "partner.lines",
        "partner.lines.taxes",
    ]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_there_is_is_clean_once_it_is_filled(make: Make, seed: int) -> None:
    made = landscape_of(make, "mysql-sqlite", sales.rows(seed))
    for part, outcome in made.compare_parts().items():
        assert outcome.drift == 0, part
