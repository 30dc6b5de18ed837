"""Approving by commands: who may, for whom it counts, when it lapses; an edited plan, and the calendar."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strangler.cli.main import root
from strangler.control import ledger, standings
from strangler.control.store import Control
from strangler.cutover import approvals
from strangler.cutover.history import Kind
from strangler.cutover.stages import Stage
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
def control(tmp_path: Path) -> Iterator[Control]:
    with Control.open(f"sqlite:///{tmp_path}/.strangler/control.db") as opened:
        yield opened


def token(strangler: Strangler, name: str, role: str) -> str:
    return strangler("access", "add", name, "--role", role).output.splitlines()[-1]


def test_a_step_waits_for_an_approver_who_does_not_move_it(strangler: Strangler, control: Control) -> None:
    eva = token(strangler, "eva", "approver")
    refused = strangler("advance", "party", "--as", "max@office")
    assert (refused.exit_code, "approval is failing: nobody has approved syncing" in refused.output) == (
        1,
        True,
    )
    assert "strangler approve party, by 1 more" in refused.output
    approved = strangler("approve", "party", token=eva)
    assert (approved.exit_code, "eva approves the move of party to syncing" in approved.output) == (0, True)
    itself = strangler("advance", "party", "--as", "eva@office")
    assert (itself.exit_code, "nobody has approved" in itself.output) == (1, True)
    assert strangler("advance", "party", "--as", "max@office").exit_code == 0
    (entry,) = ledger.entries(control, kind=approvals.APPROVED)
    assert (entry.body["name"], entry.body["to"], entry.actor.startswith("eva (token ")) == (
        "eva",
        "syncing",
        True,
    )


def test_an_approval_can_be_taken_back_and_lapses_when_the_function_moves(
    strangler: Strangler, control: Control
) -> None:
    eva = token(strangler, "eva", "approver")
    assert "hasn't approved syncing" in strangler("approve", "party", "--revoke", token=eva).output
    strangler("approve", "party", token=eva)
    assert "no longer approves" in strangler("approve", "party", "--revoke", token=eva).output
    assert strangler("advance", "party", "--as", "max@office").exit_code == 1
    strangler("approve", "party", token=eva)
    assert strangler("advance", "party", "--as", "max@office").exit_code == 0
    strangler("rollback", "party")
    assert strangler("advance", "party", "--as", "max@office").exit_code == 1
    assert standings.of(control, "party").stage is Stage.LEGACY


def test_who_may_not_approve_is_told_why(strangler: Strangler) -> None:
    assert "takes an access token" in strangler("approve", "party").output
    assert "the access token isn't good" in strangler("approve", "party", token="strangler_nonsense").output
    operator = strangler("approve", "party", token=token(strangler, "max", "operator"))
    assert (operator.exit_code, "max may not approve a move" in operator.output) == (1, True)
    admin = token(strangler, "ida", "admin")
    assert strangler("approve", "party", token=admin).exit_code == 0
    strangler("advance", "party")
    done = strangler("approve", "party", token=admin)
    assert (done.exit_code, "the next step, shadow, waits for nobody" in done.output) == (1, True)


def test_an_edited_plan_stops_the_function_until_an_approver_accepts_it(
    strangler: Strangler, control: Control, tmp_path: Path
) -> None:
    eva = token(strangler, "eva", "approver")
    strangler("approve", "party", token=eva)
    strangler("advance", "party", "--as", "max@office")
    begun = json.loads(strangler("plan", "party", "--json").output)
    assert begun["plan"] == begun["begun_under"]
    path = tmp_path / "strangler.yaml"
    path.write_text(APPROVED.replace("{weight: 100%}", "{weight: 10%}, {weight: 100%}"))
    planned = strangler("plan", "party").output
    assert f"the plan was edited since the function began by it: {begun['plan']} became" in " ".join(
        planned.split()
    )
    assert "plan" in json.loads(strangler("status", "--json").output)[0]["blocking"]
    assert "plan is failing" in strangler("advance", "party").output
    assert (
        "may not approve"
        in strangler("advance", "party", "--accept-plan", token=token(strangler, "max", "operator")).output
    )
    accepted = strangler("advance", "party", "--accept-plan", token=eva)
    assert "plan is failing" not in accepted.output
    (entry,) = ledger.entries(control, kind=Kind.ACCEPTED)
    assert entry.body["by"].startswith("eva (token ")
    assert entry.body["before"] == begun["plan"]
    assert "plan" not in json.loads(strangler("status", "--json").output)[0]["blocking"]


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
