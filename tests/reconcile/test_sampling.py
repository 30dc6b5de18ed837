"""A sample has the same keys on both sides, about as many as were asked for, and its statement about all keys holds."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest

from strangler.reconcile import sampling


def test_about_as_many_keys_are_drawn_as_were_asked_for() -> None:
    drawn = sampling.draw(1_000, 100_000, seed=1)
    found = sum(drawn.draws(number) for number in range(100_000))
    assert 900 < found < 1_100
    assert sampling.draw(1_000, 999, seed=1).draws(4_711)


def test_sql_draws_the_same_keys_as_python_negative_ones_too() -> None:
    drawn = sampling.draw(200, 20_000, seed=7)
    numbers = [*range(-10_000, 10_000), -(2**63), 2**63 - 1]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE n (n INTEGER)")
        connection.executemany("INSERT INTO n VALUES (?)", [(number,) for number in numbers])
        found = [row[0] for row in connection.execute(f"SELECT n FROM n WHERE {drawn.condition('n')}")]
    assert found == [number for number in numbers if drawn.draws(number)]
    assert found


@pytest.mark.parametrize(
    ("differing", "compared", "bound"),
    [
        (0, 10_000, 0.000300),
        (0, 100, 0.02951),
        (1, 100, 0.04656),
        (10, 1_000, 0.01689),
        (5, 5, 1.0),
        (0, 0, 1.0),
    ],
)
def test_the_bound_is_that_of_clopper_and_pearson(differing: int, compared: int, bound: float) -> None:
    assert sampling.most(differing, compared) == pytest.approx(bound, rel=2e-3)


def test_the_bound_holds_about_as_often_as_it_says() -> None:
    dice = random.Random(4_711)
    share, compared, held = 0.02, 300, 0
    for _ in range(400):
        found = sum(dice.random() < share for _ in range(compared))
        held += sampling.most(found, compared) >= share
    assert held / 400 > 0.93
