"""Balances: sums and counts by dimensions that legacy and store must have alike, and gaps in ranges of numbers.

    declared = compile_balances(section, function, mappings)       # from the settings, or every problem with them at once
    with Sides(source.reader, store.reader) as sides:
        outcomes = compare_balances(declared, sides, feed=feed, waiting=…)

Both databases add up their own rows (`sides`, over `strangler.mapping.figures`) and give groups in one order, so that they are compared as
they come (`weighing`). What differs is looked at again while both sides move (`settling`).
"""

from strangler.reconcile.balances.comparing import compare_balances
from strangler.reconcile.balances.declared import Balance, compile_balances
from strangler.reconcile.balances.ledger import wrong_ledger
from strangler.reconcile.balances.outcome import BalanceOutcome, Figure, GroupDifference

__all__ = [
    "Balance",
    "BalanceOutcome",
    "Figure",
    "GroupDifference",
    "compare_balances",
    "compile_balances",
    "wrong_ledger",
]
