"""How a legacy function is switched off for good."""

from __future__ import annotations

from contextlib import closing

import pytest

from strangler.control.store import Control
from strangler.cutover.outside import outside
from strangler.cutover.stages import EVERYONE
from strangler.settings import Retire
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
