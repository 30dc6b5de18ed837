"""Documents that stay where they were begun, as all facades find them in the control store."""

from __future__ import annotations

import threading

import pytest

from strangler.control import pins
from strangler.control.pins import Pin
from strangler.control.store import Control
from strangler.cutover.stages import Side


def pin(key: str, side: Side = Side.LEGACY, until: float = 100.0, function: str = "order") -> Pin:
    return Pin(function, pins.storable(key), side, until)


def test_a_document_stays_where_it_was_begun_first_until_its_time_is_over(control: Control) -> None:
    pins.add(control, [pin("1"), pin("2", Side.NEW), pin("1", function="sale")], now=1.0)
    pins.add(control, [pin("1", Side.NEW)], now=2.0)
    assert pins.find(control, "order", "1", now=3.0) is Side.LEGACY
    assert pins.sides(control, "order", now=3.0) == {Side.LEGACY, Side.NEW}
    assert pins.find(control, "order", "3", now=3.0) is None
    assert pins.find(control, "order", "1", now=100.0) is None
    pins.add(control, [pin("1", Side.NEW, until=300.0)], now=150.0)
    assert pins.find(control, "order", "1", now=151.0) is Side.NEW
    assert pins.sides(control, "sale", now=151.0) == frozenset()


def test_a_reader_goes_on_where_it_was_and_no_number_comes_twice(control: Control) -> None:
    seq, found = pins.since(control, 0, now=1.0)
    assert (seq, found) == (0, [])
    pins.add(control, [pin("1"), pin("2", until=2.0)], now=1.0)
    seq, found = pins.since(control, seq, now=1.0)
    assert [each.key for each in found] == ["1", "2"]
    # The last ones are over and gone; what comes then has a greater number none the less.
    pins.add(control, [], now=500.0)
    pins.add(control, [pin("3", until=900.0)], now=500.0)
    later, found = pins.since(control, seq, now=500.0)
    assert [each.key for each in found] == ["3"]
    assert later > seq
    assert pins.since(control, later, now=500.0) == (later, [])


def test_a_reader_beside_many_writers_misses_nothing(control: Control) -> None:
    def write(writer: int) -> None:
        for number in range(20):
            pins.add(control, [pin(f"{writer}.{number}")], now=1.0)

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in writers:
        thread.start()
    seq, seen = 0, set[str]()
    while any(thread.is_alive() for thread in writers) or len(seen) < 80:
        before = len(seen)
        seq, found = pins.since(control, seq, now=1.0)
        seen |= {each.key for each in found}
        if not found and not any(thread.is_alive() for thread in writers):
            seq, found = pins.since(control, seq, now=1.0)
            seen |= {each.key for each in found}
            break
        assert len(seen) == before + len(found), "none comes twice"
    assert len(seen) == 80


@pytest.mark.parametrize("key", ["x" * 500, "a\0b", "\udcff", "a\nb"])
def test_a_key_that_no_database_can_hold_is_told_apart_none_the_less(control: Control, key: str) -> None:
    pins.add(control, [pin(key), pin(key + "'", Side.NEW)], now=1.0)
    assert pins.find(control, "order", key, now=2.0) is Side.LEGACY
    assert pins.find(control, "order", key + "'", now=2.0) is Side.NEW
