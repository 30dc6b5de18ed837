"""Writes in flight: what is acknowledged while some are under way, and while some of those that were given up linger."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from strangler.facade.flight import Flight
from strangler.facade.guarded import GuardedFlight


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_invariant_5_a_write_that_was_given_up_counts_until_its_time_has_passed() -> None:
    clock, landed = Clock(), []
    flight = Flight(clock)
    flight.on_landing = lambda: landed.append(clock.now)
    flight.begin(3)
    flight.end(3, lingering=10.0)
    assert (flight.settled(4), len(flight), flight.doubtful, landed) == (3, 1, 1, [])
    clock.now = 109.9
    flight.pass_by(clock.now)
    assert flight.settled(4) == 3
    clock.now = 110.0
    flight.pass_by(clock.now)
    assert (flight.settled(4), len(flight), flight.doubtful, landed) == (4, 0, 0, [110.0])


def test_a_write_that_is_done_does_not_linger() -> None:
    flight = Flight()
    flight.begin(3)
    flight.end(3)
    assert (flight.settled(4), len(flight), flight.doubtful) == (4, 0, 0)


def test_one_that_was_given_up_does_not_let_another_land() -> None:
    clock = Clock()
    flight = Flight(clock)
    for _ in range(2):
        flight.begin(3)
    flight.end(3, lingering=1.0)
    flight.pass_by(200.0)
    assert (flight.settled(4), len(flight)) == (3, 1)
    flight.end(3)
    assert flight.settled(4) == 4


def test_writes_that_end_in_any_thread_may_linger_too() -> None:
    flight = GuardedFlight()
    flight.begin(3)
    flight.end(3, 1e9)
    assert (flight.settled(4), flight.doubtful) == (3, 1)
    flight.pass_by(float("inf"))
    assert flight.settled(4) == 4


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(0, 50), st.floats(0, 20)), max_size=20),
    st.floats(0, 100),
)
def test_invariant_5_nothing_is_acknowledged_past_a_write_that_lingers(
    writes: list[tuple[int, float, float]], now: float
) -> None:
    """Each is begun at once, given up at a time, and lingers; asked at `now`."""
    clock = Clock()
    flight = Flight(clock)
    for generation, _, _ in writes:
        flight.begin(generation)
    for generation, given_up, lingering in sorted(writes, key=lambda each: each[1]):
        clock.now = given_up
        if given_up <= now:
            flight.end(generation, lingering)
    flight.pass_by(now)
    under_way = [
        generation
        for generation, given_up, lingering in writes
        if given_up > now or (lingering > 0 and given_up + lingering > now)
    ]
    assert flight.settled(6) == min([6, *under_way])
    assert len(flight) == len(under_way)


def test_they_pass_by_in_the_order_of_their_times() -> None:
    clock, landed = Clock(), []
    flight = Flight(clock)
    flight.on_landing = lambda: landed.append(flight.settled(9))
    for generation, lingering in enumerate((5.0, 1.0, 3.0)):
        flight.begin(generation)
        flight.end(generation, lingering)
    flight.pass_by(clock.now + 3.0)
    assert landed == [0, 0]
    flight.pass_by(clock.now + 5.0)
    assert landed == [0, 0, 9]
