"""Settling: is a difference of a balance drift, or was something on its way?

Both sides move while they are added up, so one look says nothing. A group that differs is looked at again, each time behind a
newer position that the store has passed, and in turns with the legacy side read first and with the store read first. Read first,
a side lacks what comes in until the other is read: what is on its way makes the store seem to have more in one look, and less in
the next. The same difference in three looks in a row is therefore drift. A group that agrees in one of them was in
flight, and one that never rests says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple, Protocol

from strangler.changes import Position
from strangler.reconcile.balances.declared import Balance
from strangler.reconcile.balances.groups import Group, Key
from strangler.reconcile.balances.weighing import Pair, Weight, alike, differences, weigh
from strangler.reconcile.confirm import Feed

ROUNDS: Final = 6
"""How often groups that differ are looked at again."""

ALIKE: Final = 3
"""Looks in a row that have to find the same difference."""

Pairs = dict[Key, Pair]


class Reader(Protocol):
    """Reads the groups of some keys, one side at a time."""

    def legacy(self, keys: Collection[Key]) -> Mapping[Key, Group]: ...

    def store(self, keys: Collection[Key]) -> Mapping[Key, Group]: ...


class Settled(NamedTuple):
    """What became of groups that differed: `drift`; those that agree now, `tolerated` if not whole; those that never came to rest.
    `position` is the last that the store had passed."""

    drift: Pairs
    tolerated: Pairs
    agreed: int
    unsettled: int
    position: Position | None


def settle(balance: Balance, suspects: Pairs, reader: Reader, feed: Feed) -> Settled:
    """Look again at groups that differ. Raises Unavailable when the store doesn't pass a position in time."""
    looks = {key: [pair] for key, pair in suspects.items()}
    drift: Pairs = {}
    tolerated: Pairs = {}
    agreed, position = 0, None
    for turn in range(ROUNDS):
        if not looks:
            break
        position, pairs = _look(looks, reader, feed, legacy_first=turn % 2 == 0)
        for key, pair in pairs.items():
            weight = weigh(balance, key, pair)
            looks[key].append(pair)
            if weight is Weight.DIFFERENT and not _rests(balance, key, looks[key]):
                continue
            del looks[key]
            if weight is Weight.DIFFERENT:
                drift[key] = pair
            else:
                agreed += 1
                if weight is Weight.TOLERATED:
                    tolerated[key] = pair
    return Settled(drift, tolerated, agreed, len(looks), position)


def _look(keys: Collection[Key], reader: Reader, feed: Feed, *, legacy_first: bool) -> tuple[Position, Pairs]:
    """Read both sides of some groups, one after the other, the store once it has passed a position."""
    if legacy_first:
        legacy = reader.legacy(keys)
        position = feed.pass_now()
        store = reader.store(keys)
    else:
        position = feed.pass_now()
        store = reader.store(keys)
        legacy = reader.legacy(keys)
    return position, {key: Pair(legacy.get(key), store.get(key)) for key in keys}


def _rests(balance: Balance, key: Key, looks: list[Pair]) -> bool:
    """Whether the last looks have all found the same difference."""
    last = [differences(balance, key, pair) for pair in looks[-ALIKE:]]
    return len(last) == ALIKE and all(alike(last[0], other) for other in last[1:])
