"""What is wrong with one cohort keeps that cohort from moving and no other; what may be anybody's keeps all of them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from strangler.changes import Position
from strangler.control import quarantine, standings
from strangler.control.quarantine import Held
from strangler.control.store import Control
from strangler.cutover import assessment, gates
from strangler.cutover.evidence import Evidence, Health
from strangler.cutover.gates import Verdict
from strangler.cutover.stages import EVERYONE, Stage
from strangler.settings import Function
from tests.cutover.test_gates import function

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
A, B = "1000", "2000"

Verdicts = Callable[..., dict[str, Verdict]]


def evidence(control: Control, section: Function, cohort: str) -> Evidence:
    def probe(_service: object) -> Health:
        return Health(True, "well")

    return assessment.collect(control, "party", section, cohort, probe=probe, clock=time.time)


@pytest.fixture
def two(control: Control) -> Control:
    """A control store in which two cohorts of `party` move on their own."""
    for cohort in (EVERYONE, A, B):
        standings.amend(control, "party", cohort, at=1.0, stage=Stage.CANARY, weight=500)
    return control


def held(key: str, *cohorts: str, position: str = "1") -> Held:
    return Held("party", "party", key, Position(position), "bad date", "{}", 1.0, cohorts=cohorts or None)


def waiting(control: Control, cohort: str) -> tuple[Verdict, str]:
    found = gates.quarantine.check(evidence(control, function(), cohort), function())
    return found.verdict, found.words


def test_a_key_in_quarantine_blocks_the_cohort_that_it_is_of(two: Control) -> None:
    quarantine.hold(two, [held("[1]", A)])
    assert waiting(two, A) == (FAIL, "1 key waits in quarantine, more than 0")
    assert waiting(two, B) == waiting(two, EVERYONE) == (PASS, "0 keys wait in quarantine")
    quarantine.hold(two, [held("[2]", EVERYONE)])
    assert [waiting(two, each)[0] for each in (A, B, EVERYONE)] == [FAIL, PASS, FAIL]


def test_a_key_of_which_nobody_can_tell_whose_it_is_blocks_all_cohorts(two: Control) -> None:
    quarantine.hold(two, [held("[1]", A), held("[1]", position="2"), held("[2]", "3000")])
    words = "1 key waits in quarantine, of 1 of which it isn't known whose it is, more than 0"
    assert waiting(two, A) == (FAIL, "1 key waits in quarantine, more than 0")
    assert waiting(two, B) == (FAIL, words)
    assert waiting(two, EVERYONE)[1].startswith("2 keys wait in quarantine, of 1")


def test_a_row_that_goes_over_blocks_both_cohorts_and_a_cohort_that_rejoined_the_others(two: Control) -> None:
    quarantine.hold(two, [held("[1]", A, "3000")])
    assert [waiting(two, each)[0] for each in (A, B, EVERYONE, "3000")] == [FAIL, PASS, FAIL, FAIL]
    quarantine.remove(two, quarantine.listed(two))
    quarantine.hold(two, [held("[1]", A)])
    standings.rejoin(two, standings.of(two, "party", A), at=2.0)
    assert waiting(two, EVERYONE)[0] is FAIL
