"""A facade looks more often at the standings while a change is to be expected."""

from __future__ import annotations

import asyncio
import time
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
