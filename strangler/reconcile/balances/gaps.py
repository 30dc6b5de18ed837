"""Gaps: from runs of numbers to what is missing between the least and the greatest of each group. Pure, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from typing import Final, NamedTuple

from strangler.mapping.digest import row_hash
from strangler.reconcile.balances.groups import Amount, Gaps, Group, Key

FIGURES: Final = ("least", "greatest", "missing", "gaps")
"""What is compared: `missing` is how many numbers are, `gaps` which."""

NONE: Final[tuple[Amount, ...]] = (None, None, Decimal(0), Gaps("", 0))
"""The figures where there are no numbers."""

MOST_SHOWN: Final = 20
"""Ranges that are written out; two sides are compared by all of them."""


class Run(NamedTuple):
    """Numbers of a group from first to last, none missing between; runs may overlap where a database left some rows."""

    key: Key
    first: int
    last: int


def gaps(runs: Iterable[Run]) -> Iterator[Group]:
    """The groups of runs that come in the order of their keys and first numbers."""
    for key, of_group in groupby(runs, key=lambda run: run.key):
        yield Group(key, 0, _figures(of_group))


def _figures(runs: Iterable[Run]) -> tuple[Amount, ...]:
    iterator = iter(runs)
    least, greatest = next(iterator)[1:]
    missing, hashed = 0, 0
    ranges: list[str] = []
    for _, first, last in iterator:
        if first > greatest + 1:
            missing += first - greatest - 1
            hashed += row_hash(str(greatest + 1), str(first - 1))
            if len(ranges) <= MOST_SHOWN:
                ranges.append(_range(greatest + 1, first - 1))
        greatest = max(greatest, last)
    return (Decimal(least), Decimal(greatest), Decimal(missing), Gaps(_listed(ranges), hashed))


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"


def _listed(ranges: list[str]) -> str:
    return ", ".join([*ranges[:MOST_SHOWN], *(["…"] if len(ranges) > MOST_SHOWN else [])])
