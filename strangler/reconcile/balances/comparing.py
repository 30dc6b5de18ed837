"""Balances compared: both sides' groups put beside each other as they come, and what differs looked at again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from strangler.errors import Unavailable
from strangler.owned import EVERYTHING, Owned
from strangler.ports import SqlSide
from strangler.reconcile.balances.declared import Balance
from strangler.reconcile.balances.groups import Group, Key, order
from strangler.reconcile.balances.outcome import BalanceOutcome, described
from strangler.reconcile.balances.settling import Pairs, Settled, settle
from strangler.reconcile.balances.sides import Groups, legacy_side, store_side
from strangler.reconcile.balances.weighing import Pair, Weight, weigh
from strangler.reconcile.confirm import Feed
from strangler.reconcile.sides import Sides

MOST_SUSPECTS: Final = 10_000
"""Groups of a balance that are looked at again: bounds the memory however much differs."""

AT_ONCE: Final = 1_000
"""Groups that are taken from a side at once."""

MOST_EXAMPLES: Final = 100

Watch = Callable[[str, str], None]
"""Told (balance, words): what is being done now."""


def compare_balances(
    balances: Sequence[Balance],
    sides: Sides,
    *,
    feed: Feed | None,
    waiting: Callable[[str], int],
    owned: Owned = EVERYTHING,
    limit: int = MOST_EXAMPLES,
    watch: Watch = lambda balance, words: None,
    meanwhile: Callable[[], None] | None = None,
) -> list[BalanceOutcome]:
    """Compare each balance on both sides. Without `feed` nothing is confirmed: every difference stands.

    `waiting` says how many keys of an entity wait in quarantine, `owned` whose rows are added up; a ledger, which can't be told by cohort,
    is held against all rows. `meanwhile` is called now and then while the sides are busy, and
    may raise to end it. No more than `limit` groups are described in each list of an outcome.
    Raises what the sides raise, and Unavailable when nothing can be said.
    """
    found = []
    for balance in balances:
        watch(balance.name, "adding up both sides")
        found.append(_compared(balance, _Both(balance, sides, owned, meanwhile), feed, waiting, limit, watch))
    return found


def _compared(
    balance: Balance,
    reader: _Both,
    feed: Feed | None,
    waiting: Callable[[str], int],
    limit: int,
    watch: Watch,
) -> BalanceOutcome:
    first = _First(balance)
    for key, pair in reader.pairs():
        first.weigh(key, pair)
    settled = Settled(first.suspects, {}, 0, 0, None)
    if first.suspects and feed:
        watch(
            balance.name,
            f"{len(first.suspects):,} groups differ: waiting for the store to pass them, then looking again",
        )
        settled = settle(balance, first.suspects, reader, feed)
    if first.unseen and not settled.drift:
        raise Unavailable(
            f"the balance {balance.name} couldn't be compared: more than {MOST_SUSPECTS:,} groups differ at first sight",
            why=f"none of the first {MOST_SUSPECTS:,} is drift, and {first.unseen:,} more weren't looked at again",
            do="compare when less is on its way, or by fewer dimensions",
        )
    tolerated = first.tolerated | settled.tolerated
    return BalanceOutcome(
        name=balance.name,
        of=balance.part.mapping.shape.entity,
        compared=first.compared,
        different=len(settled.drift),
        tolerated=first.tolerances + len(settled.tolerated),
        in_flight=settled.agreed + settled.unsettled,
        unsettled=settled.unsettled,
        unseen=first.unseen,
        quarantined=waiting(balance.part.root.shape.entity),
        differences=tuple(described(balance, *each) for each in _sorted(settled.drift, limit)),
        tolerances=tuple(described(balance, *each) for each in _sorted(tolerated, limit)),
        owner=balance.tolerance.owner if balance.tolerance else None,
        reason=balance.tolerance.reason if balance.tolerance else None,
        position=settled.position,
    )


def _sorted(pairs: Pairs, limit: int) -> list[tuple[Key, Pair]]:
    return sorted(pairs.items(), key=lambda each: order(each[0]))[:limit]


class _First:
    """The first look at all groups."""

    def __init__(self, balance: Balance) -> None:
        self._balance = balance
        self.compared = self.tolerances = self.unseen = 0
        self.suspects: Pairs = {}
        self.tolerated: Pairs = {}

    def weigh(self, key: Key, pair: Pair) -> None:
        self.compared += 1
        match weigh(self._balance, key, pair):
            case Weight.TOLERATED:
                self.tolerances += 1
                if len(self.tolerated) < MOST_EXAMPLES:
                    self.tolerated[key] = pair
            case Weight.DIFFERENT if len(self.suspects) < MOST_SUSPECTS:
                self.suspects[key] = pair
            case Weight.DIFFERENT:
                self.unseen += 1


class _Both:
    """A balance on both sides."""

    def __init__(
        self, balance: Balance, sides: Sides, owned: Owned, meanwhile: Callable[[], None] | None
    ) -> None:
        self._sides, self._meanwhile = sides, meanwhile
        legacy, store = sides.dialects()
        self._legacy, self._store = legacy_side(balance, legacy, owned), store_side(balance, store, owned)

    def pairs(self) -> Iterator[tuple[Key, Pair]]:
        """All groups, those of the same key together, in order."""
        legacy, store = _Stream(self._legacy), _Stream(self._store)
        try:
            while keys := self._next(legacy, store):
                key = min(keys, key=order)
                yield key, Pair(legacy.take(key), store.take(key))
        finally:
            self._sides.ask(legacy.close, store.close)

    def _next(self, legacy: _Stream, store: _Stream) -> list[Key]:
        """The keys of the next group of each side; none when both have ended."""
        if legacy.is_dry or store.is_dry:
            self._sides.ask(legacy.fill, store.fill, self._meanwhile)
        return [each.first.key for each in (legacy, store) if each.first is not None]

    def legacy(self, keys: Collection[Key]) -> Mapping[Key, Group]:
        """The legacy groups of these keys."""
        found, _ = self._sides.ask(
            lambda side: _of(self._legacy, side, keys), lambda side: None, self._meanwhile
        )
        return found

    def store(self, keys: Collection[Key]) -> Mapping[Key, Group]:
        """The store's groups of these keys."""
        _, found = self._sides.ask(
            lambda side: None, lambda side: _of(self._store, side, keys), self._meanwhile
        )
        return found


def _of(groups: Groups, side: SqlSide, keys: Collection[Key]) -> dict[Key, Group]:
    return {group.key: group for group in groups.groups(side) if group.key in keys}


class _Stream:
    """The groups of one side, a piece at a time; `fill` and `close` run in the thread of the side."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._iterator: Iterator[Group] | None = None
        self._piece: list[Group] = []
        self._ended = False

    def fill(self, side: SqlSide) -> None:
        if not self.is_dry:
            return
        if self._iterator is None:
            self._iterator = self._groups.groups(side)
        self._piece = list(islice(self._iterator, AT_ONCE))[::-1]
        self._ended = not self._piece

    def close(self, side: SqlSide) -> None:
        """Let go of what the database still has to give."""
        self._iterator = None

    @property
    def is_dry(self) -> bool:
        """Whether it has to be filled before it is looked at."""
        return not (self._piece or self._ended)

    @property
    def first(self) -> Group | None:
        return self._piece[-1] if self._piece else None

    def take(self, key: Key) -> Group | None:
        return self._piece.pop() if self._piece and self._piece[-1].key == key else None
