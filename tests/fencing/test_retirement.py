"""How a legacy function is switched off for good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from strangler.control import fences, standings
from strangler.control.store import Control
from strangler.cutover.conductor import Acting
from strangler.cutover.foretelling import foretell
from strangler.cutover.journal import Intent, Step
from strangler.cutover.outside import outside
from strangler.cutover.stages import EVERYONE, Side, Stage
from strangler.cutover.world import Outside
from strangler.fencing.fence import LegacyFence
from strangler.settings import Fence, Retire
from tests.fencing.legacies import Legacy


def test_its_rows_take_no_writes_and_its_switch_is_off(legacy: Legacy, control: Control) -> None:
    legacy.run(
        "CREATE TABLE feature (name VARCHAR(20), active INTEGER)", "INSERT INTO feature VALUES ('party', 1)"
    )
    statement = "UPDATE feature SET active = 0 WHERE name = 'party'"
    settings = legacy.settings(retire={"by": "trigger", "statements": [statement]})
    for _ in range(2):
        with closing(outside(settings, control, "party", EVERYONE)) as world:
            assert world.deactivate is not None
            world.deactivate()
        assert "Strangler" in legacy.refusal("DELETE FROM party")
        assert legacy.run("SELECT active FROM feature") in ([(0,)], ((0,),))
    assert outside(legacy.settings(), control, "party", EVERYONE).deactivate is None


def test_a_cohort_that_is_retired_leaves_the_legacy_function_on_for_the_others(
    legacy: Legacy, control: Control
) -> None:
    settings = legacy.settings(retire={"statements": ["UPDATE feature SET active = 0 WHERE name = 'party'"]})
    assert outside(settings, control, "party", "1000").deactivate is None


def test_a_retirement_says_how() -> None:
    with pytest.raises(ValueError, match="how the legacy function is switched off"):
        Retire()
    with pytest.raises(ValueError, match="needs `roles`"):
        Retire(by="revoke")


@contextmanager
def world_of(server: Legacy, control: Control, **function: Any) -> Iterator[Outside]:
    """As a command of its own has it."""
    with closing(outside(server.settings(**function), control, "party", EVERYONE)) as world:
        yield world


def _triggers(server: Legacy) -> list[str]:
    query = {
        "mysql": "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
        "postgres": "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal UNION ALL "
        "SELECT proname::text FROM pg_proc WHERE proname LIKE 'strangler%'",
    }[server.kind]
    return [name for (name,) in server.run(query)]


def _tell(server: Legacy, control: Control) -> None:
    with world_of(server, control, fence={"by": "tell"}) as world:
        assert world.fence_legacy is not None
        world.fence_legacy()
    assert server.refusal("UPDATE party SET name = 'late' WHERE id = 1") == ""
    assert _triggers(server) != []


def _retired(server: Legacy, control: Control, **function: Any) -> None:
    """The function, which is live, by the switch as it is."""
    settings = server.settings(**function)
    before = standings.of(control, "party")
    live = standings.change(control, before, replace(before, stage=Stage.LIVE, owner=Side.NEW), at=1.0)
    hand = Acting(control, "eva@host", 30.0, partial(outside, settings, control))
    hand.switch(Intent("party", EVERYONE, Stage.RETIRED, 0, "eva@host", "", []), live)
    assert standings.of(control, "party").stage is Stage.RETIRED


def test_a_function_of_which_it_was_told_who_writes_takes_no_writes_when_it_is_retired(
    server: Legacy, control: Control
) -> None:
    _tell(server, control)
    _retired(server, control, fence={"by": "tell"}, retire={"by": "trigger"})
    assert "Strangler: party is moving" in server.refusal("UPDATE party SET name = 'x' WHERE id = 1")
    assert not any("tell" in name for name in _triggers(server))
    server.take_down(control)
    assert server.refusal("UPDATE party SET name = 'x' WHERE id = 1") == ""
    assert _triggers(server) == []


def test_it_leaves_nothing_that_tells_who_writes(server: Legacy, control: Control) -> None:
    _tell(server, control)
    _retired(server, control, fence={"by": "tell"})
    assert _triggers(server) == []
    assert fences.of_function(control, "party") == []


def test_what_tells_who_writes_is_gone_when_nobody_asks_any_more(server: Legacy, control: Control) -> None:
    _tell(server, control)
    with world_of(server, control) as world:
        told = {each.step: each.statements for each in foretell(Stage.RETIRED, world)}
        assert world.silence is not None
        assert all("strangler_tell_" in each for each in told[Step.LEGACY_LIFTED])
        for _ in range(2):
            world.silence()
    assert _triggers(server) == []
    assert fences.of_function(control, "party") == []
    with world_of(server, control) as world:
        assert world.silence is None


def test_what_refuses_writes_stays_when_it_is_retired(server: Legacy, control: Control) -> None:
    with server.moving(control, fence={"by": "trigger"}) as moving:
        LegacyFence(moving, Fence(by="trigger")).put_up()
    with world_of(server, control, fence={"by": "trigger"}) as world:
        assert world.silence is None


def test_who_is_only_to_be_told_of_is_refused_no_longer(server: Legacy, control: Control) -> None:
    with server.moving(control, fence={"by": "trigger"}) as moving:
        LegacyFence(moving, Fence(by="trigger")).put_up()
    _tell(server, control)
    assert server.run("SELECT name FROM party WHERE id = 1") in ([("late",)], (("late",),))
    server.take_down(control)
    assert _triggers(server) == []
