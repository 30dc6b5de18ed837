"""Approving by commands: who may, for whom it counts, when it lapses; an edited plan, and the calendar."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import root
from strangler.control import access_tokens, ledger, standings
from strangler.control.store import Control
from strangler.cutover import approvals
from strangler.cutover.history import Kind
from strangler.cutover.stages import Stage
from strangler.roles import Role
from tests.cutover.test_commands import CONFIGURATION

STEPS = "    steps: [{to: syncing, approve: {count: 1}}, {weight: 100%}]\n"
APPROVED = CONFIGURATION.replace("    entities:", f"{STEPS}    entities:")

Strangler = Callable[..., Result]


@pytest.fixture
def strangler(tmp_path: Path) -> Strangler:
    path = tmp_path / "strangler.yaml"
    path.write_text(APPROVED)

    def run(*arguments: str, token: str = "") -> Result:
        variables = {"COLUMNS": "140", "STRANGLER_TOKEN": token or None}
        result = CliRunner(env=variables).invoke(root, ["--config", str(path), *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


@pytest.fixture
def control_url(unnamed_control_url: str) -> str:
    return unnamed_control_url


@pytest.fixture
def token(control: Control) -> Callable[[str, Role], str]:
    def given(name: str, role: Role) -> str:
        return access_tokens.add(control, name=name, role=role, expires_at=None, actor="ida", at=1.0)

    return given


Token = Callable[[str, Role], str]


def test_a_step_waits_for_an_approver_who_does_not_move_it(
    strangler: Strangler, control: Control, token: Token
) -> None:
    eva, max_ = token("eva", Role.APPROVER), token("max", Role.OPERATOR)
    refused = strangler("advance", "party", token=max_)
    assert (refused.exit_code, "approval is failing: nobody has approved syncing" in refused.output) == (
        1,
        True,
    )
    assert "strangler approve party, by 1 more" in refused.output
    approved = strangler("approve", "party", token=eva)
    assert (approved.exit_code, "eva approves the move of party to syncing" in approved.output) == (0, True)
    itself = strangler("advance", "party", token=token("eva", Role.OPERATOR))
    assert (itself.exit_code, "nobody has approved" in itself.output) == (1, True)
    assert strangler("advance", "party", token=max_).exit_code == 0
    (entry,) = ledger.entries(control, kind=approvals.APPROVED)
    assert (entry.body["name"], entry.body["to"], entry.actor) == (
        "eva",
        "syncing",
        f"eva (token {eva[10:18]})",
    )
    assert ledger.entries(control, kind=Kind.ADVANCED)[-1].actor == f"max (token {max_[10:18]})"


def test_an_admin_may_approve_and_move_but_not_both_for_one_step(strangler: Strangler, token: Token) -> None:
    ida, max_ = token("ida", Role.ADMIN), token("max", Role.ADMIN)
    assert strangler("approve", "party", token=ida).exit_code == 0
    assert strangler("advance", "party", token=ida).exit_code == 1
    assert strangler("advance", "party", token=max_).exit_code == 0


def test_a_claimed_name_moves_nothing_that_waits_for_approval(control: Control, tmp_path: Path) -> None:
    """Not by way of the command line, which refuses a mere name before that."""
    from strangler.configuration import load
    from strangler.cutover.assessment import assess

    (tmp_path / "strangler.yaml").write_text(APPROVED)
    settings = load(tmp_path / "strangler.yaml")
    found = assess(control, settings, "party", mover="eva@office (claimed)")
    (gate,) = [each for each in found.gates if each.name == "approval"]
    assert (gate.verdict, gate.figure) == ("inconclusive", "eva@office (claimed)")
    assert "the name is only a claim" in gate.words


def test_an_approval_can_be_taken_back_and_lapses_when_the_function_moves(
    strangler: Strangler, control: Control, token: Token
) -> None:
    eva, max_ = token("eva", Role.APPROVER), token("max", Role.OPERATOR)
    assert "hasn't approved syncing" in strangler("approve", "party", "--revoke", token=eva).output
    strangler("approve", "party", token=eva)
    assert "no longer approves" in strangler("approve", "party", "--revoke", token=eva).output
    assert strangler("advance", "party", token=max_).exit_code == 1
    strangler("approve", "party", token=eva)
    assert strangler("advance", "party", token=max_).exit_code == 0
    strangler("rollback", "party", token=max_)
    assert strangler("advance", "party", token=max_).exit_code == 1
    assert standings.of(control, "party").stage is Stage.LEGACY


def test_who_may_not_approve_is_told_why(strangler: Strangler, token: Token) -> None:
    assert "to approve a move takes a token" in strangler("approve", "party").output
    assert "the token isn't good" in strangler("approve", "party", token="strangler_nonsense").output
    operator = strangler("approve", "party", token=token("max", Role.OPERATOR))
    assert (operator.exit_code, "max may not approve a move" in operator.output) == (1, True)
    admin = token("ida", Role.ADMIN)
    assert strangler("approve", "party", token=admin).exit_code == 0
    strangler("advance", "party", token=token("max", Role.OPERATOR))
    done = strangler("approve", "party", token=admin)
    assert (done.exit_code, "the next step, shadow, waits for nobody" in done.output) == (1, True)


def test_an_edited_plan_stops_the_function_until_an_approver_accepts_it(
    strangler: Strangler, control: Control, token: Token, tmp_path: Path
) -> None:
    eva, max_ = token("eva", Role.APPROVER), token("max", Role.OPERATOR)
    assert "it hasn't begun" in strangler("approve", "party", "--edited-plan", token=eva).output
    strangler("approve", "party", token=eva)
    strangler("advance", "party", token=max_)
    begun = json.loads(strangler("plan", "party", "--json").output)
    assert begun["plan"] == begun["begun_under"]
    assert "nothing was edited" in strangler("approve", "party", "--edited-plan", token=eva).output
    path = tmp_path / "strangler.yaml"
    path.write_text(APPROVED.replace("{weight: 100%}", "{weight: 10%}, {weight: 100%}"))
    planned = strangler("plan", "party").output
    assert f"the plan was edited since the function began by it: {begun['plan']} became" in " ".join(
        planned.split()
    )
    assert "plan" in json.loads(strangler("status", "--json").output)[0]["blocking"]
    assert "strangler approve party --edited-plan" in strangler("advance", "party", token=max_).output
    assert "may not approve" in strangler("approve", "party", "--edited-plan", token=max_).output
    accepted = strangler("approve", "party", "--edited-plan", token=eva)
    assert (accepted.exit_code, "eva agrees that party goes on under plan" in accepted.output) == (0, True)
    assert "plan is failing" not in strangler("advance", "party", token=max_).output
    (entry,) = ledger.entries(control, kind=Kind.ACCEPTED)
    assert entry.actor.startswith("eva (token ")
    assert entry.body["before"] == begun["plan"]
    assert "plan" not in json.loads(strangler("status", "--json").output)[0]["blocking"]


def test_a_cohorts_edited_plan_is_agreed_to_before_the_cohort_moves_on_its_own(
    strangler: Strangler, token: Token, tmp_path: Path
) -> None:
    eva = token("eva", Role.APPROVER)
    path = tmp_path / "strangler.yaml"
    section = (
        "    cohorts: {from: [{header: X-Company}], of: {party: {everyone: one list}}, names: ['1000']}\n"
    )
    divided = APPROVED.replace("    entities:", f"{section}    entities:")
    path.write_text(divided)
    strangler("approve", "party", token=eva)
    strangler("advance", "party", token=token("max", Role.OPERATOR))
    path.write_text(divided.replace("{weight: 100%}", "{weight: 10%}, {weight: 100%}"))
    asked = ("approve", "party", "--cohort", "1000", "--edited-plan")
    assert strangler(*asked, token=eva).exit_code == 0

    def blocking(cohort: str) -> list[str]:
        (found,) = json.loads(strangler("status", "--cohort", cohort, "--json").output)
        return list(found["blocking"])

    assert ("plan" in blocking("1000"), "plan" in blocking("2000")) == (False, True)


def test_nothing_moves_forwards_in_a_freeze_and_back_all_the_same(
    strangler: Strangler, control: Control, tmp_path: Path
) -> None:
    assert "no freeze is configured" in strangler("freezes").output
    path = tmp_path / "strangler.yaml"
    always = 'freezes: [{name: the long night, from: "2020-01-01", to: "2090-01-01"}]\n'
    path.write_text(CONFIGURATION + always)
    refused = strangler("advance", "party")
    assert (refused.exit_code, "the long night from 2020-01-01 to 2090-01-01" in refused.output) == (1, True)
    standings.amend(control, "party", at=1.0, stage=Stage.SYNCING)
    assert strangler("rollback", "party").exit_code == 0
    assert "now" in strangler("freezes").output
    (found,) = json.loads(strangler("freezes", "--json").output)
    assert (found["from"], found["functions"]) == ("2020-01-01", [])
