"""Work that may hang is done by threads that are used again, but for those whose work hangs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from strangler.facade.within import within


async def test_one_thread_does_one_piece_of_work_after_another() -> None:
    used = {await within(5, threading.current_thread) for _ in range(20)}
    assert len(used) <= 2, "it may not be back yet when the next one is asked for"


async def test_a_thread_whose_work_hangs_is_left_to_it() -> None:
    comes = threading.Event()

    def hang() -> threading.Thread:
        comes.wait(20)
        return threading.current_thread()

    with pytest.raises(TimeoutError):
        await within(0.05, hang)
    assert await within(5, lambda: "done") == "done"
    comes.set()
    assert await within(5, lambda: "done again") == "done again"


async def test_what_work_raises_is_raised_and_its_thread_goes_on() -> None:
    def fail() -> None:
        raise ValueError("it failed")

    for _ in range(3):
        with pytest.raises(ValueError, match="it failed"):
            await within(5, fail)
    assert await within(5, lambda: 1) == 1


async def test_many_at_once_are_done_at_once_and_only_a_few_threads_stay() -> None:
    together = threading.Barrier(20)
    await asyncio.gather(*(within(10, together.wait) for _ in range(20)))
    for _ in range(100):
        if sum(each.name == "within" for each in threading.enumerate()) <= 8:
            return
        await asyncio.sleep(0.05)
    raise AssertionError([each.name for each in threading.enumerate()])
