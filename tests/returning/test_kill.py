"""kill -9 of the process that returns, at any moment, again and again: nothing is lost, and nothing comes back twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from strangler.control import conflicts
from strangler.cutover.stages import Side
from tests.returning.orders import Orders, edit

ROOT = Path(__file__).parents[2]


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
def test_invariant_2_a_killed_feed_loses_and_doubles_nothing(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    legacy, store = request.getfixturevalue(f"{kind}_url"), f"sqlite:///{tmp_path}/service.db"
    orders, chance = Orders(tmp_path, legacy, store), random.Random(5)
    orders.create()
    with orders.captured():
        orders.fill()
        orders.own(Side.NEW)
        for _ in range(4):
            victim = subprocess.Popen(
                [sys.executable, "-m", "tests.returning.killed", str(tmp_path), legacy, store],
                cwd=ROOT,
                stdout=subprocess.PIPE,
            )
            assert victim.stdout is not None
            assert victim.stdout.readline() == b"ready\n"
            until = time.monotonic() + chance.uniform(0.2, 1.0)
            while time.monotonic() < until:
                orders.serve(*(edit(chance) for _ in range(5)))
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            victim.stdout.close()
        orders.return_all()
        orders.require_same()
    assert orders.waiting() == 0
    assert conflicts.listed(orders.control) == []
    orders.control.close()
