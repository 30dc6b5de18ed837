"""Invariants 4, 5, 6 and 8 over whole cutovers, as Hypothesis makes them up."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.cutover.whole.machine import Cutover

USUAL = settings(deadline=None, suppress_health_check=list(HealthCheck), stateful_step_count=40)


def test_invariant_4_5_6_8_hold_whatever_happens() -> None:
    run_state_machine_as_test(Cutover, settings=settings(USUAL, max_examples=20, derandomize=True))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_invariant_4_5_6_8_hold_whatever_happens_for_long() -> None:
    run_state_machine_as_test(Cutover, settings=settings(USUAL, max_examples=1500, stateful_step_count=70))
