"""Balances agree where both sides have the same, whatever databases stand there; what is off is named by its group, to the cent."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from strangler.control import balances
from strangler.errors import MappingError, StranglerError
from strangler.reconcile.balances import BalanceOutcome, compare_balances, compile_balances, sides
from strangler.reconcile.confirm import Feed
from strangler.reconcile.showing.balances import as_tables, group_name
from strangler.reconcile.sides import Sides
from strangler.settings import Balance

from .conftest import Make
from .landscape import Landscape
from .test_parts import HELD
from .test_parts import landscape_of as sales_landscape

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
    found = {group_name(each.dimensions): each.figures[0][1:] for each in outcome.differences}
    assert found == {"company=NULL": ("30", "28", "-2"), "company=new": ("0", "1", "1")}


TEXTS = ["x", "X", "x ", "x\t", "é", "e", "", None, "ß", "😀", "\ufffd"]


def test_texts_that_a_collation_takes_for_the_same_are_groups_of_their_own(make: Make) -> None:
    for pair in ("mysql-sqlite", "sqlite-postgresql"):
        landscape = make(*pair.split("-"), TABLES[pair.partition("-")[0]], entity=ENTITY)
        rows = [(number, None, None, None, "1", 1.0, text, "1") for number, text in enumerate(TEXTS * 2)]
        landscape.legacy.insert("item", rows)
        landscape.fill()
        for found in both_sides(landscape, by="state"):
            assert found == {(text,): (2,) for text in TEXTS}
        assert compare(landscape, by="state").compared == len(TEXTS)


def test_dimensions_may_be_of_many_types(landscape: Landscape) -> None:
    by = {"day": "booked", "open": "state = 'open'", "rest": "MOD(id, 3)", "fee": "fee"}
    legacy, store = both_sides(landscape, by=by, where="id <= 60")
    assert legacy == store
    assert ("2026-02-05", "true", "1", "4.5") in legacy
    assert (None, "false", "2", "17.5") in legacy


def test_sums_outgrow_64_bits(landscape: Landscape) -> None:
    legacy, store = both_sides(landscape, sums={"much": "id * 40000000000000000"})
    (found,) = legacy.values()
    assert found == (150, 40_000_000_000_000_000 * sum(row[0] for row in items() if row[6] != "draft"))
    assert legacy == store


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


def test_numbers_below_zero_have_gaps_too(landscape: Landscape) -> None:
    for found in both_sides(landscape, gaps="id - 100"):
        ((_, least, greatest, missing, ranges),) = found.values()
        assert (least, greatest, missing) == (-99, 100, 50)
        assert ranges.shown.startswith("-98, -94, ")
        assert ranges.shown.endswith("…")


def test_gaps_of_each_group(landscape: Landscape) -> None:
    assert compare(landscape, gaps=NUMBER, by="company").different == 0
    landscape.new.run("DELETE FROM partner WHERE id = 101")
    (group,) = compare(landscape, gaps=NUMBER, by="company").differences
    assert group.dimensions == {"company": "a1"}
    landscape.new.run("DELETE FROM partner WHERE company = 'B2'")
    found = {
        group_name(each.dimensions): each.figures[0]
        for each in compare(landscape, gaps=NUMBER, by="company").differences
    }
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


def test_a_row_without_a_value_is_counted_apart(landscape: Landscape) -> None:
    """The same on both sides is no difference; on one side it is."""
    odd = {"sums": {"left": "CAST(state AS INTEGER)"}, "where": "id <= 8 AND state IS NOT NULL"}
    legacy, store = both_sides(landscape, **odd)
    assert legacy[None] == store[None] == (4, Decimal(0))
    assert compare(landscape, **odd).different == 0
    landscape.new.run("UPDATE partner SET state = '7' WHERE id = 4")
    outcome = compare(landscape, **odd)
    assert [group_name(each.dimensions) for each in outcome.differences] == ["(no value)", "(all)"]
    assert outcome.differences[0].figures == (("count", "4", "3", "-1"),)


def test_what_cannot_be_added_up_has_no_value(make: Make) -> None:
    landscape = landscape_of(make, "postgresql-sqlite")
    landscape.legacy.run(
        "UPDATE item SET weight = 'NaN' WHERE id = 4", "UPDATE item SET weight = 'Infinity' WHERE id = 8"
    )
    landscape.new.run(
        "UPDATE partner SET weight = 'NaN' WHERE id = 4",
        "UPDATE partner SET weight = 'Infinity' WHERE id = 8",
    )
    legacy, store = both_sides(landscape, sums=["weight"])
    assert legacy[None][0] == store[None][0] == 2
    assert compare(landscape, sums=["weight"]).different == 0
    assert compare(landscape, where="weight > 0").different == 0


def test_a_row_that_cannot_be_translated_is_in_no_group(local: Landscape) -> None:
    """It waits in quarantine: what it explains is said, and the store's row, which is older, stays a difference."""
    local.legacy.run("UPDATE item SET fee = 'free' WHERE id = 4")
    outcome = compare(local, by="state", waiting=1)
    assert [group_name(each.dimensions) for each in outcome.differences] == ["state=open"]
    assert "1 keys of partner wait in quarantine" in outcome.words


def test_a_ledger_goes_around_the_mapping(landscape: Landscape) -> None:
    month = {"mysql": "DATE_FORMAT(booked, '%Y-%m')", "sqlite": "substr(booked, 1, 7)"}.get(
        landscape.legacy.kind, "to_char(booked, 'YYYY-MM')"
    )
    ledger = {
        "legacy": f"SELECT TRIM(company) AS company, {month} AS period, SUM(amount) AS amount, COUNT(*) AS count FROM item"
        f" WHERE state = 'open' GROUP BY {'BINARY ' if landscape.legacy.kind == 'mysql' else ''}company, {month};",
        "where": "state = 'open'",
        "by": {"company": "company", "period": PERIOD},
        "sums": "amount",
        "count": True,
    }
    if landscape.legacy.kind == "sqlite":
        ledger["legacy"] = ledger["legacy"].replace("GROUP BY company", "GROUP BY company COLLATE BINARY")
    outcome = compare(landscape, **ledger)
    assert (outcome.compared, outcome.different) == (len(expected()), 0), outcome.differences
    landscape.new.run("UPDATE partner SET company = 'A1' WHERE id = 4")
    found = {
        group_name(each.dimensions): each.figures[0].difference
        for each in compare(landscape, **ledger).differences
    }
    assert found == {"company=NULL, period=2026-02": "-1", "company=A1, period=2026-02": "1"}


def test_sensitive_dimensions_and_figures_are_masked(make: Make) -> None:
    fields = {
        **ENTITY["fields"],
        "state": {"value": "state", "sensitive": True},
        "fee": {"value": "fee", "sensitive": True},
    }
    made = make("sqlite", "sqlite", TABLES["sqlite"], entity={**ENTITY, "fields": fields, "where": "id < 5"})
    made.legacy.insert("item", items())
    made.fill()
    made.new.run("UPDATE partner SET fee = '9' WHERE id = 4")
    (group,) = compare(made, by="state", sums={"fee": "CAST(fee AS DECIMAL) * 2"}).differences
    assert group_name(group.dimensions) == "state=***"
    assert group.figures[1:] == (("fee", "***", "***", "***"),)


def test_more_groups_than_may_be_held_are_refused_not_guessed(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sides, "MOST_GROUPS", 20)
    for pair in ("mysql/by row-sqlite", "postgresql/by row-postgresql"):
        landscape = landscape_of(make, pair)
        for figures in (
            {"by": "id"},
            {"gaps": "id"},
            {"by": "id", "legacy": "SELECT id, 1 AS count FROM item", "count": True},
        ):
            with pytest.raises(StranglerError, match="more than 20 groups"):
                compare(landscape, **figures)
        assert compare(landscape, by="company").different == 0


def test_children_are_added_up_too(make: Make) -> None:
    landscape = sales_landscape(make, "postgresql-sqlite", HELD)
    by = {"company": "company", "text": "text"}
    outcome = compare(landscape, of="partner.lines", by=by, sums="quantity")
    assert (outcome.compared, outcome.different) == (2, 0)
    landscape.new.run("UPDATE partner_lines SET quantity = 6 WHERE line = 1")
    (group,) = compare(landscape, of="partner.lines", by=by, sums="quantity").differences
    assert (group_name(group.dimensions), group.figures[1]) == (
        "company=A1, text=one",
        ("quantity", "5", "6", "1"),
    )


WRONG = [
    ({"by": {"x": "compny"}}, "by.x", "there is no column 'compny'"),
    ({"by": "weight"}, "by.weight", "by which nothing can be grouped"),
    ({"sums": {"x": "state"}}, "sums.x", "not a number"),
    ({"where": "amount"}, "where", "not a condition"),
    ({"gaps": "number"}, "gaps", "not an integer"),
    ({"of": "partnr"}, "of", "there is no entity 'partnr'"),
    ({"by": {"x": "LOOKUP(currency, state)"}}, "by.x", "there is no code map"),
]


@pytest.mark.parametrize(("section", "path", "words"), WRONG, ids=[str(each[0]) for each in WRONG])
def test_what_is_wrong_is_told_with_its_path(
    local: Landscape, section: dict[str, Any], path: str, words: str
) -> None:
    with pytest.raises(MappingError) as error:
        declared(local, **section)
    (problem,) = error.value.problems
    assert problem.path == f"functions.partners.balances.it.{path}"
    assert words in problem.what


def shown(outcomes: list[BalanceOutcome], limit: int) -> list[str]:
    """The lines that people read, without the blanks between columns."""
    console = Console(file=io.StringIO(), width=300)
    console.print(as_tables([each.recorded for each in outcomes], limit))
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_people_read_the_groups_with_the_figures_that_differ(local: Landscape) -> None:
    local.new.run(
        "UPDATE partner SET amount = '1.02' WHERE id = 100", "DELETE FROM partner WHERE id IN (1, 3)"
    )
    allowed = {"within": 2.5, "owner": "finance", "reason": "a known error"}
    outcome = compare(local, by="company", sums="amount", tolerance=allowed)
    assert shown([outcome], 1) == [
        "balance of groups different tolerated in flight unsettled",
        "it partner 5 2 1 0 0",
        "it: finance allows it: a known error",
        "balance group that differs figure legacy store difference",
        "it company=a1 count 30 29 -1",
        "amount -6.04 -4.03 2.01",
        "it … and 1 more",
        "balance group that is tolerated figure legacy store difference",
        "it company=A1 amount 7.2 9.22 2.02",
    ]


def test_what_was_found_is_kept_with_the_run(local: Landscape) -> None:
    local.new.run("DELETE FROM partner WHERE id = 4")
    outcome = compare(local, by="company")
    balances.record(local.control, 7, [outcome.recorded])
    (kept,) = balances.of_run(local.control, 7)
    assert (kept.name, kept.compared, kept.different) == ("it", 5, 1)
    assert kept.outcome["differences"] == [
        {
            "dimensions": {"company": None},
            "figures": {"count": {"legacy": "30", "store": "29", "difference": "-1"}},
        }
    ]
