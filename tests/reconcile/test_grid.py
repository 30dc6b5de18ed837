"""Buckets are ranges of numbers; those that differ are looked into in pieces of bounded size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.reconcile import grid
from strangler.reconcile.grid import BITS, HASHED, Bucket, Grid

NUMBERS = st.integers(-(2**63), 2**63 - 1)


def test_buckets_come_in_slabs_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "SLAB_ROWS", 100)
    legacy = {number: Bucket(30, number) for number in range(7)}
    store = {number: Bucket(30, number if number == 3 else 99) for number in range(6)}
    differing = grid.differing(legacy, store)
    assert differing == [0, 1, 2, 4, 5, 6]
    assert list(grid.slabs(differing, legacy, store)) == [[0], [1], [2], [4], [5, 6]]


def test_neighbours_are_one_run() -> None:
    assert grid.runs({7, 3, 4, 5, 9}) == [(3, 5), (7, 7), (9, 9)]


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_grid_has_all_numbers_in_no_more_buckets_than_twice_its_measure(
    one: int, two: int, three: int
) -> None:
    low, between, high = sorted([one, two, three])
    found = grid.spanning(low, high)
    assert found.of(low) <= found.of(between) <= found.of(high)
    assert found.of(high) - found.of(low) <= 2**BITS
    first, last = found.span(found.of(between), found.of(between))
    assert first <= between <= last


@given(NUMBERS, st.integers(0, 63))
def test_a_bucket_is_read_as_it_is_however_the_database_shifts_signs(number: int, shift: int) -> None:
    found = Grid(shift)
    unsigned = (number % 2**64) >> shift
    assert found.read(unsigned) == found.read(number >> shift) == found.of(number)
    assert found.unsigned(found.of(number)) == unsigned


def test_a_finer_grid_divides_each_bucket() -> None:
    coarse, number = HASHED, 4_711 << 40
    finer = coarse.finer()
    assert coarse.of(finer.span(finer.of(number), finer.of(number))[0]) == coarse.of(number)
    assert Grid(3).finer() == Grid(0)


def test_sums_of_parts_are_the_sum_of_the_whole_modulo_64_bits() -> None:
    found = {1: Bucket(1, 2**64 - 1)}
    grid.add(found, {1: Bucket(2, 3), 2: Bucket(1, 5)})
    assert found == {1: Bucket(3, 2), 2: Bucket(1, 5)}
    assert grid.of_rows(grid.as_rows(found)) == found
