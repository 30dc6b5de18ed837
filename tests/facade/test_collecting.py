"""The collector of a process that answers calls: it looks briefly, and at all there is when no call is under way."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from strangler.facade import collecting


class Knot:
    """Refers to itself, so that the collector alone frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The collector of the tests' own process is left as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


async def test_all_there_is_is_looked_at_when_it_is_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "ALL", 0.05)
    busy = True
    looking = asyncio.create_task(collecting.collect_briefly(lambda: not busy))
    await asyncio.sleep(0.01)
    knot = Knot()
    gone = weakref.ref(knot)
    del knot
    await asyncio.sleep(0.3)
    assert gone() is not None, "it looked while a call was under way"
    busy = False
    async with asyncio.timeout(10):
        while gone() is not None:
            await asyncio.sleep(0.02)
    looking.cancel()


async def test_who_is_never_calm_is_looked_through_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "ALL", 0.01)
    monkeypatch.setattr(collecting, "PATIENCE", 0.1)
    looking = asyncio.create_task(collecting.collect_briefly(lambda: False))
    await asyncio.sleep(0.001)
    knot = Knot()
    gone = weakref.ref(knot)
    del knot
    async with asyncio.timeout(10):
        while gone() is not None:
            await asyncio.sleep(0.02)
    looking.cancel()


async def test_no_look_between_takes_long() -> None:
    """However many objects are new at once: the youngest are never more than a few thousand."""
    looking = asyncio.create_task(collecting.collect_briefly(lambda: False))
    await asyncio.sleep(0.01)
    looked: list[int] = []
    gc.callbacks.append(lambda phase, info: looked.append(info["generation"]) if phase == "start" else None)
    try:
        kept = [[number] for number in range(100_000)]
    finally:
        gc.callbacks.pop()
    assert len(kept) == 100_000
    assert looked.count(2) == 0
    assert len(looked) >= 100_000 / 1_000 - 1
    looking.cancel()
