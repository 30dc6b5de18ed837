"""How long it would take to go back: by what was measured, and by whose switches; else the least, and it says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from strangler.cli.main import root
from strangler.control import returning, standings
from strangler.control.returning import ReturnRecord
from strangler.control.store import Control
from strangler.cutover import journal
from strangler.cutover.conductor import Acting, Conductor
from strangler.cutover.journal import Intent, Step
from strangler.cutover.stages import EVERYONE, Side, Stage, at_the_start
from strangler.cutover.way_home import Basis, Home, ways_home
from strangler.cutover.ways import Way, wanted
from strangler.cutover.world import Outside
from strangler.settings import Settings
from tests.cutover.estate import position
from tests.cutover.test_commands import CONFIGURATION
from tests.cutover.test_gates import function

WORLD = Outside(lambda: None, lambda timeout: position(1), lambda: 0, lambda: 0)
RETURNING = Outside(lambda: None, lambda timeout: position(1), lambda: 0, lambda: 0, returned=lambda: "")


def switched(
    control: Control,
    stage: Stage,
    *,
    name: str = "party",
    cohort: str = EVERYONE,
    each: float,
    world: Outside = WORLD,
) -> None:
    """A switch in the journal of which every step but the first took `each` seconds."""
    intent = Intent(name, cohort, stage, 0, "eva", "", [])
    way = Way.TO_LEGACY if intent.owner is Side.LEGACY else Way.TO_NEW
    first, *others = [action.step for action in wanted(way, world)]
    at = 1_000.0
    opened = journal.begin(control, intent, at_the_start(name, cohort), first, at=at)
    for step in others:
        opened = journal.advance(control, opened, step, at=(at := at + each))


def home(
    control: Control, stage: Stage = Stage.LIVE, *, cohort: str = EVERYONE, world: Outside = WORLD
) -> Home | None:
    return ways_home(control, "party", cohort, world, 30.0, 2_000.0)(stage)


def test_where_legacy_owns_it_no_write_waits_and_where_there_is_no_way_back_there_is_no_time(
    control: Control,
) -> None:
    for stage in (Stage.SYNCING, Stage.SHADOW, Stage.CANARY):
        found = home(control, stage)
        assert found is not None
        assert (found.seconds, found.limit) == (standings.NOTICED_WITHIN, None)
        assert "no write waits" in found.words
    assert home(control, Stage.LEGACY) is home(control, Stage.RETIRED) is None


def test_without_any_switch_it_is_the_least_with_the_lag_of_what_returns(control: Control) -> None:
    returning.report(control, ReturnRecord("party", 3, 1_998.5, 0, 2_000.0, None))
    found = home(control, world=RETURNING)
    assert found is not None
    assert (found.basis, found.limit) == (Basis.LEAST, 30.0)
    assert found.seconds == pytest.approx(1.5 + 2 * standings.ANNOUNCED_WITHIN)
    assert found.words == "at least 1.6 s: nothing was measured yet; 3 changes wait to return now"


def test_what_a_switch_to_new_measured_counts_for_the_steps_that_both_have(control: Control) -> None:
    switched(control, Stage.LIVE, each=0.25)
    found = home(control, world=RETURNING)
    assert found is not None
    assert found.basis is Basis.STEPS
    measured = {each.step: each.seconds for each in found.steps if each.measured}
    assert measured == dict.fromkeys(
        (Step.ACKNOWLEDGED, Step.CHECKED, Step.DECIDED, Step.SWITCHED, Step.FINISHED), 0.25
    ) | {Step.FENCED: 0.0}
    assert found.words == (
        "at least 1.2 s: 6 of its 7 steps were measured in switches of party, not yet: returned"
    )


def test_rollbacks_of_the_same_function_count_as_a_whole(control: Control) -> None:
    switched(control, Stage.SYNCING, each=0.1)
    assert (found := home(control)) is not None
    assert (found.basis, found.words) == (Basis.MEASURED, "0.5 s, as measured in the last rollback of party")
    switched(control, Stage.SYNCING, each=0.2)
    assert (found := home(control)) is not None
    assert found.seconds == pytest.approx(1.0)
    assert found.words == "0.5 s to 1.0 s, as measured in the last 2 rollbacks of party"
    assert (found := home(control, world=RETURNING)) is not None
    assert (found.basis, found.steps[2].measured) == (Basis.STEPS, False), "it has a way back by now"


def test_a_cohort_goes_by_its_own_rollbacks_then_by_other_cohorts_then_by_the_steps_of_other_functions(
    control: Control,
) -> None:
    switched(control, Stage.SYNCING, name="sale", each=0.3)
    assert (found := home(control, cohort="1000")) is not None
    assert (found.basis, "switches of other functions" in found.words) == (Basis.STEPS, True)
    switched(control, Stage.SYNCING, cohort="2000", each=0.2)
    assert (found := home(control, cohort="1000")) is not None
    assert found.words.endswith("in the last rollback of other cohorts of party")
    switched(control, Stage.SYNCING, cohort="1000", each=0.1)
    assert (found := home(control, cohort="1000")) is not None
    assert found.words.endswith("in the last rollback of party (cohort 1000)")


def test_an_undone_switch_measures_nothing(control: Control) -> None:
    intent = Intent("party", EVERYONE, Stage.SYNCING, 0, "eva", "", [])
    opened = journal.begin(control, intent, at_the_start("party"), Step.FENCED, at=1.0)
    journal.advance(control, opened, Step.UNDONE, at=9.0)
    assert (found := home(control)) is not None
    assert found.basis is Basis.LEAST


def test_a_real_switch_is_measured_step_by_step(control: Control) -> None:
    configured = {"sources": {"erp": {"kind": "sqlite", "url": "sqlite:///erp.db"}}}
    settings = Settings.model_validate(
        {**configured, "functions": {"party": function().model_dump(by_alias=True)}}
    )
    standings.amend(control, "party", at=1.0, stage=Stage.LIVE, owner=Side.NEW, weight=10_000)
    hand = Acting(control, "eva", 5.0, lambda name, cohort: WORLD)
    Conductor(settings, control, hand, actor="eva").rollback("party")
    (found,) = journal.finished(control, 10)
    assert list(found.took) == [action.step for action in wanted(Way.TO_LEGACY, WORLD)]
    assert 0.0 < sum(found.took.values()) < 60.0
    assert (back := home(control)) is not None
    assert back.seconds == pytest.approx(sum(found.took.values()))


PLAN_KEYS = {
    "function", "cohort", "plan", "begun_under", "stage", "weight", "owner", "fenced", "hold", "since", "generation", "rollback", "steps",
    "unseen", "returning", "unchecked", "by_row", "numbers", "unknown",
}  # fmt: skip
STEP_KEYS = {"to", "does", "gates", "asks", "least_seconds", "interrupts", "final", "switch", "rollback"}
DRY_KEYS = {"function", "cohort", "asked", "allowed", "from", "to", "gates", "switch", "rollback", "refused"}
HOME_KEYS = {"seconds", "basis", "words", "limit_seconds", "steps"}


def test_what_programs_read_has_these_keys(tmp_path: Path) -> None:
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION)

    def read(*words: str, code: int = 0) -> object:
        done = CliRunner().invoke(root, ["-c", str(path), *words])
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    stages = read("stages", "--json")
    assert isinstance(stages, list)
    assert [each["stage"] for each in stages] == list(Stage)
    assert {tuple(each) for each in stages} == {
        ("stage", "reads", "owner", "delivery", "returning", "meaning")
    }
    plan = read("plan", "party", "--json")
    assert isinstance(plan, dict)
    assert (set(plan), {frozenset(each) for each in plan["steps"]}) == (PLAN_KEYS, {frozenset(STEP_KEYS)})
    homes = [each["rollback"] for each in plan["steps"]]
    assert (plan["rollback"], homes[-1]) == (None, None), "legacy and retired have no way back"
    assert {frozenset(each) for each in homes[:-1]} == {frozenset(HOME_KEYS)}
    live = homes[-2]
    assert {frozenset(each) for each in live["steps"]} == {frozenset(("step", "seconds", "measured"))}
    assert live["limit_seconds"] == 30.0
    dry = read("advance", "party", "--dry-run", "--json")
    assert isinstance(dry, dict)
    assert (set(dry), dry["allowed"], dry["refused"]) == (DRY_KEYS, True, None)
    assert (dry["from"]["stage"], dry["to"]) == (
        "legacy",
        {"stage": "syncing", "weight": 0.0, "owner": "legacy"},
    )
    refused = read("rollback", "party", "--dry-run", "--json", code=1)
    assert isinstance(refused, dict)
    assert (set(refused), refused["allowed"], refused["to"]) == (DRY_KEYS, False, None)
    assert set(refused["refused"]) == {"what", "why", "do"}


def test_a_refused_dry_run_has_every_gate_for_programs(tmp_path: Path) -> None:
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION)
    run = CliRunner()
    run.invoke(root, ["-c", str(path), "advance", "party"])
    done = run.invoke(root, ["-c", str(path), "advance", "party", "--dry-run", "--json"])
    found = json.loads(done.stdout)
    assert (done.exit_code, found["allowed"]) == (1, False)
    assert [each["gate"] for each in found["gates"]] == ["backfill", "freshness", "lag", "service"]
    assert {frozenset(each) for each in found["gates"]} == {
        frozenset(("gate", "verdict", "figure", "limit", "words", "do"))
    }
    usage = run.invoke(root, ["-c", str(path), "advance", "party", "--json"])
    assert (usage.exit_code, "--json goes with --dry-run" in usage.output) == (2, True)


def test_plan_and_dry_run_tell_people_how_long_it_takes_to_go_back(tmp_path: Path) -> None:
    path = tmp_path / "strangler.yaml"
    path.write_text(CONFIGURATION)
    run = CliRunner(env={"COLUMNS": "140"})
    planned = run.invoke(root, ["-c", str(path), "plan", "party"]).output
    lines = [line.strip() for line in planned.splitlines() if "going back takes" in line]
    assert lines == [
        "going back takes: 0.2 s at most, until the facades notice; no write waits",
        "going back takes: at least 0.1 s: nothing was measured yet; past 30 s it undoes itself",
    ]
    dry = run.invoke(root, ["-c", str(path), "advance", "party", "--dry-run"]).output
    assert "going back takes: 0.2 s at most" in dry
