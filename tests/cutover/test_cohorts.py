"""Cohorts: how one gets a standing of its own, moves by it, and rejoins the others."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from strangler.changes import Position
from strangler.cli.main import root
from strangler.control import ledger, standings
from strangler.control.standings import Snapshot
from strangler.control.store import Control
from strangler.cutover import history, journal
from strangler.cutover.cohorts import apart, stage_beneath
from strangler.cutover.history import Kind
from strangler.cutover.journal import Intent, Step
from strangler.cutover.stages import EVERYONE, RULES, Side, Stage, Standing, at_the_start
from strangler.errors import Refused
from tests.cutover.test_commands import CONFIGURATION, Strangler

COHORTS = CONFIGURATION.replace(
    "    entities:",
    '    cohorts: {names: ["1000", "2000", a, b], from: [{header: "X-Company"}], of: {party: id}}\n    entities:',
)


@pytest.fixture
def strangler(tmp_path: Path) -> Strangler:
    """Runs a command with a configuration whose function has cohorts."""
    path = tmp_path / "strangler.yaml"
    path.write_text(COHORTS)

    def run(*arguments: str, columns: int = 140) -> Result:
        result = CliRunner(env={"COLUMNS": str(columns)}).invoke(root, ["--config", str(path), *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    """The control store of that configuration."""
    with Control.open(f"sqlite:///{tmp_path}/.strangler/control.db") as opened:
        yield opened


def at(stage: Stage, cohort: str = EVERYONE, weight: int = 0) -> Standing:
    start = at_the_start("party", cohort)
    return replace(start, stage=stage, weight=weight, owner=RULES[stage].owner)


def test_a_cohort_begins_where_the_whole_function_stands_and_moves_alone(
    strangler: Strangler, control: Control
) -> None:
    strangler("advance", "party")
    assert standings.of(control, "party", "1000").stage is Stage.SYNCING
    assert standings.cohorts(control, "party") == []
    back = strangler("rollback", "party", "--cohort", "1000", "--reason", "not yet").output
    assert "party (cohort 1000): syncing → legacy" in back
    (own,) = standings.cohorts(control, "party")
    assert (own.cohort, own.stage) == ("1000", Stage.LEGACY)
    assert standings.of(control, "party").stage is Stage.SYNCING
    assert standings.of(control, "party", "2000").stage is Stage.SYNCING


def test_status_shows_cohorts_below_their_function(strangler: Strangler) -> None:
    strangler("advance", "party")
    strangler("hold", "party", "--cohort", "1000", "--reason", "stocktaking")
    lines = strangler("status").output.splitlines()
    (number,) = (number for number, line in enumerate(lines) if line.lstrip().startswith("party"))
    assert "1000" in lines[number + 1]
    assert "paused: stocktaking" in lines[number + 1]
    (found,) = json.loads(strangler("status", "--json").output)
    assert (found["cohort"], [each["cohort"] for each in found["cohorts"]]) == ("*", ["1000"])
    (alone,) = json.loads(strangler("status", "--cohort", "2000", "--json").output)
    assert (alone["cohort"], alone["stage"], alone["cohorts"]) == ("2000", "syncing", [])
    assert "paused: stocktaking" in strangler("status", columns=80).output


def test_the_hold_of_a_function_holds_its_cohorts_and_that_of_a_cohort_only_itself(
    strangler: Strangler,
) -> None:
    strangler("hold", "party", "--cohort", "1000", "--reason", "stocktaking")
    assert "party (cohort 1000) is held in legacy" in strangler("advance", "party", "--cohort", "1000").output
    assert strangler("advance", "party").exit_code == 0
    strangler("release", "party", "--cohort", "1000")
    strangler("hold", "party", "--reason", "period close")
    held = strangler("advance", "party", "--cohort", "1000")
    assert (held.exit_code, "party is held in syncing" in held.output) == (1, True)
    assert "held: period close" in strangler("plan", "party", "--cohort", "1000").output


def test_a_cohort_that_stands_as_the_others_do_can_rejoin_them(
    strangler: Strangler, control: Control
) -> None:
    refused = strangler("rejoin", "party", "--cohort", "1000")
    assert "goes with the whole function" in refused.output
    strangler("advance", "party", "--cohort", "1000")
    apart = strangler("rejoin", "party", "--cohort", "1000")
    assert "it stands in syncing, the others in legacy" in apart.output
    strangler("advance", "party")
    assert "strangler rejoin party --cohort 1000" in strangler("cohorts", "party").output
    rejoined = strangler("rejoin", "party", "--cohort", "1000", "--as", "eva@office")
    assert (rejoined.exit_code, "moves with all the others again" in rejoined.output) == (0, True)
    assert standings.cohorts(control, "party") == []
    entry = ledger.entries(control)[-1]
    assert (entry.kind, entry.actor, entry.body["cohort"]) == (Kind.REJOINED, "eva@office (claimed)", "1000")


def test_cohorts_are_listed_with_all_the_others_last(strangler: Strangler) -> None:
    strangler("advance", "party", "--cohort", "b")
    strangler("hold", "party", "--cohort", "a", "--reason", "stocktaking")
    lines = [line.split()[0] for line in strangler("cohorts", "party").output.splitlines() if line.strip()]
    assert lines[-3:] == ["a", "b", "all"]
    found = json.loads(strangler("cohorts", "party", "--json").output)
    assert [(each["cohort"], each["stage"], each["alike"]) for each in found] == [
        ("*", "legacy", True),
        ("a", "legacy", False),
        ("b", "syncing", False),
    ]


def test_a_function_without_cohorts_has_none_to_move(strangler: Strangler, tmp_path: Path) -> None:
    (tmp_path / "strangler.yaml").write_text(CONFIGURATION)
    for command in (["advance"], ["plan"], ["hold", "--reason", "x"], ["rejoin"]):
        refused = strangler(command[0], "party", *command[1:], "--cohort", "1000")
        assert (refused.exit_code, "party has no cohorts" in refused.output) == (2, True)


def test_a_cohort_that_is_none_of_those_that_are_named_is_refused_with_the_nearest(
    strangler: Strangler, control: Control, tmp_path: Path
) -> None:
    file = tmp_path / "strangler.yaml"
    file.write_text(file.read_text().replace('["1000", "2000", a, b]', "[north, south]", 1))
    for command in (["advance"], ["plan"], ["hold", "--reason", "x"], ["rollback"]):
        refused = strangler(command[0], "party", *command[1:], "--cohort", "nroth")
        assert "there is no cohort 'nroth' in functions.party.cohorts.names" in refused.output
        assert "did you mean 'north'?" in refused.output
    assert standings.cohorts(control, "party") == []
    assert strangler("advance", "party", "--cohort", "north").exit_code == 0


def test_a_function_is_not_retired_while_legacy_owns_a_cohort(strangler: Strangler, control: Control) -> None:
    live = {"owner": Side.NEW, "weight": 10_000, "sync_until": Position("7")}
    standings.amend(control, "party", at=1.0, stage=Stage.LIVE, **live)
    standings.amend(control, "party", "1000", at=1.0, stage=Stage.SYNCING, owner=Side.LEGACY)
    refused = strangler("advance", "party", "--to", "retired")
    assert refused.exit_code == 1
    assert "legacy still owns cohort 1000 (syncing)" in refused.output
    assert "strangler advance party --cohort 1000" in refused.output


@pytest.mark.parametrize(
    ("stage", "weight", "do"),
    [
        (
            Stage.LIVE,
            10_000,
            "strangler rejoin party --cohort 1000, so that it is retired with all the others",
        ),
        (Stage.LIVE, 5_000, "strangler advance party --cohort 1000 --to retired"),
    ],
)
def test_a_function_is_not_retired_while_a_cohort_may_still_go_back(
    strangler: Strangler, control: Control, stage: Stage, weight: int, do: str
) -> None:
    live = {"owner": Side.NEW, "sync_until": Position("7")}
    standings.amend(control, "party", at=1.0, stage=Stage.LIVE, weight=10_000, **live)
    standings.amend(control, "party", "1000", at=1.0, stage=stage, weight=weight, **live)
    refused = strangler("advance", "party", "--to", "retired")
    assert refused.exit_code == 1
    assert "cohort 1000 (live) moves on its own" in refused.output
    assert do in refused.output


def test_nothing_of_a_function_moves_while_the_whole_is_switched(control: Control) -> None:
    before = standings.amend(control, "party", at=1.0, stage=Stage.CANARY, weight=500)
    journal.begin(
        control,
        Intent("party", EVERYONE, Stage.LIVE, 10_000, "eva", "", []),
        before,
        Step.FENCED,
        at=time.time(),
    )
    with pytest.raises(Refused, match="a switch of party to new is under way"):
        journal.refuse_while_open(control, "party", "1000")


def test_a_cohort_is_not_held_apart_in_the_middle_of_a_switch_of_the_whole(
    strangler: Strangler, control: Control
) -> None:
    """It would take the fence along, and nobody would lift it."""
    before = standings.amend(control, "party", at=1.0, stage=Stage.CANARY, weight=500)
    intent = Intent("party", EVERYONE, Stage.LIVE, 10_000, "eva", "", [])
    journal.begin(control, intent, before, Step.FENCED, at=time.time())
    standings.amend(control, "party", at=2.0, fenced=True)
    held = strangler("hold", "party", "--cohort", "1000", "--reason", "stocktaking")
    assert (held.exit_code, "a switch of party to new is under way" in held.output) == (1, True)
    assert standings.cohorts(control, "party") == []


def test_two_cohorts_are_switched_apart_but_none_beside_the_whole(control: Control) -> None:
    before = standings.amend(control, "party", "1000", at=1.0, stage=Stage.CANARY, weight=500)
    intent = Intent("party", "1000", Stage.LIVE, 10_000, "eva", "", [])
    journal.begin(control, intent, before, Step.FENCED, at=time.time())
    journal.refuse_while_open(control, "party", "2000")
    with pytest.raises(Refused, match=r"a switch of party \(cohort 1000\) to new"):
        journal.refuse_while_open(control, "party", EVERYONE)


def test_a_cohort_that_was_decided_on_an_overtaken_whole_is_refused(control: Control) -> None:
    standings.amend(control, "party", at=1.0, stage=Stage.SYNCING)
    before = standings.of(control, "party", "1000")
    standings.amend(control, "party", at=2.0, stage=Stage.LEGACY)
    with pytest.raises(Refused, match=r"party \(cohort 1000\) was changed by somebody else"):
        standings.change(control, before, replace(before, stage=Stage.SHADOW), at=3.0)
    assert standings.cohorts(control, "party") == []


def test_who_missed_that_a_cohort_left_legacy_is_still_told_after_it_rejoined(control: Control) -> None:
    """A facade cut off in between takes these rows for untouched: a later switch of the whole must know."""
    standings.amend(control, "party", at=1.0, stage=Stage.SYNCING)
    standings.amend(control, "party", "1000", at=2.0, stage=Stage.LEGACY)
    again = standings.amend(control, "party", "1000", at=3.0, stage=Stage.SYNCING)
    assert standings.rejoin(control, again, at=4.0).left == again.left == again.generation


def test_a_cohort_that_rejoins_keeps_the_later_limit_of_delivery(control: Control) -> None:
    live = {"stage": Stage.LIVE, "owner": Side.NEW, "weight": 10_000}
    standings.amend(control, "party", at=1.0, sync_until=Position("7"), **live)
    own = standings.amend(control, "party", "1000", at=2.0, sync_until=Position("9"), **live)
    assert standings.rejoin(control, own, at=3.0).sync_until == "9"


def test_evidence_counts_from_when_a_cohort_itself_came_into_shadow(control: Control) -> None:
    def moved(cohort: str, stage: Stage, when: float, kind: Kind = Kind.ADVANCED) -> None:
        before = standings.of(control, "party", cohort)
        after = standings.amend(control, "party", cohort, at=when, stage=stage)
        body = history.describe(before, after, "")
        ledger.append(control, actor="eva", kind=kind, function="party", body=body, at=when)

    moved(EVERYONE, Stage.SYNCING, 1.0)
    moved("1000", Stage.SHADOW, 2.0)
    moved(EVERYONE, Stage.SHADOW, 3.0)
    moved("1000", Stage.SYNCING, 4.0, Kind.ROLLED_BACK)

    def entered(cohort: str) -> float:
        return history.entered(history.of(control, "party", cohort), Stage.SHADOW)

    assert (entered("1000"), entered("2000"), entered(EVERYONE)) == (2.0, 3.0, 3.0)
    assert [move.at for move in history.of(control, "party", "1000")] == [1.0, 2.0, 4.0]
    ledger.append(control, actor="eva", kind=Kind.REJOINED, function="party", body={"cohort": "1000"}, at=5.0)
    assert entered("1000") == 3.0


@given(st.sampled_from(Stage), st.sampled_from(Stage), st.sampled_from([0, 500]), st.sampled_from([0, 500]))
def test_only_what_stands_alike_can_rejoin(one: Stage, other: Stage, weight: int, others: int) -> None:
    alike = (one, weight) == (other, others)
    assert (apart(at(one, "1000", weight), at(other, EVERYONE, others)) == "") is alike


def test_a_cohort_stands_on_the_same_cohort_of_what_its_function_depends_on() -> None:
    picture = Snapshot(1, (at(Stage.SYNCING), at(Stage.LIVE, "1000")))
    sale, own = at_the_start("sale"), at_the_start("sale", "1000")
    assert stage_beneath(picture, "party", own, []) is Stage.LIVE
    assert stage_beneath(picture, "party", at_the_start("sale", "2000"), []) is Stage.SYNCING
    assert stage_beneath(picture, "party", sale, []) is Stage.SYNCING
    ahead = Snapshot(1, (at(Stage.LIVE), at(Stage.SHADOW, "1000")))
    assert stage_beneath(ahead, "party", sale, []) is Stage.SHADOW
    assert stage_beneath(ahead, "party", sale, [own]) is Stage.LIVE


def test_a_cohort_is_separated_where_it_stands_and_once(strangler: Strangler, control: Control) -> None:
    strangler("advance", "party")
    told = strangler("separate", "party", "--cohort", "1000", "--as", "eva@office")
    assert "moves on its own from now on; it stands in syncing" in told.output
    (own,) = standings.cohorts(control, "party")
    since = standings.of(control, "party").since
    assert (own.cohort, own.stage, own.since) == ("1000", Stage.SYNCING, since)
    assert own.parted > own.since
    entry = ledger.entries(control)[-1]
    assert (entry.kind, entry.body["cohort"], entry.body["stage"]) == (Kind.SEPARATED, "1000", "syncing")
    again = strangler("separate", "party", "--cohort", "1000")
    assert (again.exit_code, "moves on its own already" in again.output) == (1, True)
    assert history.entered(history.of(control, "party", "1000"), Stage.SYNCING) == since
