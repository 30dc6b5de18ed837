"""Sharing out what balances differ in: told of cohorts only where it is told of each group."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from strangler.control.balances import Balanced
from strangler.owned import Owned
from strangler.reconcile.balances import Balance, BalanceOutcome
from strangler.reconcile.balances.outcome import GroupDifference
from strangler.reconcile.sharing import share_balances

BALANCE = cast(Balance, SimpleNamespace(ledger=None, part=SimpleNamespace(root=SimpleNamespace(cohort_of=1))))
ROWS: list[Any] = [SimpleNamespace(drift=1, tolerated=0, quarantine=0, untold=0)]
COHORTS = {name: cast(Owned, name) for name in ("1000", "2000")}


def differing(*years: str, different: int | None = None) -> BalanceOutcome:
    groups = tuple(GroupDifference({"year": year}, ()) for year in years)
    count = len(groups) if different is None else different
    return BalanceOutcome("total", "order", 9, count, 0, count, 0, 0, 0, groups, (), None, None, None)


def told(whole: BalanceOutcome, **each: BalanceOutcome) -> Any:
    by_name = {name.strip("_"): outcome for name, outcome in each.items()}
    [shared] = share_balances(
        [whole], [BALANCE], COHORTS, ROWS, lambda balance, owned: by_name[cast(str, owned)]
    )
    return shared.told


def test_each_group_is_told_of_the_cohorts_in_which_it_differs() -> None:
    found = told(differing("2025", "2026"), _1000=differing("2025", "2026"), _2000=differing())
    assert found == {"1000": Balanced(9, 2, 0), "2000": Balanced(9, 0, 0)}


def test_a_group_that_differs_in_the_sum_alone_counts_for_all() -> None:
    """In each cohort it is within tolerance; another group that is told of one says nothing of it."""
    assert told(differing("2025", "2026"), _1000=differing("2025"), _2000=differing()) is None


def test_of_more_groups_than_are_listed_nobody_can_tell() -> None:
    many = differing("2025", different=2)
    assert told(many, _1000=many, _2000=differing()) is None
