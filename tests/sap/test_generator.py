"""The example's generator: the rows that it makes look as SAP's do, odd ones included, and both databases take them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from itertools import pairwise

import pytest
from click.testing import CliRunner

from examples.sap import documents, generate, money
from examples.sap.database import SCHEMA, Database
from examples.sap.documents import Document
from examples.sap.tables import ADRC, CLIENT, KNA1, KNB1, MAKT, NO_DATE, T005T, TCURX, VBAK, VBAP, VBEP, Row
from strangler.errors import Refused

LINES = 20_000


@pytest.fixture(scope="module")
def made() -> tuple[list[Row], list[Document]]:
    """Master data and documents of a small company."""
    rows, sales = generate.master_rows(LINES, seed=1)
    return rows, list(generate.order_documents(LINES, 1, sales))


def of(rows: list[Row], table: type[Row]) -> Iterator[Row]:
    return (row for row in rows if isinstance(row, table))


def test_the_same_seed_gives_the_same_rows_and_another_one_others() -> None:
    def rows(seed: int) -> tuple[list[Row], list[Document]]:
        masters, sales = generate.master_rows(500, seed)
        return masters, list(generate.order_documents(500, seed, sales))

    assert rows(1) == rows(1)
    assert rows(1)[0] != rows(2)[0]
    assert rows(1)[1] != rows(2)[1]


def test_there_are_exactly_as_many_lines_as_were_asked_for(made: tuple[list[Row], list[Document]]) -> None:
    assert sum(len(each.items) for each in made[1]) == LINES


def test_numbers_go_up_and_keep_their_zeros(made: tuple[list[Row], list[Document]]) -> None:
    numbers = [each.header.vbeln for each in made[1]]
    assert {len(each) for each in numbers} == {10}
    assert all(int(after) == int(before) + 1 for before, after in pairwise(numbers))
    assert {len(item.posnr) for each in made[1] for item in each.items} == {6}
    assert {len(line.etenr) for each in made[1] for line in each.schedules} == {4}


def test_an_order_is_worth_what_its_lines_are_that_are_not_rejected(
    made: tuple[list[Row], list[Document]],
) -> None:
    for each in made[1]:
        lines = sum(Decimal(item.netwr) for item in each.items if item.abgru == " ")
        assert Decimal(each.header.netwr) == lines


@pytest.mark.parametrize(
    ("currency", "units", "meant"), [("EUR", 1234, "12.34"), ("JPY", 1234, "1234"), ("KWD", 1234, "1.234")]
)
def test_an_amount_is_stored_with_two_decimals_whatever_the_currency_has(
    currency: str, units: int, meant: str
) -> None:
    assert money.stored(units) == "12.34"
    assert Decimal(money.stored(units)).scaleb(2 - money.DECIMALS.get(currency, 2)) == Decimal(meant)


@pytest.mark.parametrize(
    ("units", "per", "thousandths", "costs"), [(999, 1, 2000, 1998), (125, 100, 2000, 3), (1, 1, 499, 0)]
)
def test_a_price_is_for_so_many_units_and_a_half_goes_up(
    units: int, per: int, thousandths: int, costs: int
) -> None:
    assert money.net(units, per, thousandths) == costs


def test_every_schedule_line_has_an_item_and_confirms_no_more_than_was_asked(
    made: tuple[list[Row], list[Document]],
) -> None:
    for each in made[1]:
        asked = {item.posnr: Decimal(item.kwmeng) for item in each.items}
        confirmed = dict.fromkeys(asked, Decimal(0))
        for line in each.schedules:
            confirmed[line.posnr] += Decimal(line.bmeng)
        assert all(confirmed[position] <= asked[position] for position in asked)


def test_the_odd_values_of_an_sap_are_there(made: tuple[list[Row], list[Document]]) -> None:
    rows, orders = made
    heads = [each.header for each in orders]
    items = [item for each in orders for item in each.items]
    schedules = [line for each in orders for line in each.schedules]
    general = [row for row in rows if isinstance(row, KNA1) and row.mandt == CLIENT]
    addresses = {row.addrnumber for row in rows if isinstance(row, ADRC)}
    companies = [row for row in rows if isinstance(row, KNB1)]
    odd = {
        "no partner": any(head.kunnr == " " for head in heads),
        "no lines": any(not each.items for each in orders),
        "no date": any(head.vdatu == NO_DATE for head in heads),
        "a blank for a date": any(head.bstdk == " " for head in heads),
        "the end of time": any(head.gueen == "99991231" for head in heads),
        "not an order": {head.vbtyp for head in heads} > {documents.ORDER},
        "without decimals": {"JPY", "CLP"} <= {head.waerk for head in heads},
        "three decimals": {"KWD", "TND"} <= {head.waerk for head in heads},
        "rejected": any(item.abgru != " " for item in items),
        "free": any(item.netwr == "0.00" for item in items),
        "priced by the hundred": any(item.kpein == "100" for item in items),
        "a zero of its own": any(item.matnr.startswith("0815-") for item in items),
        "nothing on a day": any(line.wmeng == line.bmeng == "0.000" for line in schedules),
        "later than wanted": any(line.etenr == "0002" for line in schedules),
        "deleted": any(row.loevm == "X" for row in companies),
        "blocked": any(row.sperr == "X" for row in companies) and any(row.sperr == "X" for row in general),
        "no address": any(row.adrnr == " " for row in general),
        "two addresses": {row.nation for row in rows if isinstance(row, ADRC)} == {" ", "I"},
        "NULL beside a blank": {None, " "} < {row.zzsegment for row in general},
        "a number that is a name": any(row.kunnr.startswith("CPD") for row in general),
        "beyond latin1": any(row.ort01 == "東京都" for row in general),
        "another client": {row.mandt for row in companies} == {"100", CLIENT},
    }
    assert [what for what, there in odd.items() if not there] == []
    assert {row.adrnr for row in general} >= addresses
    assert len({row.currkey for row in rows if isinstance(row, TCURX)}) == len(money.DECIMALS)


@pytest.mark.parametrize("kind", ["postgres_url", "mariadb_url"])
def test_both_databases_take_every_row(kind: str, request: pytest.FixtureRequest) -> None:
    with closing(Database(request.getfixturevalue(kind))) as database:
        count = generate.fill(database, 2_000, seed=3)
        rows, sales = generate.master_rows(2_000, seed=3)
        orders = list(generate.order_documents(2_000, 3, sales))
        assert count == len(orders)
        for table in (KNA1, KNB1, ADRC, TCURX, T005T, MAKT):
            ((there,),) = database.all(f"SELECT count(*) FROM {table.__name__.lower()}")
            assert there == len(list(of(rows, table))), table
        for name, expected in (
            ("vbak", len(orders)),
            ("vbap", 2_000),
            ("vbep", sum(len(each.schedules) for each in orders)),
        ):
            assert database.all(f"SELECT count(*) FROM {name} WHERE mandt = %s", CLIENT) == [(expected,)]
        ((blank,),) = database.all("SELECT count(*) FROM vbak WHERE kunnr = ''")
        assert blank == 0, "a blank has become nothing"


def test_the_rows_have_columns_of_the_schema_in_its_order() -> None:
    schema = SCHEMA.read_text("utf-8")
    for table in (KNA1, KNB1, ADRC, TCURX, T005T, MAKT, VBAK, VBAP, VBEP):
        definition = schema.split(f"CREATE TABLE {table.__name__.lower()} (", 1)[1].split("\n);", 1)[0]
        columns = [line.split()[0] for line in definition.strip().splitlines()]
        assert [column for column in columns if column in table._fields] == list(table._fields)


def test_a_database_that_has_tables_already_is_refused(postgres_url: str) -> None:
    with closing(Database(postgres_url)) as database:
        database.make_tables()
    with closing(Database(postgres_url)) as database, pytest.raises(Refused, match="can't be made"):
        generate.fill(database, 10, seed=1)


def test_the_command_says_what_it_made(postgres_url: str) -> None:
    result = CliRunner().invoke(generate.main, ["--url", postgres_url, "--lines", "100"])
    assert result.exit_code == 0, result.output
    assert "with 100 lines in" in result.output
