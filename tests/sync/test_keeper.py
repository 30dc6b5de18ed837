"""The keeper: work goes on whatever it raises, and whatever telling of it raises."""

from __future__ import annotations

import threading

from strangler.errors import StranglerError
from strangler.keeper import Keeper


def test_a_thread_lives_when_neither_its_work_nor_telling_of_it_succeeds() -> None:
    again = threading.Event()
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        if len(tries) == 2:
            again.set()
        raise ValueError("something nobody thought of")

    def failed(error: StranglerError) -> None:
        raise TypeError("something else nobody thought of")

    keeper = Keeper()
    keeper.keep("part", work, failed)
    assert again.wait(10.0)
    keeper.stop.set()
    keeper.join(10.0)
