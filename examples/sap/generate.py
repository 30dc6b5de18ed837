"""Fill a database with an SAP of any size.

    python -m examples.sap.generate --url postgresql://… --lines 1000000

The same seed and size give the same rows. Customers and materials grow with the lines: a customer for a hundred of them, a material for
five hundred.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from random import Random
from typing import Final

import click

from examples.sap import documents, masters
from examples.sap.database import Database
from examples.sap.documents import Document
from examples.sap.tables import OTHER_CLIENT, Row
from strangler.errors import StranglerError

FIRST_ORDER: Final = 10_001
_BATCH: Final = 20_000
"""Items of one transaction."""


def order_number(at: int) -> str:
    """The `at`-th document's number, padded to ten digits."""
    return f"{FIRST_ORDER + at:010d}"


def master_rows(lines: int, seed: int) -> tuple[list[Row], list[documents.Sale]]:
    """The master data for so many lines, and who may buy from whom."""
    random = Random(f"masters {seed}")
    numbers = masters.material_numbers(_materials(lines))
    rows = [*masters.customizing(), *masters.texts(numbers), *masters.strangers(5)]
    buyers: list[tuple[str, tuple[str, ...]]] = []
    for customer, held in masters.customers(random, max(60, lines // 100)):
        rows.extend(held)
        buyers.append((customer.number, customer.companies))
    return rows, documents.sales(buyers)


def order_documents(lines: int, seed: int, sales: list[documents.Sale]) -> Iterator[Document]:
    """Documents until there are exactly so many items in all."""
    random = Random(f"documents {seed}")
    numbers = masters.material_numbers(_materials(lines))
    left, at = lines, 0
    while left:
        items = min(documents.size(random), left)
        sale = sales[int(random.random() * len(sales))]
        yield documents.document(random, order_number(at), sale, numbers, items)
        left, at = left - items, at + 1


def _materials(lines: int) -> int:
    return max(40, lines // 500)


def fill(database: Database, lines: int, seed: int) -> int:
    """Make the tables and fill them. How many documents there are then."""
    database.make_tables()
    rows, sales = master_rows(lines, seed)
    database.load(rows)
    batch: list[Document] = []
    made = items = 0
    for each in order_documents(lines, seed, sales):
        batch.append(each)
        items += len(each.items)
        if items >= _BATCH:
            made += _store(database, batch)
            batch, items = [], 0
    made += _store(database, batch)
    _fill_other_client(database, islice(order_documents(lines, seed, sales), 20))
    database.analyze()
    return made


def _store(database: Database, batch: list[Document]) -> int:
    database.load(each.header for each in batch)
    database.load(chain.from_iterable(each.items for each in batch))
    database.load(chain.from_iterable(each.schedules for each in batch))
    database.commit()
    return len(batch)


def _fill_other_client(database: Database, documents: Iterable[Document]) -> None:
    """Some documents stand in another client too, under the same numbers."""
    for each in documents:
        rows: list[Row] = [each.header, *each.items, *each.schedules]
        database.load(row._replace(mandt=OTHER_CLIENT) for row in rows)  # type: ignore[call-arg]
    database.commit()


@click.command()
@click.option("--url", required=True, help="An empty PostgreSQL or MariaDB database.")
@click.option(
    "--lines", type=click.IntRange(min=1), default=1_000_000, show_default=True, help="Items of documents."
)
@click.option("--seed", type=int, default=1, show_default=True)
def main(url: str, lines: int, seed: int) -> None:
    """Make SAP's tables and fill them."""
    started = time.monotonic()
    with closing(Database(url)) as database:
        made = fill(database, lines, seed)
    click.echo(f"{made:,} documents with {lines:,} lines in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    try:
        main()
    except StranglerError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
