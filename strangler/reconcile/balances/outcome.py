"""What the comparison of a balance found, for people, programs and the control store. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from strangler.changes import Position
from strangler.control.balances import Balance as Recorded
from strangler.control.balances import Balanced
from strangler.reconcile.balances.declared import Balance
from strangler.reconcile.balances.groups import NO_VALUE, Key, difference, shown
from strangler.reconcile.balances.weighing import Pair, figures
from strangler.sensitive import masked


class Figure(NamedTuple):
    """A figure on both sides as text, and what the store has more (None where that can't be said)."""

    name: str
    legacy: str | None
    store: str | None
    difference: str | None


@dataclass(frozen=True, slots=True)
class GroupDifference:
    """A group that differs: its dimensions by name as canonical texts, and all its figures. `dimensions` is None where it is
    made of the rows for which an expression of the balance has no value."""

    dimensions: Mapping[str, str | None] | None
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class BalanceOutcome:
    """What the comparison of one balance found; counts are groups.

    `compared` are the groups of either side. `different` are drift; `differences` are the first of them. `tolerated` differ by no more
    than `owner` allows for `reason`; `tolerances` are the first of these. `in_flight` differed at first; the `unsettled` among them
    never came to rest, so nothing can be said of them. `unseen` differed at first sight too, and were more than are looked at
    again. `quarantined` keys of the entity wait, which may explain a difference. `position` is where the sides were compared last,
    None when nothing differed at first sight or nothing was confirmed. `told` is what it is of each cohort, None where that wasn't
    asked or can't be told.
    """

    name: str
    of: str
    compared: int
    different: int
    tolerated: int
    in_flight: int
    unsettled: int
    unseen: int
    quarantined: int
    differences: tuple[GroupDifference, ...]
    tolerances: tuple[GroupDifference, ...]
    owner: str | None
    reason: str | None
    position: Position | None
    told: Mapping[str, Balanced] | None = None

    @property
    def drift(self) -> int:
        """How many groups differ."""
        return self.different

    @property
    def balanced(self) -> Balanced:
        """What of it counts for whoever's rows were compared."""
        return Balanced(self.compared, self.different, self.unsettled)

    @property
    def recorded(self) -> Recorded:
        """As the control store keeps it."""
        counts = (self.compared, self.different, self.tolerated, self.in_flight, self.unsettled)
        return Recorded(self.name, *counts, self.as_json(len(self.differences) + len(self.tolerances)))

    @property
    def words(self) -> str:
        """One sentence."""
        said = [f"{self.different:,} of {self.compared:,} groups differ"]
        if self.tolerated:
            said.append(f"{self.tolerated:,} by no more than {self.owner} allows ({self.reason})")
        if self.unsettled:
            said.append(f"{self.unsettled:,} never came to rest and weren't compared")
        if self.unseen:
            said.append(f"{self.unseen:,} more differed at first sight")
        if self.quarantined:
            said.append(f"{self.quarantined:,} keys of {self.of} wait in quarantine, which may be why")
        return "; ".join(said)

    def as_json(self, limit: int) -> dict[str, Any]:
        """Everything, with at most `limit` groups in each list."""
        return {
            "balance": self.name,
            "of": self.of,
            "compared": self.compared,
            "different": self.different,
            "tolerated": self.tolerated,
            "in_flight": self.in_flight,
            "unsettled": self.unsettled,
            "unseen": self.unseen,
            "quarantined": self.quarantined,
            "owner": self.owner,
            "reason": self.reason,
            "position": self.position,
            "cohorts": None
            if self.told is None
            else {name: each._asdict() for name, each in self.told.items()},
            "differences": [_group_json(each) for each in self.differences[:limit]],
            "tolerances": [_group_json(each) for each in self.tolerances[:limit]],
        }


def described(balance: Balance, key: Key, pair: Pair) -> GroupDifference:
    """A group as people may see it."""
    dimensions = None
    if key is not NO_VALUE:
        named = zip(balance.dimensions, key, strict=True)
        dimensions = {name: masked(text) if name in balance.hidden else text for name, text in named}
    found = []
    for name, legacy, store in figures(balance, key, pair):
        texts = (shown(legacy), shown(store), shown(difference(legacy, store)))
        found.append(Figure(name, *(map(masked, texts) if name in balance.hidden else texts)))
    return GroupDifference(dimensions, tuple(found))


def _group_json(group: GroupDifference) -> dict[str, Any]:
    return {
        "dimensions": None if group.dimensions is None else dict(group.dimensions),
        "figures": {
            each.name: {"legacy": each.legacy, "store": each.store, "difference": each.difference}
            for each in group.figures
        },
    }
