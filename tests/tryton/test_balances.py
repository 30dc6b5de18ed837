"""Balances say what Tryton's own reports say: trial balance, open receivables and stock, on the legacy side and in the stores; and they
name the group in which a store is a cent or a move off.

Four figures are held to each other that were come to in different ways: Tryton's Python (its reports), its tables added up by SQL
(`legacy` of a balance), the mapping added up in its database, and the stores.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

import psycopg
import pytest

from examples.tryton import books
from examples.tryton.books import entries, reports
from examples.tryton.books.entries import Books
from strangler import assembly
from strangler.control import quarantine
from strangler.reconcile import runs
from strangler.reconcile.balances import BalanceOutcome, compare_balances, sides
from strangler.reconcile.sides import Sides
from strangler.testing.postgres import server
from tests.chaos import proof
from tests.tryton.scene import Play, Scene, scene

pytestmark = [pytest.mark.nightly, pytest.mark.slow, pytest.mark.timeout(600)]

SEED: Final = 20261130
PLAY: Final = Play(
    Path(books.__file__).with_name("strangler.yaml"),
    ("ledger", "stock"),
    ("account_invoice", "account_product", "stock"),
)
NOTHING: Final = Decimal(0)
PATIENCE: Final = 60.0

Kept = tuple[Scene, Books]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """A Tryton with books, the stores filled from it; some of it is booked while the worker runs."""
    with server() as private, scene(private, tmp_path_factory.mktemp("books"), PLAY) as running:
        opened = entries.open_books(running.session())
        entries.keep(opened, SEED, range(1, 4), invoices=10, expenses=8, moves=20)
        for function in PLAY.functions:
            running.strangler("advance", function, "--to", "syncing")
        worker = running.worker()
        worker.start()
        try:
            for function in PLAY.functions:
                proof.converged(running.settings, function)
            entries.keep(opened, SEED + 1, range(4, 5), invoices=4, expenses=4, moves=8)
            for function in PLAY.functions:
                proof.converged(running.settings, function)
            yield running, opened
        finally:
            worker.stop()


def compared(running: Scene, function: str) -> dict[str, BalanceOutcome]:
    """The balances of a function, confirmed behind positions of the source."""
    settings, section = running.settings, running.settings.functions[function]
    with (
        closing(assembly.control(settings)) as control,
        closing(assembly.source(settings, section.source)) as source,
        closing(assembly.store(settings, section.store)) as store,
        Sides(source.reader, store.reader) as both,
    ):
        declared = assembly.balances(settings, function, assembly.mappings(settings, function, source))
        found = compare_balances(
            declared, both, feed=runs.feed_of(control, function, source, PATIENCE),
            waiting=lambda entity: len(quarantine.keys(control, function, entity)),
        )  # fmt: skip
    return {outcome.name: outcome for outcome in found}


def figures(running: Scene, function: str, name: str) -> list[dict[tuple[str | None, ...], tuple[Any, ...]]]:
    """The groups of a balance with their sums, without the company they all belong to: of the legacy side and of the store."""
    settings, section = running.settings, running.settings.functions[function]
    found = []
    with (
        closing(assembly.source(settings, section.source)) as source,
        closing(assembly.store(settings, section.store)) as store,
    ):
        declared = assembly.balances(settings, function, assembly.mappings(settings, function, source))
        (balance,) = (each for each in declared if each.name == name)
        shared = len({"company", "currency"} & set(balance.dimensions))
        for made, opened in ((sides.legacy_side, source.reader), (sides.store_side, store.reader)):
            with closing(opened()) as side:
                groups = made(balance, side.dialect).groups(side)
                found.append({(each.key or ())[shared:]: each.amounts for each in groups})
    return found


def change(running: Scene, function: str, statement: str) -> Any:
    """Change a store behind everybody's back; gives the row that the statement returns."""
    with psycopg.connect(running.stores[function], autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchone()


def test_every_balance_agrees(kept: Kept) -> None:
    running, _ = kept
    running.strangler("config", "check")
    found = compared(running, "ledger") | compared(running, "stock")
    assert {name: each.different for name, each in found.items()} == dict.fromkeys(found, 0)
    assert all(each.compared for each in found.values())
    assert sum(each.quarantined for each in found.values()) == 0


def test_the_trial_balance_is_that_of_tryton(kept: Kept) -> None:
    running, opened = kept
    expected = reports.trial_balance(opened.session)
    assert len({account for account, _ in expected}) >= 4
    assert len({period for _, period in expected}) == 4
    for groups in figures(running, "ledger", "trial_balance"):
        assert groups == expected
    balance = {key: debit - credit for key, (debit, credit) in expected.items()}
    for groups in figures(running, "ledger", "general_ledger"):
        assert {key: amounts[0] for key, amounts in groups.items()} == balance


def test_open_receivables_are_those_of_tryton(kept: Kept) -> None:
    running, opened = kept
    expected = reports.receivables(opened.session)
    assert len(expected) >= 3
    for groups in figures(running, "ledger", "receivables"):
        assert {party: amount for (party,), (amount,) in groups.items() if amount} == expected


def test_stock_is_that_of_tryton(kept: Kept) -> None:
    running, opened = kept
    expected = reports.stock(opened.session)
    assert len({location for _, location in expected}) == 4
    received, issued = figures(running, "stock", "received"), figures(running, "stock", "issued")
    for came, went in zip(received, issued, strict=True):
        assert _left(came, went) == expected


def test_a_cent_in_the_store_is_named_by_account_and_period(kept: Kept) -> None:
    running, _ = kept
    account, period, line = change(
        running, "ledger",
        "UPDATE line SET debit = debit + 0.01 WHERE line_id = (SELECT max(line_id) FROM line WHERE posted AND debit > 0)"
        " RETURNING account, period, line_id",
    )  # fmt: skip
    try:
        found = compared(running, "ledger")
    finally:
        change(running, "ledger", f"UPDATE line SET debit = debit - 0.01 WHERE line_id = {line} RETURNING 1")
    for name, figure in (("trial_balance", "debit"), ("general_ledger", "balance")):
        (group,) = found[name].differences
        assert {**(group.dimensions or {})}.items() >= {"account": account, "period": period}.items()
        assert {each.name: each.difference for each in group.figures}[figure] == "0.01"
        assert found[name].position is not None
    assert found["documents"].different == 0


def test_a_lost_move_of_goods_is_named_by_product_and_locations(kept: Kept) -> None:
    running, opened = kept
    moved = entries.goods(opened, Random(7), date(entries.YEAR, 2, 3))
    proof.converged(running.settings, "stock")
    product, from_, to, quantity = change(
        running,
        "stock",
        f"DELETE FROM move WHERE move_id = {moved} RETURNING product, from_location, to_location, quantity",
    )
    found = compared(running, "stock")
    for name, location in (("received", to), ("issued", from_)):
        (group,) = found[name].differences
        assert group.dimensions == {"company": "1", "product": product, "location": location}
        differences = {each.name: each.difference for each in group.figures}
        assert (differences["count"], Decimal(str(differences["quantity"]))) == ("-1", -quantity)


def _left(came: Mapping[Any, Any], went: Mapping[Any, Any]) -> dict[tuple[str, str], Decimal]:
    left: dict[Any, Decimal] = defaultdict(lambda: NOTHING)
    for key, (quantity,) in came.items():
        left[key] += quantity
    for key, (quantity,) in went.items():
        left[key] -= quantity
    return {key: quantity for key, quantity in left.items() if quantity}
