"""What the facade counted, on its way to the control store."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from strangler.control import comparisons, traffic
from strangler.control.store import Control
from strangler.cutover.stages import EVERYONE, Side
from strangler.errors import Unavailable
from strangler.facade import counts
from strangler.facade import traffic as counting
from strangler.facade.traffic import SELDOM, Tally, pause
from strangler.shadow.counting import Observation
from tests.facade.conftest import until


def note(tally: Tally, error: bool = False) -> None:
    tally.calls.of("party", EVERYONE, "read", Side.NEW).note(error=error, fenced=False, seconds=1.0)


def calls(control: Control) -> int:
    return sum(each.calls for each in traffic.sums(control).values())


async def test_counts_wait_for_a_control_store_that_is_away(control: Control) -> None:
    class Away(Control):
        def begin(self):  # type: ignore[no-untyped-def]
            raise Unavailable("away")

    tally = Tally("f", lambda *told: None)
    note(tally)
    tally.shadow.add(Observation("party", EVERYONE, 0.0, "matched"))
    await tally.flush(Away(control.engine))
    note(tally, error=True)
    await tally.flush(control)
    found = traffic.sums(control)[("party", "read", "new")]
    assert (found.calls, found.errors, found.seconds) == (2, 1, 2.0)
    assert comparisons.sums(control, "party").matched == 1


@pytest.mark.parametrize(
    ("took", "seconds"),
    [((0.0005, 0.0005), 0.5), ((0.002, 0.002), 2.0), ((0.05, 0.002), 2.0), ((0.02, 0.03), SELDOM)],
)
def test_counts_are_flushed_the_less_often_the_more_that_takes(
    took: tuple[float, float], seconds: float
) -> None:
    assert pause(*took) == pytest.approx(seconds)


async def test_after_flushes_that_take_long_the_next_one_waits_and_the_last_one_does_not(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = counting._store

    def slowly(*arguments: Any) -> float:
        store(*arguments)
        return 60.0

    monkeypatch.setattr(counting, "_store", slowly)
    monkeypatch.setattr(counting, "PERIOD", 0.01)
    tally = Tally("f", lambda *told: None)
    running = asyncio.create_task(tally.run(lambda: control))
    for number in range(1, 3):
        note(tally)
        await until(lambda number=number: calls(control) == number)  # type: ignore[misc]
    note(tally)
    await asyncio.sleep(0.3)
    assert calls(control) == 2, f"it is due {SELDOM} s after the one before"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert calls(control) == 3


def test_calls_are_counted_in_the_minute_in_which_they_were_over(monkeypatch: pytest.MonkeyPatch) -> None:
    minute = [7]
    monkeypatch.setattr(counts, "_minute", lambda: minute[0])
    tally = Tally("f", lambda *told: None)
    note(tally)
    assert not tally.calls.minute_is_over
    minute[0] = 8
    assert tally.calls.minute_is_over
    tally.calls.settle()
    assert not tally.calls.minute_is_over
    note(tally)
    note(tally)
    tally.calls.settle()
    note(tally)
    tally.calls.settle()
    told = [(part.minute, *(each.calls for each in part.counts.values())) for part in tally.calls.take()]
    assert told == [(7, 1), (8, 3)]
