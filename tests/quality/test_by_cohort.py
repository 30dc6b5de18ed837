"""Checks told by cohort: rows of one cohort that fail don't speak against the others; what may be anybody's speaks against all."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from strangler.configuration import load
from strangler.control import quality_runs, standings
from strangler.control.quality_runs import QualityRun
from strangler.cutover import assessment, gates
from strangler.cutover.evidence import Health
from strangler.cutover.gates import Verdict
from strangler.cutover.stages import EVERYONE, Stage
from tests.quality.conftest import Check, Make, entity, rewrite
from tests.quality.test_checks import FIELDS, ROWS, TABLE
from tests.reconcile.landscape import Landscape

OF = "CASE WHEN id <= 2 THEN 'A' WHEN id = 3 THEN 'B' END"

CHECKS: dict[str, dict[str, Any]] = {
    "of * alone, if it is asked alone": {"field": "name", "check": "not null", "mostly": "80%"},
    "of A and *": {"field": "amount", "check": "between", "min": 0.11},
    "of *": {"field": "boss", "check": "present in", "entity": "partner"},
    "of * too": {"field": "born", "check": "between", "max": "1999-12-31", "where": "id > 1"},
    "of B and *": {"field": "state", "check": "in set", "values": ["draft"]},
    "of nobody": {"field": "code", "check": "matches", "pattern": "^[A-Za-z]"},
}
TWICE = {"field": "code", "check": "unique"}
SEVERITIES = ("critical", "warning", "info")


@pytest.fixture(params=["mysql-postgresql", "sqlite-sqlite"])
def landscape(request: pytest.FixtureRequest, make: Make) -> Landscape:
    """Five partners on both sides, of two cohorts that move on their own and of none."""
    legacy, store = request.param.split("-")
    found = make(legacy, store, TABLE[legacy], entity=entity(FIELDS, CHECKS.values()))
    rewrite(found, lambda document: document["functions"]["partners"].update(COHORTS))
    found.legacy.insert("partner", ROWS)
    found.fill()
    return found


COHORTS = {"cohorts": {"from": [{"header": "x-company"}], "of": {"partner": OF}}}


def apart(landscape: Landscape) -> None:
    for cohort in ("A", "B"):
        standings.amend(landscape.control, "partners", cohort, at=1.0, stage=Stage.CANARY)


def failing(run: QualityRun) -> dict[str, int]:
    return {each: run.failing(SEVERITIES, each, ("A", "B")) for each in ("A", "B", EVERYONE, "C")}


@pytest.mark.parametrize("on", ["legacy", "store"])
def test_a_check_fails_for_the_cohorts_whose_rows_fail_it(
    landscape: Landscape, check: Check, on: str
) -> None:
    assert check(landscape, on).run.told is None, "no cohort moves on its own"
    apart(landscape)
    found = check(landscape, on)
    assert found.run.failing(SEVERITIES) == 5
    assert failing(found.run) == {"A": 1, "B": 1, EVERYONE: 5, "C": 5}
    assert found.run.failing(SEVERITIES, EVERYONE, ("A",)) == 5, "B has rejoined the others"


def test_what_stands_twice_is_of_no_cohort_and_speaks_against_all(landscape: Landscape, check: Check) -> None:
    def change(document: dict[str, Any]) -> None:
        document["functions"]["partners"]["entities"]["partner"]["quality"] = [TWICE, CHECKS["of *"]]

    rewrite(landscape, change)
    apart(landscape)
    assert failing(check(landscape, "store").run) == {"A": 1, "B": 1, EVERYONE: 2, "C": 2}


def test_the_gate_of_a_cohort_goes_by_its_own_rows(landscape: Landscape, check: Check) -> None:
    def change(document: dict[str, Any]) -> None:
        document["functions"]["partners"]["entities"]["partner"]["quality"] = [CHECKS["of B and *"]]
        document["functions"]["partners"]["gates"] = {"quality": {"on": ["store"]}}

    rewrite(landscape, change)
    apart(landscape)
    check(landscape, "store")
    section = load(landscape.path).functions["partners"]

    def verdict(cohort: str, unmade: int = 0) -> tuple[Verdict, str]:
        found = assessment.collect(
            landscape.control, "partners", section, cohort, probe=lambda _: Health(True, ""), clock=time.time
        )
        runs = {side: replace(run, unmade=unmade) for side, run in found.quality.items()}
        result = gates.quality.check(replace(found, quality=runs, backfills={}), section)
        return result.verdict, result.words

    assert verdict("A") == (Verdict.PASS, "every critical check holds on store")
    assert verdict("B") == verdict(EVERYONE) == (Verdict.FAIL, "1 critical check fails on store")
    assert verdict("A", unmade=1)[0] is Verdict.INCONCLUSIVE, "what couldn't be checked isn't told of it"
    (run,) = quality_runs.latest(landscape.control, "partners").values()
    assert run.told is not None
