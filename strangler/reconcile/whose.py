"""Whose rows a run compares: those that legacy owns, where new owns others of the same function. Pure.

What legacy owns flows into the store, so where that differs legacy is right, and it can be repaired. What new owns flows the other way, if
at all: compared like that it would look like drift, and mending it would undo what new did. So such rows are left out, and the run says so.
Where one side owns all of the function, all rows are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from strangler.control.standings import Snapshot
from strangler.cutover.stages import EVERYONE, Side
from strangler.owned import EVERYTHING, Owned
from strangler.reconcile.balances import Balance


class Whose(NamedTuple):
    """The rows that are compared, and the cohorts (`*`: all that have no standing of their own) whose rows aren't, since new owns them."""

    owned: Owned
    apart: tuple[str, ...] = ()


def whose(snapshot: Snapshot, function: str) -> Whose:
    """The rows of a function that are compared, as it stands."""
    every = snapshot.all_of(function)
    gone = tuple(each.cohort for each in every if each.owner is Side.NEW)
    if not gone or len(gone) == len(every):
        return Whose(EVERYTHING)
    return Whose(Owned.by(Side.LEGACY, snapshot, function), gone)


def apart(snapshot: Snapshot, function: str) -> dict[str, Owned]:
    """The rows of the cohorts that legacy owns, by name (`*`: all that have no standing of their own), where any moves on its own."""
    found = Owned.by_cohort(snapshot, function)
    return {name: rows for name, rows in found.items() if snapshot.of(function, name).owner is Side.LEGACY}


def left_out(compared: Whose, balances: Sequence[Balance]) -> list[str]:
    """What people have to know of it, a sentence each."""
    if not compared.apart:
        return []
    said = [f"{_named(compared.apart)} left out, since new owns them"]
    if given := [each.name for each in balances if each.ledger]:
        named = ", ".join(given)
        said.append(f"what legacy itself gives for {named} is of all cohorts, and was compared with all rows")
    return said


def _named(cohorts: Sequence[str]) -> str:
    named = [each for each in cohorts if each != EVERYONE]
    words = [f"cohort {', '.join(named)}"] if named else []
    words += ["all that don't move on their own"] if EVERYONE in cohorts else []
    return f"the rows of {' and of '.join(words)} were"
