"""Balances agree where both sides have the same, whatever databases stand there; what is off is named by its group, to the cent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from strangler.errors import MappingError, StranglerError
from strangler.reconcile.balances import BalanceOutcome, compare_balances, compile_balances, sides
from strangler.reconcile.confirm import Feed
from strangler.reconcile.sides import Sides
from strangler.settings import Balance

from .conftest import Make
from .landscape import Landscape

TABLES = {
    "postgresql": "CREATE TABLE item (id integer PRIMARY KEY, company char(4), booked date, amount numeric(12, 2), fee numeric,"
    " weight double precision, state text, number text); ALTER TABLE item REPLICA IDENTITY FULL",
    "mysql": "CREATE TABLE item (id integer PRIMARY KEY, company char(4), booked date, amount decimal(12, 2), fee varchar(80),"
    " weight double, state varchar(10), number varchar(20)) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    "sqlite": "CREATE TABLE item (id INTEGER PRIMARY KEY, company CHAR(4) COLLATE NOCASE, booked DATE, amount NUMERIC, fee TEXT,"
    " weight DOUBLE, state TEXT, number TEXT)",
}

ENTITY: dict[str, Any] = {
    "table": "item",
    "key": "id",
    "where": "state <> 'draft' OR state IS NULL",
    "fields": {
        "id": "id",
        "company": "company",
        "booked": "booked",
        "amount": "CAST(amount AS DECIMAL(12, 2))",
        "fee": "CAST(fee AS DECIMAL)",
        "weight": "weight",
        "state": "state",
        "number": "number",
    },
}

PAIRS = [
    "postgresql-postgresql",
    "postgresql-sqlite",
    "mysql-postgresql",
    "sqlite-sqlite",
    "sqlite-postgresql",
    "mysql/by row-sqlite",
]

COMPANIES = ["A1", "a1", "B2", "Łó", None]

LONG = "0.1234567890123456789012345"
"""A decimal with more digits than MySQL computes with of a text: such a row is added up in Python."""

PERIOD = "SUBSTR(CAST(booked AS TEXT), 1, 7)"


def items(count: int = 200) -> list[tuple[Any, ...]]:
    return [
        (
            number,
            COMPANIES[number % 5],
            None if number % 17 == 0 else f"2026-{1 + number % 3:02d}-{1 + number % 28:02d}",
            None if number % 11 == 0 else f"{number % 7 - 3}.{number % 100:02d}".replace("-0.", "-1."),
            LONG if number % 50 == 0 else f"{number}.5",
            number / 7 * (-1) ** number,
            ["open", "paid", "draft", None][number % 4],
            str(1000 + number + number // 40),
        )
        for number in range(1, count + 1)
    ]


def declared(landscape: Landscape, **section: Any) -> Any:
    section = {"of": "partner", **section}
    return compile_balances({"it": Balance.model_validate(section)}, "partners", landscape.mappings)


def compare(
    landscape: Landscape, feed: Feed | None = None, waiting: int = 0, **section: Any
) -> BalanceOutcome:
    """Compare one balance."""
    with Sides(landscape.source.reader, landscape.store.reader) as both:
        (outcome,) = compare_balances(
            declared(landscape, **section), both, feed=feed, waiting=lambda entity: waiting
        )
    return outcome


def both_sides(landscape: Landscape, **section: Any) -> list[dict[Any, tuple[Any, ...]]]:
    """Key → rows and figures, of legacy and store."""
    (balance,) = declared(landscape, **section)
    found = []
    for made, opened in (
        (sides.legacy_side, landscape.source.reader),
        (sides.store_side, landscape.store.reader),
    ):
        side = opened()
        found.append(
            {each.key: (each.rows, *each.amounts) for each in made(balance, side.dialect).groups(side)}
        )
        side.close()
    return found


def landscape_of(make: Make, pair: str) -> Landscape:
    legacy, store = pair.split("-")
    made = make(legacy, store, *TABLES[legacy.partition("/")[0]].split("; "), entity=ENTITY)
    made.legacy.insert("item", items())
    made.fill()
    return made


@pytest.fixture(params=PAIRS)
def landscape(request: pytest.FixtureRequest, make: Make) -> Landscape:
    """200 items, a quarter of them drafts, on both sides alike."""
    return landscape_of(make, request.param)


@pytest.fixture
def local(make: Make) -> Landscape:
    return landscape_of(make, "sqlite-sqlite")


def expected() -> Mapping[Any, tuple[int, Decimal, Decimal]]:
    """The truth about open items, said once more in plain Python."""
    found: dict[Any, tuple[int, Decimal, Decimal]] = defaultdict(lambda: (0, Decimal(0), Decimal(0)))
    for _, company, booked, amount, fee, _, state, _ in items():
        if state == "open":
            key = (company, booked and booked[:7])
            rows, amounts, fees = found[key]
            found[key] = (rows + 1, amounts + Decimal(amount or 0), fees + Decimal(fee))
    return found


OPEN = {
    "where": "state = 'open'",
    "by": {"company": "company", "period": PERIOD},
    "sums": {"amount": "amount", "fee": "fee"},
}


def test_both_sides_have_the_exact_sums_of_each_group(landscape: Landscape) -> None:
    legacy, store = both_sides(landscape, **OPEN)
    assert legacy == store == expected()
    assert {"A1", "a1"} <= {key[0] for key in legacy}, "collations keep letters apart"
    outcome = compare(landscape, **OPEN)
    assert (outcome.compared, outcome.different, outcome.tolerated) == (len(expected()), 0, 0)


def test_a_cent_is_named_by_its_group(landscape: Landscape) -> None:
    landscape.new.run("UPDATE partner SET amount = 1.02 WHERE id = 100")  # was -1.00
    outcome = compare(landscape, by="company", sums="amount")
    assert outcome.different == 1
    (group,) = outcome.differences
    assert group.dimensions == {"company": "A1"}
    figures = {each.name: each.difference for each in group.figures}
    assert figures == {"count": "0", "amount": "2.02"}
    assert outcome.as_json(9)["differences"][0]["figures"]["amount"]["difference"] == "2.02"


def test_a_lost_row_and_a_doubled_one_are_counted(landscape: Landscape) -> None:
    landscape.new.run(
        "DELETE FROM partner WHERE id IN (4, 9)", "INSERT INTO partner (id, company) VALUES (999, 'new')"
    )
    outcome = compare(landscape, by=["company"])
    found = {str(each): each.figures[0][1:] for each in outcome.differences}
    assert found == {"company=NULL": ("30", "28", "-2"), "company=new": ("0", "1", "1")}


def test_without_dimensions_there_is_one_total(landscape: Landscape) -> None:
    legacy, store = both_sides(landscape, sums={"weight": "weight", "twice": "amount * 2"})
    (key,) = legacy
    assert key == ()
    assert legacy[key][0] == store[key][0] == 150
    assert legacy[key][2] == store[key][2]
    assert compare(landscape, sums=["weight"]).different == 0


def test_sums_of_floats_agree_but_for_their_last_digits(landscape: Landscape) -> None:
    assert compare(landscape, by="company", sums="weight", count=False).different == 0
    landscape.new.run("UPDATE partner SET weight = weight + 0.0001 WHERE id = 8")
    assert compare(landscape, by="company", sums="weight", count=False).different == 1


NUMBER = "CAST(number AS INTEGER)"


def test_gaps_are_the_same_ranges_on_both_sides(landscape: Landscape) -> None:
    outcome = compare(landscape, gaps=NUMBER, where="state = 'open' OR company = 'B2'")
    assert (outcome.compared, outcome.different) == (1, 0)
    landscape.new.run("DELETE FROM partner WHERE id IN (12, 13, 16)")
    outcome = compare(landscape, gaps=NUMBER, where="id < 40")
    (group,) = outcome.differences
    figures = {each.name: (each.legacy, each.store) for each in group.figures}
    assert figures["least"] == ("1001", "1001")
    legacy, store = figures["gaps"]
    assert legacy.startswith("1002, 1006, 1010")  # drafts have no number here
    assert "1012–1014, 1016" in store
    assert figures["missing"] == ("10", "13")


def test_gaps_of_each_group(landscape: Landscape) -> None:
    assert compare(landscape, gaps=NUMBER, by="company").different == 0
    landscape.new.run("DELETE FROM partner WHERE id = 101")
    (group,) = compare(landscape, gaps=NUMBER, by="company").differences
    assert group.dimensions == {"company": "a1"}
    landscape.new.run("DELETE FROM partner WHERE company = 'B2'")
    found = {str(each): each.figures[0] for each in compare(landscape, gaps=NUMBER, by="company").differences}
    assert found["company=B2"] == ("least", "1007", None, None)


def test_what_differs_within_the_tolerance_is_counted_with_owner_and_reason(local: Landscape) -> None:
    local.new.run("UPDATE partner SET amount = CAST(amount + 0.04 AS TEXT) WHERE id = 100")
    allowed = {"within": 0.05, "owner": "finance", "reason": "legacy rounds lines"}
    outcome = compare(local, by="company", sums="amount", tolerance=allowed)
    assert (outcome.different, outcome.tolerated) == (0, 1)
    assert outcome.tolerances[0].dimensions == {"company": "A1"}
    assert "1 by no more than finance allows (legacy rounds lines)" in outcome.words
    local.new.run("UPDATE partner SET amount = CAST(amount + 0.02 AS TEXT) WHERE id = 105")
    assert compare(local, by="company", sums="amount", tolerance=allowed).different == 1
    local.new.run("DELETE FROM partner WHERE id = 1")
    assert compare(local, by="company", tolerance={**allowed, "rows": 1}).tolerated == 1
