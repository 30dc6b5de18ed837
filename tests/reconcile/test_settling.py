"""A difference of a balance is drift only if it stays the same whichever side is read first; what moves is in flight."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from strangler.changes import Position
from strangler.errors import Unavailable
from strangler.reconcile.balances.groups import Group, Key
from strangler.reconcile.balances.settling import Settled, settle
from strangler.reconcile.balances.weighing import Pair
from strangler.reconcile.confirm import Feed

from .conftest import Make
from .landscape import Landscape
from .test_balances import compare, declared, landscape_of

KEY: Key = ("A1",)


@pytest.fixture
def landscape(make: Make) -> Landscape:
    return landscape_of(make, "sqlite-sqlite")


class World:
    """A group that grows: the store has what legacy had `lag` writes ago, and `off` more. Each read lets writes happen before it."""

    def __init__(self, amounts: Iterator[int], lag: int, off: int = 0) -> None:
        self._amounts, self._lag, self._off = amounts, lag, off
        self._written: list[int] = []
        self._delivered = 0
        self.order: list[str] = []

    def legacy(self, keys: Collection[Key]) -> Mapping[Key, Group]:
        self.order.append("legacy")
        self._write()
        return {KEY: Group(KEY, len(self._written), (Decimal(sum(self._written)),))}

    def store(self, keys: Collection[Key]) -> Mapping[Key, Group]:
        self.order.append("store")
        self._write()
        self._delivered = max(self._delivered, len(self._written) - self._lag)
        arrived = self._written[: self._delivered]
        return {KEY: Group(KEY, len(arrived), (Decimal(sum(arrived) + self._off),))}

    def pair(self) -> Pair:
        keys = {KEY}
        return Pair(self.legacy(keys)[KEY], self.store(keys)[KEY])

    def feed(self) -> Feed:
        def now(timeout: float) -> Position:
            self.order.append("pass")
            self._delivered = len(self._written)
            return Position("1")

        return Feed(now, lambda: Position("1"), 1.0)

    def _write(self) -> None:
        self._written += [amount for amount, _ in zip(self._amounts, range(1), strict=False)]


def settled(landscape: Landscape, world: World, **section: Any) -> Settled:
    (balance,) = declared(landscape, by="company", sums="amount", **section)
    return settle(balance, {KEY: world.pair()}, world, world.feed())


def test_an_amount_that_is_off_and_rests_is_drift(landscape: Landscape) -> None:
    world = World(iter([5]), lag=0, off=1)
    found = settled(landscape, world)
    assert found.drift.keys() == {KEY}
    assert (found.agreed, found.unsettled, found.position) == (0, 0, Position("1"))


def test_legacy_is_read_before_the_position_and_the_store_after_it_then_the_other_way_round(
    landscape: Landscape,
) -> None:
    world = World(iter([5]), lag=0, off=1)
    settled(landscape, world)
    assert world.order[2:] == ["legacy", "pass", "store", "pass", "store", "legacy"]


def test_what_was_on_its_way_is_in_flight(landscape: Landscape) -> None:
    found = settled(landscape, World(iter([5, 7]), lag=1))
    assert (found.drift, found.agreed, found.unsettled) == ({}, 1, 0)


@pytest.mark.parametrize(
    "amounts", [lambda: iter(lambda: 1, 0), lambda: iter(lambda: Random(7).randrange(1, 9), 0)]
)
def test_a_group_that_never_rests_is_not_drift(
    landscape: Landscape, amounts: Callable[[], Iterator[int]]
) -> None:
    """Though one and the same amount is on its way at each look."""
    found = settled(landscape, World(amounts(), lag=1))
    assert (found.drift, found.agreed + found.unsettled) == ({}, 1)


class Busy(World):
    """Any number of writes of one come before each read, and any part of them has arrived."""

    def __init__(self, chance: Random) -> None:
        super().__init__(iter(lambda: 1, 0), 0)
        self._chance = chance

    def _write(self) -> None:
        self._written += [1] * self._chance.choice([0, 0, 1, 2, 9])
        self._lag = self._chance.randrange(4)


def test_a_count_that_only_grows_is_never_drift_whenever_it_is_looked_at(landscape: Landscape) -> None:
    for seed in range(500):
        assert not settled(landscape, Busy(Random(seed))).drift, seed


def test_an_amount_that_is_off_in_a_group_that_moves_is_drift_when_it_rests_for_three_looks(
    landscape: Landscape,
) -> None:
    amounts = iter([3, 4, 5, 6, 7])
    found = settled(landscape, World(amounts, lag=0, off=1))
    assert found.drift.keys() == {KEY}


def test_what_agrees_but_for_the_tolerance_is_tolerated(landscape: Landscape) -> None:
    allowed = {"within": 2, "owner": "finance", "reason": "rounding"}
    found = settled(landscape, World(iter([5, 7]), lag=1, off=1), tolerance=allowed)
    assert (found.drift, found.tolerated.keys()) == ({}, {KEY})


def test_a_store_that_does_not_come_to_the_position_says_nothing(landscape: Landscape) -> None:
    landscape.new.run("DELETE FROM partner WHERE id = 4")
    stuck = Feed(
        lambda timeout: Position("9"), lambda: Position("1"), patience=0.01, sleep=lambda seconds: None
    )
    with pytest.raises(Unavailable, match="hasn't come to position 9"):
        compare(landscape, by="company", feed=stuck)


def test_drift_is_confirmed_behind_positions(landscape: Landscape) -> None:
    landscape.new.run("DELETE FROM partner WHERE id = 4")
    positions = iter(range(1, 99))
    feed = Feed(lambda timeout: Position(f"{next(positions):02}"), lambda: Position("99"), 1.0)
    outcome = compare(landscape, by="company", feed=feed)
    assert (outcome.different, outcome.in_flight, outcome.position) == (1, 0, Position("02"))


def test_what_arrives_meanwhile_was_in_flight(landscape: Landscape) -> None:
    landscape.legacy.run("UPDATE item SET amount = 77 WHERE id = 4")

    def arrive(timeout: float) -> Position:
        landscape.new.run("UPDATE partner SET amount = '77' WHERE id = 4")
        return Position("1")

    outcome = compare(landscape, by="company", sums="amount", feed=Feed(arrive, lambda: Position("1"), 1.0))
    assert (outcome.different, outcome.in_flight, outcome.unsettled) == (0, 1, 0)


def test_more_groups_than_are_looked_at_again_never_read_as_clean(
    landscape: Landscape, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strangler.reconcile.balances import comparing

    monkeypatch.setattr(comparing, "MOST_SUSPECTS", 3)
    landscape.new.run("UPDATE partner SET amount = '1000' WHERE id > 100")
    feed = Feed(lambda timeout: Position("1"), lambda: Position("1"), 1.0)
    outcome = compare(landscape, by="id", sums="amount", feed=feed)
    assert (outcome.different, outcome.unseen) == (3, 72)

    def mend(timeout: float) -> Position:
        landscape.new.run(
            "UPDATE partner SET amount = '1' WHERE id > 100", "UPDATE partner SET amount = '1000'"
        )
        landscape.legacy.run("UPDATE item SET amount = 1000")
        return Position("1")

    with pytest.raises(Unavailable, match="more than 3 groups differ"):
        compare(landscape, by="id", sums="amount", feed=Feed(mend, lambda: Position("1"), 1.0))
