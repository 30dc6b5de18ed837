"""The throttle's decisions."""

from __future__ import annotations

from datetime import timedelta
from math import inf

import pytest

from strangler.errors import Unavailable
from strangler.ports import Pressure
from strangler.reconcile.throttle import FIRST, MOST, Throttle
from strangler.settings import Reconcile

LIMITS = Reconcile(
    chunk_time=timedelta(seconds=0.5),
    max_lag=timedelta(seconds=10),
    max_load=25,
    patience=timedelta(minutes=1),
)


def test_a_fast_database_is_asked_for_twice_as_much_and_never_for_more() -> None:
    throttle = Throttle(LIMITS)
    throttle.took(FIRST, 0.001)
    assert throttle.size == 2 * FIRST
    throttle.took(2 * FIRST, 0.3)
    assert throttle.size == round(2 * FIRST * 0.5 / 0.3)


def test_a_slow_one_is_asked_for_as_much_less_at_once() -> None:
    throttle = Throttle(LIMITS, 8_000)
    throttle.took(8_000, 8.0)
    assert throttle.size == 500
    throttle.took(500, 10_000.0)
    assert throttle.size == 1


def test_it_settles_where_a_chunk_takes_its_time() -> None:
    throttle = Throttle(LIMITS)
    for _ in range(30):
        throttle.took(throttle.size, 0.004 + throttle.size / 1_000_000)
    assert 0.45 < 0.004 + throttle.size / 1_000_000 < 0.55


def test_chunks_have_a_greatest_size_and_a_clock_that_stands_still_is_no_error() -> None:
    throttle = Throttle(LIMITS, MOST - 1)
    throttle.took(MOST - 1, 0.0)
    assert throttle.size == MOST


def test_the_short_chunk_at_the_end_of_a_table_says_nothing_unless_it_was_slow() -> None:
    throttle = Throttle(LIMITS, 64_000)
    throttle.took(10, 0.02)
    assert throttle.size == 64_000
    throttle.took(10, 1.0)
    assert throttle.size == 5


@pytest.mark.parametrize("calm", [Pressure(), Pressure(10.0, 25), Pressure(0.0, 0)])
def test_it_goes_on_within_the_limits_and_where_nothing_is_known(calm: Pressure) -> None:
    assert Throttle(LIMITS).pause({"the store": calm}, 1e9) is None


@pytest.mark.parametrize(
    ("busy", "words"),
    [
        (Pressure(10.6, None), "replication of the store is 11 s behind, 10 s is the limit"),
        (Pressure(inf, 0), "replication of the store has stopped"),
        (Pressure(None, 26), "26 statements run in the store beside ours, 25 is the limit"),
    ],
)
def test_it_says_why_it_pauses(busy: Pressure, words: str) -> None:
    throttle = Throttle(LIMITS)
    assert throttle.pause({"the legacy database": Pressure(), "the store": busy}, 0.0) == words


def test_after_its_patience_it_gives_up_with_the_reason() -> None:
    busy = {"the store": Pressure(None, 26)}
    assert Throttle(LIMITS).pause(busy, 59.0)
    with pytest.raises(Unavailable) as raised:
        Throttle(LIMITS).pause(busy, 60.0)
    assert "26 statements" in raised.value.why
