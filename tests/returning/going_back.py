"""Going back to legacy with a real world outside, whatever the gates say."""

from __future__ import annotations

import pytest

from strangler.control import standings
from strangler.cutover import journal
from strangler.cutover.journal import Intent, Step
from strangler.cutover.outside import outside
from strangler.cutover.recovery import Watch, unheard
from strangler.cutover.stages import EVERYONE, Stage
from strangler.cutover.switch import Switch, Undone
from strangler.errors import Refused
from tests.returning.orders import Orders


def go_back(
    orders: Orders, cohort: str = EVERYONE, watch: Watch = unheard, *, limit: float = 10.0, accepted: int = 0
) -> None:
    """Make legacy the owner of the orders, or of a cohort of them, within so many seconds."""
    world = outside(orders.settings, orders.control, "sales", cohort)
    intent = Intent("sales", cohort, Stage.SYNCING, 0, "eva@host", "", [], accepted)
    before = standings.of(orders.control, "sales", cohort)
    Switch(orders.control, world, limit, watch=watch).run(intent, before)


def assert_refused_before_the_fence(orders: Orders, cohort: str, what: str, why: str, do: str) -> None:
    """A rollback says so at once, and no write had to wait for that."""
    before, steps = standings.snapshot(orders.control), list[Step]()
    with pytest.raises(Refused) as refused:
        go_back(orders, cohort, lambda step, done: steps.append(step))
    assert not isinstance(refused.value, Undone)
    assert "isn't begun: " + what in refused.value.what
    assert why in (refused.value.why or "")
    assert do in (refused.value.do or "")
    assert (standings.snapshot(orders.control), steps) == (before, [])
    assert journal.unfinished(orders.control) == []
