"""Weighing: a group of legacy against the same of the store. Pure."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from strangler.reconcile.balances.declared import COUNT, Balance
from strangler.reconcile.balances.groups import NO_VALUE, Amount, Approximate, Group, Key, agree, difference


class Pair(NamedTuple):
    """What each side has under a key; None: nothing."""

    legacy: Group | None
    store: Group | None


class Weight(Enum):
    """What comes of weighing."""

    EQUAL = "equal"
    TOLERATED = "no more different than may be"
    DIFFERENT = "different"


class Weighed(NamedTuple):
    """A figure on both sides."""

    name: str
    legacy: Amount
    store: Amount


def figures(balance: Balance, key: Key, pair: Pair) -> list[Weighed]:
    """What is compared of a group. Rows without a value are counted whatever the balance says: there is nothing else to them."""
    counted = Weighed(COUNT, *(Decimal(0 if each is None else each.rows) for each in pair))
    if key is NO_VALUE:
        return [counted]
    left, right = (balance.nothing if each is None else each.amounts for each in pair)
    summed = [Weighed(*each) for each in zip(balance.names, left, right, strict=True)]
    return [counted, *summed] if balance.count else summed


def weigh(balance: Balance, key: Key, pair: Pair) -> Weight:
    """How the two sides of a group compare."""
    weights = {_weight(balance, key, each) for each in figures(balance, key, pair)}
    return next((each for each in (Weight.DIFFERENT, Weight.TOLERATED) if each in weights), Weight.EQUAL)


def differences(balance: Balance, key: Key, pair: Pair) -> list[object]:
    """What two looks at a group have in common if neither has moved against the other: the differences, and both values
    of what has none."""
    return [
        (each.legacy, each.store) if (less := difference(each.legacy, each.store)) is None else less
        for each in figures(balance, key, pair)
    ]


def alike(one: list[object], other: list[object]) -> bool:
    """Whether two looks found the same `differences`."""
    return all(
        agree(left, right)
        if isinstance(left, Approximate) and isinstance(right, Approximate)
        else left == right
        for left, right in zip(one, other, strict=True)
    )


def _weight(balance: Balance, key: Key, figure: Weighed) -> Weight:
    if agree(figure.legacy, figure.store):
        return Weight.EQUAL
    less = difference(figure.legacy, figure.store)
    if less is None or balance.tolerance is None or key is NO_VALUE:
        return Weight.DIFFERENT
    within = Decimal(balance.tolerance.rows) if figure.name == COUNT else balance.tolerance.within
    size = (
        abs(less.value) if isinstance(less, Approximate) else abs(less) if isinstance(less, Decimal) else None
    )
    return Weight.TOLERATED if size is not None and size <= within else Weight.DIFFERENT
