"""Rows are compared cohort by cohort: what a switch asks about one says nothing of the others, on every pair of databases."""

from __future__ import annotations

from typing import Any

import pytest

from strangler.mapping import compile_entity
from strangler.owned import EVERYTHING, Owned
from strangler.reconcile.balances import compare_balances, compile_balances
from strangler.reconcile.entity import How
from strangler.reconcile.sides import Sides
from strangler.reconcile.switch import delta_check
from strangler.settings import Balance, Entity
from tests.mapping import sales

from .conftest import Make
from .landscape import Landscape
from .test_parts import HELD, landscape_of

ONE, OTHERS = Owned(frozenset({"A1"}), included=True), Owned(frozenset({"A1"}), included=False)


NAMED = {"company": "A1", "CAST(CASE company WHEN 'A1' THEN '1' ELSE '2' END AS INTEGER)": "1"}
"""Expressions of the cohort, told by the databases and told here, with what they call company A1."""


@pytest.fixture(params=NAMED)
def expression(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def landscape(make: Make, pair: str, expression: str) -> Landscape:
    """Sales on both sides, equal; with companies as cohorts."""
    made = landscape_of(make, pair, HELD)
    tables = made.source.describe(list(sales.TABLES))
    entity = Entity.model_validate(sales.SALE)
    made.mappings = [
        compile_entity("partners", "partner", entity, tables["head"], others=tables, cohort=expression)
    ]
    return made


@pytest.fixture
def sliced(expression: str) -> tuple[Owned, Owned]:
    """The rows of company A1, and those of all others."""
    names = frozenset({NAMED[expression]})
    return Owned(names, included=True), Owned(names, included=False)


@pytest.fixture(params=["mysql-postgresql", "sqlite-sqlite"])
def pair(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def drift(landscape: Landscape, owned: Owned) -> dict[str, int]:
    return {each.entity: each.drift for each in landscape.compare_all(How(owned=owned))}


def test_what_differs_in_one_cohort_is_no_drift_of_the_others(
    landscape: Landscape, sliced: tuple[Owned, Owned]
) -> None:
    one, others = sliced
    nothing = {"partner": 0, "partner.lines": 0, "partner.lines.taxes": 0}
    assert drift(landscape, one) == drift(landscape, others) == drift(landscape, EVERYTHING) == nothing
    landscape.new.run(
        "UPDATE partner SET amount = '9' WHERE company = 'A1' AND number = 1",
        "INSERT INTO partner_lines (company, number, line) VALUES ('A1', 1, 77)",
        "DELETE FROM partner_lines_taxes WHERE tax = 'eco'",
    )
    found = {"partner": 1, "partner.lines": 1, "partner.lines.taxes": 1}
    assert drift(landscape, one) == drift(landscape, EVERYTHING) == found
    assert drift(landscape, others) == nothing
    landscape.new.run("DELETE FROM partner WHERE company = 'b2'")
    assert drift(landscape, one) == found
    assert drift(landscape, others)["partner"] == 1


@pytest.mark.parametrize(
    "section", [{"of": "partner", "sums": {"amount": "amount"}}, {"of": "partner.lines"}]
)
def test_balances_are_of_the_rows_of_a_cohort(
    landscape: Landscape, sliced: tuple[Owned, Owned], section: dict[str, Any]
) -> None:
    declared = compile_balances({"it": Balance.model_validate(section)}, "partners", landscape.mappings)

    def different(owned: Owned) -> int:
        with Sides(landscape.source.reader, landscape.store.reader) as both:
            (found,) = compare_balances(declared, both, feed=None, waiting=lambda entity: 0, owned=owned)
        assert found.compared == 1
        return found.different

    one, others = sliced
    assert [different(each) for each in (one, others, EVERYTHING)] == [0, 0, 0]
    landscape.new.run(
        "UPDATE partner SET amount = '9' WHERE company = 'A1' AND number = 1",
        "INSERT INTO partner_lines (company, number, line) VALUES ('A1', 1, 77)",
    )
    assert [different(each) for each in (one, others, EVERYTHING)] == [1, 0, 1]


def test_a_switch_of_one_cohort_asks_about_its_rows_only(
    landscape: Landscape, sliced: tuple[Owned, Owned]
) -> None:
    one, others = sliced
    landscape.new.run("UPDATE partner SET amount = '9' WHERE company = 'b2'")
    keys = {"partner": {'["A1",1]', '["b2",2]'}}
    with Sides(landscape.source.reader, landscape.store.reader) as sides:
        assert delta_check(landscape.mappings, sides, keys, owned=one) == []
        found = delta_check(landscape.mappings, sides, keys, owned=others)
    assert [each.key for each in found] == ['["b2",2]']
    assert landscape.only_in_new(one).total == 0
    assert landscape.only_in_new(others).total == 1


def test_entities_that_are_everybodys_are_compared_with_the_rest(make: Make) -> None:
    local = landscape_of(make, "sqlite-sqlite", HELD)
    local.new.run("DELETE FROM partner")
    assert local.only_in_new(ONE).total == 0
    assert local.only_in_new(OTHERS).total > 0
