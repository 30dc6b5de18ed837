"""Sharing out: of which cohorts the keys and groups are that differ, so that what is wrong with one doesn't speak against the others.

A key is told of each cohort in which either side has it. One that neither side has in any of them any more, or whose entity is
everybody's, is told of none, and counts for all (invariant 7).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from strangler.control.shares import Found, Shares
from strangler.owned import Owned
from strangler.parts import Part
from strangler.ports import SqlSide
from strangler.reconcile.balances import Balance, BalanceOutcome
from strangler.reconcile.pairing import pair
from strangler.reconcile.sides import Sides
from strangler.reconcile.view import View

if TYPE_CHECKING:
    from strangler.reconcile.entity import Outcome


class Sharing:
    """The keys of a part that differ, by cohort: `told` of each, and `untold` of none. `cohorts` are the rows of those that are told
    apart, by name; where there are none everything is untold."""

    def __init__(self, part: Part, sides: Sides, cohorts: Mapping[str, Owned]) -> None:
        self._part, self._sides = part, sides
        self._cohorts = cohorts if part.root.cohort_of is not None else {}
        self.told: Counter[str] = Counter(dict.fromkeys(cohorts, 0))
        self.untold = 0

    def add(self, numbers: Collection[int]) -> None:
        """Share out keys that differ, by their numbers."""
        legacy, store, told = set(numbers), set(numbers), set[int]()
        for name, owned in self._cohorts.items():
            if not (legacy or store):
                break
            here = self._of(owned, legacy, store)
            self.told[name] += len(set().union(*here))
            for left, found in zip((legacy, store), here, strict=True):
                left -= found
                told |= found
        self.untold += len(set(numbers) - told)

    def _of(self, owned: Owned, legacy: Collection[int], store: Collection[int]) -> tuple[set[int], set[int]]:
        """Which of these keys each side has among the rows of a cohort. A row is of one cohort, so a side is asked for it only once."""
        views = pair(self._part, self._sides, presence=True, native=False, owned=owned)
        return self._sides.ask(
            lambda side: _there(views.legacy, side, legacy), lambda side: _there(views.store, side, store)
        )


def _there(view: View, side: SqlSide, numbers: Collection[int]) -> set[int]:
    return {int(row[0]) for row in view.hashes_of(side, numbers)} if numbers else set()


def share_balances(
    found: Sequence[BalanceOutcome],
    declared: Sequence[Balance],
    cohorts: Mapping[str, Owned],
    rows: Sequence[Outcome],
    compare: Callable[[Balance, Owned], BalanceOutcome],
) -> list[BalanceOutcome]:
    """The outcomes with the share of each cohort, where there is anything to share out: where all `rows` are alike, what agrees in all
    agrees of each cohort. Where some differ of which it can't be told whose they are, neither can it be of the balances."""
    alike = not any(each.drift or each.tolerated or each.quarantine for each in rows)
    tellable = bool(cohorts) and not any(each.untold for each in rows)

    def shared(outcome: BalanceOutcome, balance: Balance) -> BalanceOutcome:
        agrees = not (outcome.different or outcome.tolerated or outcome.unsettled)
        by_cohort = balance.ledger is None and balance.part.root.cohort_of is not None
        if not (tellable and by_cohort) or (agrees and alike):
            return outcome
        told = {name: compare(balance, owned) for name, owned in cohorts.items()}
        if not _all_told(outcome, told.values()):
            return outcome
        return replace(outcome, told={name: each.balanced for name, each in told.items()})

    return [shared(*each) for each in zip(found, declared, strict=True)]


def _all_told(whole: BalanceOutcome, told: Iterable[BalanceOutcome]) -> bool:
    """Whether each group that differs does so in a cohort, too. One may differ in the sum alone, each cohort being within tolerance; and of
    more groups than are listed nobody knows."""
    groups = [each.dimensions for one in told for each in one.differences]
    listed = whole.differences
    return whole.different == len(listed) and all(each.dimensions in groups for each in listed)


def shares(cohorts: Iterable[str], outcomes: Sequence[Outcome], balances: Sequence[BalanceOutcome]) -> Shares:
    """What a run found of each cohort in all."""
    told = {
        name: Found(
            sum(each.told.get(name, 0) for each in outcomes),
            sum(each.told[name].different for each in balances if each.told is not None),
        )
        for name in cohorts
    }
    untold = sum(each.different for each in balances if each.told is None)
    return Shares(told, Found(sum(each.untold for each in outcomes), untold))
