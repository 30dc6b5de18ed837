"""A facade looks more often at the standings while a change is to be expected."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import pytest

from strangler.control import standings
from strangler.control.store import Control
from strangler.facade import standing
from strangler.facade.flight import Flight
from strangler.facade.memory import Memory
from strangler.facade.standing import CLOSER, FOLLOWED, PERIOD, Keeper
from strangler.settings import Facade
from tests.facade.conftest import until


async def test_who_keeps_the_standings_ends_also_in_the_moment_in_which_a_write_has_landed(
    control: Control,
) -> None:
    keeper = Keeper(lambda: control, "a", Flight(), Memory({}, Facade(legacy="http://legacy")))
    keeping = asyncio.create_task(keeper.run())
    await until(lambda: not keeper.trouble)
    while keeper._wake._waiters == deque():  # until it waits for its next look
        await asyncio.sleep(0)
    keeper._wake.set()
    keeping.cancel()
    done, _ = await asyncio.wait([keeping], timeout=5)
    keeping.cancel()
    assert done
    assert keeping.cancelled()


def test_after_an_announcement_a_facade_looks_closer_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(standing, "time", SimpleNamespace(time=time.time, monotonic=lambda: now[0]))
    with Control.open(f"sqlite:///{tmp_path}/control.db") as control:
        keeper = Keeper(lambda: control, "a", Flight(), Memory({}, Facade(legacy="http://legacy")))

        def later(seconds: float) -> float:
            now[0] += seconds
            asyncio.run(keeper.round())
            return keeper.period()

        later(0)
        assert later(FOLLOWED + 1) == PERIOD
        generation = standings.generation(control)
        standings.announce(control)
        assert later(0.2) == CLOSER
        assert standings.generation(control) == generation, "proxies have nothing to load"
        assert later(FOLLOWED + 1) == PERIOD
